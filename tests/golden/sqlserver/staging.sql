-- create_staging sales
CREATE TABLE [replica_stage].[attempt_1] (
       [c0] nvarchar(20) NULL,
       [c1] bigint NULL,
       [c2] date NULL,
       [c3] decimal(16,4) NULL,
       [c4] decimal(19,4) NULL,
       [c5] float NULL,
       [c6] datetime2(3) NULL,
       [c7] nvarchar(34) NULL,
       [c8] nvarchar(36) NULL,
       [c9] nvarchar(50) NULL,
       [c10] nvarchar(max) NULL,
       [c11] varbinary(max) NULL,
       [c12] binary(8) NULL,
       [c13] nvarchar(50) NULL
)
GO

-- drop_staging
DROP TABLE IF EXISTS [replica_stage].[attempt_1]
GO

-- list_staging
SELECT t.name
  FROM sys.tables t
  JOIN sys.schemas s ON s.schema_id = t.schema_id
 WHERE s.name = ?
-- values: 'replica_stage'
GO

