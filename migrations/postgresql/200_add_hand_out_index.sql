CREATE INDEX IF NOT EXISTS ix_etl_progress__hand_out ON dbo.etl_progress (run_id, state, wave, day, table_name);
