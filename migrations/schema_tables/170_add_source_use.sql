IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]') AND name = N'source_connections')
ALTER TABLE [dbo].[etl_progress] ADD source_connections BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]') AND name = N'source_statements')
ALTER TABLE [dbo].[etl_progress] ADD source_statements BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]') AND name = N'source_rows')
ALTER TABLE [dbo].[etl_progress] ADD source_rows BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]') AND name = N'source_bytes')
ALTER TABLE [dbo].[etl_progress] ADD source_bytes BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]') AND name = N'source_seconds')
ALTER TABLE [dbo].[etl_progress] ADD source_seconds FLOAT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[replica_run_history]') AND name = N'source_connections')
ALTER TABLE [dbo].[replica_run_history] ADD source_connections BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[replica_run_history]') AND name = N'source_statements')
ALTER TABLE [dbo].[replica_run_history] ADD source_statements BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[replica_run_history]') AND name = N'source_rows')
ALTER TABLE [dbo].[replica_run_history] ADD source_rows BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[replica_run_history]') AND name = N'source_bytes')
ALTER TABLE [dbo].[replica_run_history] ADD source_bytes BIGINT NOT NULL DEFAULT 0;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[replica_run_history]') AND name = N'source_seconds')
ALTER TABLE [dbo].[replica_run_history] ADD source_seconds FLOAT NOT NULL DEFAULT 0;
GO
