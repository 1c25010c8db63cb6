IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF SCHEMA_ID(N'replica_stage') IS NULL
    EXEC (N'CREATE SCHEMA [replica_stage]');
GO
IF OBJECT_ID(N'[dbo].[replica_watermark]', N'U') IS NULL
CREATE TABLE dbo.replica_watermark (
	table_name NVARCHAR(128) NOT NULL,
	watermark BINARY(8) NULL,
	reached BINARY(8) NULL,
	scanned_to BINARY(8) NULL,
	scanned_by VARCHAR(64) NOT NULL,
	proven_at DATETIME2(3) NULL,
	PRIMARY KEY (table_name)
);
GO
