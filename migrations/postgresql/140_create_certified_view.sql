DROP VIEW IF EXISTS "dbo"."replica_certified";
CREATE VIEW "dbo"."replica_certified" AS
SELECT ends.table_name, min(ends.day) AS first_day, max(CASE WHEN (ends.is_proven = 1 AND ends.day <= ends.first_end) THEN ends.day END) AS certified_through, max(ends.day) AS last_day, max(CASE WHEN (ends.is_proven = 1 AND ends.day <= ends.first_end) THEN ends.ended_at END) AS checked_at
FROM (SELECT days.table_name AS table_name, days.day AS day, days.ended_at AS ended_at, days.is_proven AS is_proven, days.next_day AS next_day, min(CASE WHEN (days.is_proven = 0 OR days.next_day IS NULL OR (days.next_day - days.day) > 1) THEN days.day END) OVER (PARTITION BY days.table_name) AS first_end
FROM (SELECT newest.table_name AS table_name, newest.day AS day, newest.ended_at AS ended_at, newest.is_proven AS is_proven, lead(newest.day) OVER (PARTITION BY newest.table_name ORDER BY newest.day) AS next_day
FROM (SELECT checks.table_name AS table_name, checks.day AS day, checks.ended_at AS ended_at, checks.is_proven AS is_proven, row_number() OVER (PARTITION BY checks.table_name, CASE WHEN (checks.table_name IN ('APP_4_PAYMENT', 'APP_4_SALES', 'APP_4_SALESITEM')) THEN checks.day END ORDER BY checks.ended_at DESC, checks.is_proven) AS place
FROM (SELECT dbo.etl_progress.table_name AS table_name, dbo.etl_progress.day AS day, dbo.etl_progress.finished_at AS ended_at, CASE WHEN (dbo.etl_progress.state = 'merged' AND dbo.etl_progress.action = 'load' OR dbo.etl_progress.state = 'checked' AND dbo.etl_progress.verdict IN ('match', 'repaired')) THEN 1 ELSE 0 END AS is_proven
FROM dbo.etl_progress
WHERE dbo.etl_progress.state IN ('merged', 'checked', 'refused', 'failed') AND dbo.etl_progress.finished_at IS NOT NULL AND dbo.etl_progress.day != '1900-01-01' UNION ALL SELECT dbo.dimension_refresh_audit.table_name AS table_name, dbo.dimension_refresh_audit.day AS day, dbo.dimension_refresh_audit.checked_at AS checked_at, CASE WHEN (dbo.dimension_refresh_audit.verdict IN ('match', 'repaired')) THEN 1 ELSE 0 END AS anon_1
FROM dbo.dimension_refresh_audit
WHERE dbo.dimension_refresh_audit.check_name IN ('load', 'fixes', 'history') AND dbo.dimension_refresh_audit.day != '1900-01-01') AS checks) AS newest
WHERE newest.place = 1) AS days) AS ends GROUP BY ends.table_name;
