CREATE SCHEMA IF NOT EXISTS "dbo";

CREATE SCHEMA IF NOT EXISTS "replica_stage";

CREATE TABLE IF NOT EXISTS dbo.replica_watermark (
	table_name VARCHAR(128) NOT NULL,
	watermark BYTEA,
	reached BYTEA,
	scanned_to BYTEA,
	scanned_by VARCHAR(64) NOT NULL,
	proven_at TIMESTAMP WITHOUT TIME ZONE,
	PRIMARY KEY (table_name)
);
