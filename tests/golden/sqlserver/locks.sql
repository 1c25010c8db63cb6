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

-- take_session_locks
DECLARE @resource nvarchar(255);
DECLARE @got int = 0;
DECLARE @taken int = 0;

SET @resource = LEFT(CONCAT(N'replica_worker|', CAST(? AS nvarchar(110)), N'|', DB_NAME()), 255);
IF @got >= 0
BEGIN
    EXEC @got = sp_getapplock @Resource = @resource, @LockMode = 'Exclusive',
                              @LockOwner = 'Session', @LockTimeout = 0;
    IF @got >= 0 SET @taken = @taken + 1;
END;

SET @resource = LEFT(CONCAT(N'replica_worker|', CAST(? AS nvarchar(110)), N'|', DB_NAME()), 255);
IF @got >= 0
BEGIN
    EXEC @got = sp_getapplock @Resource = @resource, @LockMode = 'Exclusive',
                              @LockOwner = 'Session', @LockTimeout = 0;
    IF @got >= 0 SET @taken = @taken + 1;
END;

SELECT @taken
-- values: 'SALES|2026-03-14', 'SALES|2026-03-15'
GO

-- release_session_locks
DECLARE @resource nvarchar(255);

SET @resource = LEFT(CONCAT(N'replica_worker|', CAST(? AS nvarchar(110)), N'|', DB_NAME()), 255);
EXEC sp_releaseapplock @Resource = @resource, @LockOwner = 'Session';

SET @resource = LEFT(CONCAT(N'replica_worker|', CAST(? AS nvarchar(110)), N'|', DB_NAME()), 255);
EXEC sp_releaseapplock @Resource = @resource, @LockOwner = 'Session';
-- values: 'SALES|2026-03-14', 'SALES|2026-03-15'
GO

