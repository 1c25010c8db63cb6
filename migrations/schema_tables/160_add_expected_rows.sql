IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]') AND name = N'rows_expected')
ALTER TABLE [dbo].[etl_progress] ADD rows_expected BIGINT NULL;
GO
