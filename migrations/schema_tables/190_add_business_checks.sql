IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[dimension_refresh_audit]') AND name = N'headers')
ALTER TABLE [dbo].[dimension_refresh_audit] ADD headers BIGINT NULL;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[dimension_refresh_audit]') AND name = N'headers_without')
ALTER TABLE [dbo].[dimension_refresh_audit] ADD headers_without BIGINT NULL;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[dimension_refresh_audit]') AND name = N'headers_unbalanced')
ALTER TABLE [dbo].[dimension_refresh_audit] ADD headers_unbalanced BIGINT NULL;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[dimension_refresh_audit]') AND name = N'amount_expected')
ALTER TABLE [dbo].[dimension_refresh_audit] ADD amount_expected NUMERIC(38, 6) NULL;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[dimension_refresh_audit]') AND name = N'amount_found')
ALTER TABLE [dbo].[dimension_refresh_audit] ADD amount_found NUMERIC(38, 6) NULL;
GO

IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF SCHEMA_ID(N'replica_stage') IS NULL
    EXEC (N'CREATE SCHEMA [replica_stage]');
GO
IF OBJECT_ID(N'[dbo].[replica_imbalance]', N'U') IS NULL
CREATE TABLE dbo.replica_imbalance (
	check_name VARCHAR(32) NOT NULL,
	table_name NVARCHAR(128) NOT NULL,
	day DATE NOT NULL,
	location NVARCHAR(255) NOT NULL,
	null_keys BIGINT NULL,
	duplicate_keys BIGINT NULL,
	orphans BIGINT NULL,
	headers BIGINT NULL,
	headers_without BIGINT NULL,
	headers_unbalanced BIGINT NULL,
	amount_expected NUMERIC(38, 6) NULL,
	amount_found NUMERIC(38, 6) NULL,
	run_id VARCHAR(64) NOT NULL,
	checked_at DATETIME2(3) NOT NULL,
	PRIMARY KEY (check_name, table_name, day, location)
);
GO
