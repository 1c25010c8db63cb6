CREATE SCHEMA IF NOT EXISTS "dbo";

CREATE SCHEMA IF NOT EXISTS "replica_stage";

CREATE TABLE IF NOT EXISTS dbo.dimension_refresh_audit (
	run_id VARCHAR(64) NOT NULL,
	table_name VARCHAR(128) NOT NULL,
	day DATE NOT NULL,
	check_name VARCHAR(32) NOT NULL,
	verdict VARCHAR(16) NOT NULL,
	source_rows BIGINT,
	target_rows BIGINT,
	source_digest VARCHAR(80),
	target_digest VARCHAR(80),
	rows_inserted BIGINT,
	rows_updated BIGINT,
	rows_deleted BIGINT,
	cause VARCHAR(24),
	method VARCHAR(16),
	source_rows_read BIGINT,
	source_bytes_read BIGINT,
	null_keys BIGINT,
	duplicate_keys BIGINT,
	orphans BIGINT,
	unparsable_dates BIGINT,
	note TEXT,
	checked_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	PRIMARY KEY (run_id, table_name, day, check_name)
);

CREATE INDEX IF NOT EXISTS ix_dimension_refresh_audit__table_day ON dbo.dimension_refresh_audit (table_name, day);

CREATE TABLE IF NOT EXISTS dbo.etl_progress (
	run_id VARCHAR(64) NOT NULL,
	table_name VARCHAR(128) NOT NULL,
	day DATE NOT NULL,
	action VARCHAR(16) NOT NULL,
	wave INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	attempt INTEGER DEFAULT 0 NOT NULL,
	failures INTEGER DEFAULT 0 NOT NULL,
	outages INTEGER DEFAULT 0 NOT NULL,
	lease_until TIMESTAMP WITHOUT TIME ZONE,
	worker VARCHAR(255),
	not_before TIMESTAMP WITHOUT TIME ZONE,
	queued_at TIMESTAMP WITHOUT TIME ZONE,
	verdict VARCHAR(16),
	rows_extracted BIGINT DEFAULT 0 NOT NULL,
	rows_inserted BIGINT DEFAULT 0 NOT NULL,
	rows_updated BIGINT DEFAULT 0 NOT NULL,
	rows_deleted BIGINT DEFAULT 0 NOT NULL,
	rows_moved BIGINT DEFAULT 0 NOT NULL,
	file TEXT,
	sha256 VARCHAR(64),
	bytes BIGINT DEFAULT 0 NOT NULL,
	digest VARCHAR(80),
	started_at TIMESTAMP WITHOUT TIME ZONE,
	finished_at TIMESTAMP WITHOUT TIME ZONE,
	extract_seconds FLOAT,
	stage_seconds FLOAT,
	merge_seconds FLOAT,
	error TEXT,
	PRIMARY KEY (run_id, table_name, day)
);

CREATE INDEX IF NOT EXISTS ix_etl_progress__run_state ON dbo.etl_progress (run_id, state);

CREATE INDEX IF NOT EXISTS ix_etl_progress__state_lease ON dbo.etl_progress (state, lease_until);

CREATE INDEX IF NOT EXISTS ix_etl_progress__table_day ON dbo.etl_progress (table_name, day);

CREATE TABLE IF NOT EXISTS dbo.replica_endpoint (
	endpoint VARCHAR(255) NOT NULL,
	failures INTEGER NOT NULL,
	failing_since TIMESTAMP WITHOUT TIME ZONE,
	open_until TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	error TEXT,
	PRIMARY KEY (endpoint)
);

CREATE TABLE IF NOT EXISTS dbo.replica_migration (
	name VARCHAR(255) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	applied_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	product_version VARCHAR(32) NOT NULL,
	PRIMARY KEY (name)
);

CREATE TABLE IF NOT EXISTS dbo.replica_run_history (
	run_id VARCHAR(64) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	first_day DATE NOT NULL,
	last_day DATE NOT NULL,
	tables TEXT NOT NULL,
	options TEXT NOT NULL,
	status VARCHAR(16) NOT NULL,
	chunks INTEGER NOT NULL,
	chunks_done INTEGER DEFAULT 0 NOT NULL,
	chunks_failed INTEGER DEFAULT 0 NOT NULL,
	rows_extracted BIGINT DEFAULT 0 NOT NULL,
	rows_inserted BIGINT DEFAULT 0 NOT NULL,
	rows_updated BIGINT DEFAULT 0 NOT NULL,
	rows_deleted BIGINT DEFAULT 0 NOT NULL,
	started_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITHOUT TIME ZONE,
	error TEXT,
	asked_by VARCHAR(128) NOT NULL,
	product_version VARCHAR(32) NOT NULL,
	fed_at TIMESTAMP WITHOUT TIME ZONE,
	finalizer VARCHAR(64),
	finalizer_until TIMESTAMP WITHOUT TIME ZONE,
	PRIMARY KEY (run_id)
);
