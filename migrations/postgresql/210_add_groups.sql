ALTER TABLE "dbo"."etl_progress"
    ADD COLUMN IF NOT EXISTS group_day DATE;
