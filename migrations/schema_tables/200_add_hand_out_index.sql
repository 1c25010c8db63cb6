IF NOT EXISTS (
    SELECT 1 FROM sys.index_columns
     WHERE object_id = OBJECT_ID(N'[dbo].[etl_progress]')
       AND (key_ordinal = 1 AND COL_NAME(object_id, column_id) = N'run_id'
         OR key_ordinal = 2 AND COL_NAME(object_id, column_id) = N'state'
         OR key_ordinal = 3 AND COL_NAME(object_id, column_id) = N'wave'
         OR key_ordinal = 4 AND COL_NAME(object_id, column_id) = N'day'
         OR key_ordinal = 5 AND COL_NAME(object_id, column_id) = N'table_name')
     GROUP BY index_id
    HAVING COUNT(*) = 5)
CREATE INDEX [ix_run_id_state_wave_day_table_name] ON [dbo].[etl_progress] ([run_id], [state], [wave], [day], [table_name]);
GO
