IF NOT EXISTS (SELECT 1 FROM sys.columns
                WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]') AND name = N'group_day')
ALTER TABLE [dbo].[etl_progress] ADD group_day DATE NULL;
GO
