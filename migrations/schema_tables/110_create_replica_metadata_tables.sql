IF SCHEMA_ID(N'dbo') IS NULL
    EXEC (N'CREATE SCHEMA [dbo]');
GO
IF SCHEMA_ID(N'replica_stage') IS NULL
    EXEC (N'CREATE SCHEMA [replica_stage]');
GO
IF OBJECT_ID(N'[dbo].[dimension_refresh_audit]', N'U') IS NULL
CREATE TABLE dbo.dimension_refresh_audit (
	run_id VARCHAR(64) NOT NULL,
	table_name NVARCHAR(128) NOT NULL,
	day DATE NOT NULL,
	check_name VARCHAR(32) NOT NULL,
	verdict VARCHAR(16) NOT NULL,
	source_rows BIGINT NULL,
	target_rows BIGINT NULL,
	source_digest VARCHAR(80) NULL,
	target_digest VARCHAR(80) NULL,
	rows_inserted BIGINT NULL,
	rows_updated BIGINT NULL,
	rows_deleted BIGINT NULL,
	cause VARCHAR(24) NULL,
	method VARCHAR(16) NULL,
	source_rows_read BIGINT NULL,
	source_bytes_read BIGINT NULL,
	null_keys BIGINT NULL,
	duplicate_keys BIGINT NULL,
	orphans BIGINT NULL,
	unparsable_dates BIGINT NULL,
	note NVARCHAR(max) NULL,
	checked_at DATETIME2(3) NOT NULL,
	PRIMARY KEY (run_id, table_name, day, check_name)
);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[dimension_refresh_audit]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'table_name'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'day')
     GROUP BY index_id
    HAVING COUNT(*) = 2)
CREATE INDEX [ix_table_name_day] ON [dbo].[dimension_refresh_audit] ([table_name], [day]);
GO
IF OBJECT_ID(N'[dbo].[etl_progress]', N'U') IS NULL
CREATE TABLE dbo.etl_progress (
	run_id VARCHAR(64) NOT NULL,
	table_name NVARCHAR(128) NOT NULL,
	day DATE NOT NULL,
	action VARCHAR(16) NOT NULL,
	wave INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	attempt INTEGER NOT NULL DEFAULT 0,
	failures INTEGER NOT NULL DEFAULT 0,
	outages INTEGER NOT NULL DEFAULT 0,
	lease_until DATETIME2(3) NULL,
	worker NVARCHAR(255) NULL,
	not_before DATETIME2(3) NULL,
	queued_at DATETIME2(3) NULL,
	verdict VARCHAR(16) NULL,
	rows_extracted BIGINT NOT NULL DEFAULT 0,
	rows_inserted BIGINT NOT NULL DEFAULT 0,
	rows_updated BIGINT NOT NULL DEFAULT 0,
	rows_deleted BIGINT NOT NULL DEFAULT 0,
	rows_moved BIGINT NOT NULL DEFAULT 0,
	[file] NVARCHAR(max) NULL,
	sha256 VARCHAR(64) NULL,
	bytes BIGINT NOT NULL DEFAULT 0,
	digest VARCHAR(80) NULL,
	started_at DATETIME2(3) NULL,
	finished_at DATETIME2(3) NULL,
	extract_seconds FLOAT NULL,
	stage_seconds FLOAT NULL,
	merge_seconds FLOAT NULL,
	error NVARCHAR(max) NULL,
	PRIMARY KEY (run_id, table_name, day)
);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'run_id'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'state')
     GROUP BY index_id
    HAVING COUNT(*) = 2)
CREATE INDEX [ix_run_id_state] ON [dbo].[etl_progress] ([run_id], [state]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'state'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'lease_until')
     GROUP BY index_id
    HAVING COUNT(*) = 2)
CREATE INDEX [ix_state_lease_until] ON [dbo].[etl_progress] ([state], [lease_until]);
GO
IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'table_name'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'day')
     GROUP BY index_id
    HAVING COUNT(*) = 2)
CREATE INDEX [ix_table_name_day] ON [dbo].[etl_progress] ([table_name], [day]);
GO
IF OBJECT_ID(N'[dbo].[replica_endpoint]', N'U') IS NULL
CREATE TABLE dbo.replica_endpoint (
	endpoint NVARCHAR(255) NOT NULL,
	failures INTEGER NOT NULL,
	failing_since DATETIME2(3) NULL,
	open_until DATETIME2(3) NOT NULL,
	error NVARCHAR(max) NULL,
	PRIMARY KEY (endpoint)
);
GO
IF OBJECT_ID(N'[dbo].[replica_migration]', N'U') IS NULL
CREATE TABLE dbo.replica_migration (
	name NVARCHAR(255) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	applied_at DATETIME2(3) NOT NULL,
	product_version VARCHAR(32) NOT NULL,
	PRIMARY KEY (name)
);
GO
IF OBJECT_ID(N'[dbo].[replica_run_history]', N'U') IS NULL
CREATE TABLE dbo.replica_run_history (
	run_id VARCHAR(64) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	first_day DATE NOT NULL,
	last_day DATE NOT NULL,
	tables NVARCHAR(max) NOT NULL,
	options NVARCHAR(max) NOT NULL,
	status VARCHAR(16) NOT NULL,
	chunks INTEGER NOT NULL,
	chunks_done INTEGER NOT NULL DEFAULT 0,
	chunks_failed INTEGER NOT NULL DEFAULT 0,
	rows_extracted BIGINT NOT NULL DEFAULT 0,
	rows_inserted BIGINT NOT NULL DEFAULT 0,
	rows_updated BIGINT NOT NULL DEFAULT 0,
	rows_deleted BIGINT NOT NULL DEFAULT 0,
	started_at DATETIME2(3) NOT NULL,
	ended_at DATETIME2(3) NULL,
	error NVARCHAR(max) NULL,
	asked_by NVARCHAR(128) NOT NULL,
	product_version VARCHAR(32) NOT NULL,
	fed_at DATETIME2(3) NULL,
	finalizer VARCHAR(64) NULL,
	finalizer_until DATETIME2(3) NULL,
	PRIMARY KEY (run_id)
);
GO
