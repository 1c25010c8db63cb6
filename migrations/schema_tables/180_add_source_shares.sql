IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[replica_endpoint]') AND name = N'rows_taken_until')
ALTER TABLE [dbo].[replica_endpoint] ADD rows_taken_until DATETIME2(3) NULL;
GO
IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[replica_endpoint]') AND name = N'bytes_taken_until')
ALTER TABLE [dbo].[replica_endpoint] ADD bytes_taken_until DATETIME2(3) NULL;
GO
