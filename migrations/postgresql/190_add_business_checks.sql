ALTER TABLE "dbo"."dimension_refresh_audit"
    ADD COLUMN IF NOT EXISTS headers BIGINT,
    ADD COLUMN IF NOT EXISTS headers_without BIGINT,
    ADD COLUMN IF NOT EXISTS headers_unbalanced BIGINT,
    ADD COLUMN IF NOT EXISTS amount_expected NUMERIC(38, 6),
    ADD COLUMN IF NOT EXISTS amount_found NUMERIC(38, 6);

CREATE SCHEMA IF NOT EXISTS "dbo";

CREATE SCHEMA IF NOT EXISTS "replica_stage";

CREATE TABLE IF NOT EXISTS dbo.replica_imbalance (
	check_name VARCHAR(32) NOT NULL,
	table_name VARCHAR(128) NOT NULL,
	day DATE NOT NULL,
	location VARCHAR(255) NOT NULL,
	null_keys BIGINT,
	duplicate_keys BIGINT,
	orphans BIGINT,
	headers BIGINT,
	headers_without BIGINT,
	headers_unbalanced BIGINT,
	amount_expected NUMERIC(38, 6),
	amount_found NUMERIC(38, 6),
	run_id VARCHAR(64) NOT NULL,
	checked_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	PRIMARY KEY (check_name, table_name, day, location)
);
