ALTER TABLE "dbo"."etl_progress"
    ADD COLUMN IF NOT EXISTS rows_expected BIGINT;
