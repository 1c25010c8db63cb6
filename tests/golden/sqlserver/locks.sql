-- take_lock chunk
DECLARE @resource nvarchar(255) = LEFT(CONCAT(N'replica_worker|', CAST(? AS nvarchar(110)), N'|', DB_NAME()), 255);
DECLARE @got int;
EXEC @got = sp_getapplock @Resource = @resource, @LockMode = 'Exclusive',
                          @LockOwner = 'Session', @LockTimeout = 0;
SELECT @got
-- values: 'SALES|2026-03-14'
GO

-- take_lock moves
DECLARE @resource nvarchar(255) = LEFT(CONCAT(N'replica_worker|', CAST(? AS nvarchar(110)), N'|', DB_NAME()), 255);
DECLARE @got int;
EXEC @got = sp_getapplock @Resource = @resource, @LockMode = 'Shared',
                          @LockOwner = 'Transaction', @LockTimeout = 30000;
SELECT @got
-- values: 'dbo.SALES|moves'
GO

-- release_lock
DECLARE @resource nvarchar(255) = LEFT(CONCAT(N'replica_worker|', CAST(? AS nvarchar(110)), N'|', DB_NAME()), 255);
EXEC sp_releaseapplock @Resource = @resource, @LockOwner = 'Session'
-- values: 'SALES|2026-03-14'
GO

