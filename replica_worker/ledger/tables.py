"""The metadata tables, in SQLAlchemy Core, with types that both engines have.

Their CREATE statements in `migrations/` are made from this module; a test holds them equal.
All instants are UTC, taken from the database's clock.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql

_INSTANT = sa.DateTime().with_variant(mssql.DATETIME2(3), "mssql")  # type: ignore[no-untyped-call]
_LONG_TEXT = sa.Text().with_variant(mssql.NVARCHAR(None), "mssql")
_NAME = sa.Unicode(128)
_RUN_ID = sa.String(64)
_STATE = sa.String(16)
_ROWS = sa.BigInteger
_AMOUNT = sa.Numeric(38, 6)
_VERSION = sa.LargeBinary(8).with_variant(mssql.BINARY(8), "mssql")


SIZES_MIGRATION = "160_add_expected_rows.sql"


USE_MIGRATION = "170_add_source_use.sql"
CAPS_MIGRATION = "180_add_source_shares.sql"
BUSINESS_MIGRATION = "190_add_business_checks.sql"
GROUPS_MIGRATION = "210_add_groups.sql"


def _source_use() -> list[sa.Column[Any]]:
    """What was asked of the source, see `model.source_use`."""
    return [
        *map(_rows, ("source_connections", "source_statements", "source_rows", "source_bytes")),
        sa.Column("source_seconds", sa.Float, nullable=False, server_default=sa.text("0")),
    ]


def _balance() -> list[sa.Column[Any]]:
    """How headers stand with one table's lines, see `model.books`; NULL: not looked at."""
    return [
        sa.Column("headers", _ROWS),
        sa.Column("headers_without", _ROWS),
        sa.Column("headers_unbalanced", _ROWS),
        sa.Column("amount_expected", _AMOUNT),
        sa.Column("amount_found", _AMOUNT),
    ]


def _columns_added_by(migration: str) -> dict[str, list[sa.Column[Any]]]:
    """By table, the columns that a later migration adds to what an earlier one made."""
    added: dict[str, dict[str, list[sa.Column[Any]]]] = {
        SIZES_MIGRATION: {
            "etl_progress": [sa.Column("rows_expected", _ROWS)],  # NULL: not counted
        },
        USE_MIGRATION: {
            # Of an open run what was asked beside its chunks; of a closed one, all of it.
            "replica_run_history": _source_use(),
            "etl_progress": _source_use(),  # in all attempts
        },
        CAPS_MIGRATION: {
            "replica_endpoint": [  # until when the shares last that were taken of it
                sa.Column("rows_taken_until", _INSTANT),
                sa.Column("bytes_taken_until", _INSTANT),
            ]
        },
        BUSINESS_MIGRATION: {"dimension_refresh_audit": _balance()},
        GROUPS_MIGRATION: {
            # First day of the group that the chunk is handed out with; NULL: it is alone.
            "etl_progress": [sa.Column("group_day", sa.Date)],
        },
    }
    return added[migration]


LATER_MIGRATIONS = (
    SIZES_MIGRATION,
    USE_MIGRATION,
    CAPS_MIGRATION,
    BUSINESS_MIGRATION,
    GROUPS_MIGRATION,
)
"""The migrations that add columns, in their order."""

HAND_OUT_MIGRATION = "200_add_hand_out_index.sql"
"""The migration that adds the index by which chunks are handed out."""


def metadata_for(schema: str) -> sa.MetaData:
    """The metadata tables in the schema that a spec file names."""
    metadata = metadata_as_made(schema)
    for migration in LATER_MIGRATIONS:
        for name, columns in _columns_added_by(migration).items():
            for column in columns:
                metadata.tables[f"{schema}.{name}"].append_column(column)
    _index_for_handing_out(metadata.tables[f"{schema}.etl_progress"])
    return metadata


def handing_out(schema: str) -> sa.MetaData:
    """The table of chunks with the index alone by which they are handed out."""
    metadata = metadata_as_made(schema)
    some = sa.MetaData(schema=schema)
    table = metadata.tables[f"{schema}.etl_progress"].to_metadata(some)
    table.indexes.clear()
    _index_for_handing_out(table)
    return some


def _index_for_handing_out(chunks: sa.Table) -> None:
    """What is next of a run, whatever the number of its chunks: see `handing_out`."""
    columns = (chunks.c[name] for name in ("run_id", "state", "wave", "day", "table_name"))
    sa.Index("ix_etl_progress__hand_out", *columns)


def added_columns(schema: str, migration: str) -> sa.MetaData:
    """Tables that hold just the columns that the migration adds to them."""
    metadata = sa.MetaData(schema=_one_name(schema))
    for name, columns in _columns_added_by(migration).items():
        sa.Table(name, metadata, *columns)
    return metadata


def metadata_as_made(schema: str) -> sa.MetaData:
    """The metadata tables as they are made, without the columns that later migrations add."""
    metadata = sa.MetaData(schema=_one_name(schema))
    _define_runs(metadata)
    _define_chunks(metadata)
    _define_audit(metadata)
    _define_endpoints(metadata)
    _define_migrations(metadata)
    _define_watermarks(metadata)
    _define_imbalances(metadata)
    return metadata


def _one_name(schema: str) -> str:
    """The schema's name, dots and brackets and all.

    For SQL Server, SQLAlchemy takes them apart: `a.b` would be the schema b of a database a.
    """
    has_parts = any(mark in schema for mark in ".[]")
    return sa.sql.quoted_name(schema, quote=True if has_parts else None)


def _rows(name: str) -> sa.Column[int]:
    return sa.Column(name, _ROWS, nullable=False, server_default=sa.text("0"))


def _define_runs(metadata: sa.MetaData) -> None:
    sa.Table(
        "replica_run_history",
        metadata,
        sa.Column("run_id", _RUN_ID, primary_key=True),
        sa.Column("kind", _STATE, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("tables", _LONG_TEXT, nullable=False),  # JSON list of names
        sa.Column("options", _LONG_TEXT, nullable=False),  # JSON, see ledger.RunOptions
        sa.Column("status", _STATE, nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("chunks_done", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("chunks_failed", sa.Integer, nullable=False, server_default=sa.text("0")),
        _rows("rows_extracted"),
        _rows("rows_inserted"),
        _rows("rows_updated"),
        _rows("rows_deleted"),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
        sa.Column("error", _LONG_TEXT),
        sa.Column("asked_by", _NAME, nullable=False),
        sa.Column("product_version", sa.String(32), nullable=False),
        sa.Column("fed_at", _INSTANT),  # when chunks were last handed out
        sa.Column("finalizer", sa.String(64)),  # who closes the run, and until when it may try
        sa.Column("finalizer_until", _INSTANT),
    )


def _define_chunks(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "etl_progress",
        metadata,
        sa.Column("run_id", _RUN_ID, primary_key=True),
        sa.Column("table_name", _NAME, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("action", _STATE, nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("outages", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("lease_until", _INSTANT),
        sa.Column("worker", sa.Unicode(255)),
        sa.Column("not_before", _INSTANT),  # earliest next hand-out
        sa.Column("queued_at", _INSTANT),
        sa.Column("verdict", _STATE),
        _rows("rows_extracted"),
        _rows("rows_inserted"),
        _rows("rows_updated"),
        _rows("rows_deleted"),
        _rows("rows_moved"),
        sa.Column("file", _LONG_TEXT),
        sa.Column("sha256", sa.String(64)),
        _rows("bytes"),
        sa.Column("digest", sa.String(80)),  # the source's, at load time: kind:rows:hash
        sa.Column("started_at", _INSTANT),
        sa.Column("finished_at", _INSTANT),
        sa.Column("extract_seconds", sa.Float),
        sa.Column("stage_seconds", sa.Float),
        sa.Column("merge_seconds", sa.Float),
        sa.Column("error", _LONG_TEXT),
    )
    sa.Index("ix_etl_progress__run_state", table.c.run_id, table.c.state)
    sa.Index("ix_etl_progress__table_day", table.c.table_name, table.c.day)
    sa.Index("ix_etl_progress__state_lease", table.c.state, table.c.lease_until)


def _define_audit(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "dimension_refresh_audit",
        metadata,
        sa.Column("run_id", _RUN_ID, primary_key=True),
        sa.Column("table_name", _NAME, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("check_name", sa.String(32), primary_key=True),
        sa.Column("verdict", _STATE, nullable=False),
        sa.Column("source_rows", _ROWS),
        sa.Column("target_rows", _ROWS),
        sa.Column("source_digest", sa.String(80)),
        sa.Column("target_digest", sa.String(80)),
        sa.Column("rows_inserted", _ROWS),
        sa.Column("rows_updated", _ROWS),
        sa.Column("rows_deleted", _ROWS),
        sa.Column("cause", sa.String(24)),  # why the copies differed, see model.digests.Cause
        sa.Column("method", _STATE),  # how they were made equal: rows, whole
        sa.Column("source_rows_read", _ROWS),  # what finding and mending asked of the source
        sa.Column("source_bytes_read", _ROWS),
        sa.Column("null_keys", _ROWS),  # NULL here and below: not measured by this check
        sa.Column("duplicate_keys", _ROWS),
        sa.Column("orphans", _ROWS),
        sa.Column("unparsable_dates", _ROWS),
        sa.Column("note", _LONG_TEXT),
        sa.Column("checked_at", _INSTANT, nullable=False),
    )
    sa.Index("ix_dimension_refresh_audit__table_day", table.c.table_name, table.c.day)


def _define_endpoints(metadata: sa.MetaData) -> None:
    sa.Table(
        "replica_endpoint",
        metadata,
        sa.Column("endpoint", sa.Unicode(255), primary_key=True),  # host:port/database
        sa.Column("failures", sa.Integer, nullable=False),  # to connect, in a row
        sa.Column("failing_since", _INSTANT),
        sa.Column("open_until", _INSTANT, nullable=False),  # earliest next try
        sa.Column("error", _LONG_TEXT),
    )


WATERMARKS = "replica_watermark"


def _define_watermarks(metadata: sa.MetaData) -> None:
    sa.Table(
        WATERMARKS,
        metadata,
        sa.Column("table_name", _NAME, primary_key=True),
        sa.Column("watermark", _VERSION),  # changes above it are read; NULL: no rowversion
        sa.Column("reached", _VERSION),  # what the last finished reading reached
        sa.Column("scanned_to", _VERSION),  # what a reading under way reached
        sa.Column("scanned_by", _RUN_ID, nullable=False),  # the run that made or makes it
        sa.Column("proven_at", _INSTANT),  # when the watermark last rose
    )


IMBALANCES = "replica_imbalance"

MADE_LATER = {WATERMARKS: "150_create_replica_watermark.sql", IMBALANCES: BUSINESS_MIGRATION}
"""By table, the migration that makes it; all others are made by the first one."""


def _define_imbalances(metadata: sa.MetaData) -> None:
    sa.Table(
        IMBALANCES,
        metadata,
        sa.Column("check_name", sa.String(32), primary_key=True),
        sa.Column("table_name", _NAME, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("location", sa.Unicode(255), primary_key=True),  # empty: none is known
        sa.Column("null_keys", _ROWS),  # NULL here and below: not looked at
        sa.Column("duplicate_keys", _ROWS),
        sa.Column("orphans", _ROWS),
        *_balance(),
        sa.Column("run_id", _RUN_ID, nullable=False),  # the run that found it last
        sa.Column("checked_at", _INSTANT, nullable=False),
    )


def _define_migrations(metadata: sa.MetaData) -> None:
    sa.Table(
        "replica_migration",
        metadata,
        sa.Column("name", sa.Unicode(255), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("applied_at", _INSTANT, nullable=False),
        sa.Column("product_version", sa.String(32), nullable=False),
    )
