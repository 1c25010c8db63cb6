"""The T-SQL that the engine makes for a small but telling spec, by theme and name."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from zoneinfo import ZoneInfo

from replica_worker.engines.sqlserver import (
    books,
    dates,
    ddl,
    digests,
    locks,
    measures,
    merges,
    staged,
    statements,
)
from replica_worker.engines.sqlserver.fragments import Fragment
from replica_worker.engines.values import RowSelection, Side, StagedChunk
from replica_worker.model.days import DayRange
from replica_worker.model.digests import DigestKind
from replica_worker.model.key_ranges import KeyRange
from replica_worker.model.specs import TableSpec, parse_specs
from support.replica import DAY
from support.specs import column, columns, daily, spec_text

ZONE = ZoneInfo("Asia/Kuala_Lumpur")

_SALES = daily(
    "SALES",
    ["SHOP", "NO"],
    "DAY",
    target_name="SALES COPY",
    rowversion="RV",
    indexes=[{"on": ["SHOP", "DAY"], "include": ["AMOUNT"]}, {"on": ["DAY"], "include": ["RV"]}],
    columns=[
        *columns(
            SHOP="varchar(20)!",
            NO="bigint!",
            DAY="date",
            AMOUNT="decimal(16,4)",
            PAID="money",
            RATE="float",
            MADE_AT="datetime",
            SENT_AT="datetimeoffset(7)",
            CUSTOMER="uniqueidentifier",
            NAME="nvarchar(50)",
            NOTE="varchar(max)",
            PHOTO="varbinary(max)",
            RV="rowversion!",
        ),
        column("odd]'name", "varchar(50)", date_formats=["YYYY-MM-DD", "DD/MM/YYYY"]),
    ],
)
_LINES = {
    "name": "LINES",
    "strategy": "daily",
    "key": ["SHOP", "NO", "LINE"],
    "day_from": {"table": "SALES", "on": {"SHOP": "SHOP", "NO": "NO"}},
    "columns": columns(SHOP="varchar(20)!", NO="bigint!", LINE="smallint!", ITEM="nvarchar(50)"),
}
_SHIFTS = daily(
    "SHIFTS", ["ID"], "BEGUN", columns=columns(ID="int!", BEGUN="datetimeoffset(3)", BY="char(8)")
)
_ITEMS = {
    "name": "ITEMS",
    "strategy": "incremental",
    "key": ["ID"],
    "rowversion": "RV",
    "columns": columns(ID="int!", RV="rowversion!"),
}
_PAID = daily(
    "PAID",
    ["ID"],
    "PAID_AT",
    columns=columns(
        ID="int!", PAID_AT="datetime", SHOP="nvarchar(30)", AMOUNT="money", VOID="tinyint"
    ),
)
_CHECK = {
    "name": "shops",
    "header": {
        "table": "SALES",
        "number": "SHOP",
        "location": "NAME",
        "left_out": {"odd]'name": ["x", "y"]},
    },
    "lines": [
        {"table": "LINES", "number": "SHOP", "amount": ["LINE"], "equals": ["AMOUNT", "PAID"]},
        {
            "table": "PAID",
            "number": "SHOP",
            "amount": ["AMOUNT"],
            "equals": ["PAID"],
            "left_out": {"VOID": [1]},
        },
    ],
}
_SPEC = parse_specs(
    spec_text(_SALES, _LINES, _SHIFTS, _ITEMS, _PAID, business_checks=[_CHECK]), origin="golden"
)
_TABLES = {table.name.lower(): table for table in _SPEC.tables}
_SALES_TABLE, _LINES_TABLE = _TABLES["sales"], _TABLES["lines"]


def statements_by_theme() -> dict[str, dict[str, Fragment]]:
    """Every statement under its theme, which is its file, and its name."""
    return {
        "ddl": _ddl(),
        "reads": _reads(),
        "digests": _digests(),
        "staging": _staging(),
        "surplus": _surplus(),
        "merge": _by_table(merges.count_new, _merge_staged),
        "upsert": _by_table(_update_staged, merges.insert_staged),
        "proofs": _by_table(merges.count_unequal),
        "books": _books(),
        "locks": _locks(),
        "catalogue": {"find_columns": statements.FIND_COLUMNS},
    }


def golden_text(named: dict[str, Fragment]) -> str:
    """Statements as a script: each with its name before it and its values behind it."""
    return "".join(
        f"-- {name}\n{_laid_out(statement)}\n{_values(statement)}GO\n\n"
        for name, statement in named.items()
    )


def _laid_out(statement: Fragment) -> str:
    return dedent(statement.text).strip()


def _values(statement: Fragment) -> str:
    return f"-- values: {', '.join(map(repr, statement.values))}\n" if statement.values else ""


def _rows(table: TableSpec, side: Side = Side.SOURCE) -> RowSelection:
    days = DayRange.one(DAY) if table.is_daily else None
    return RowSelection(table=table, side=side, days=days)


def _chunk(table: TableSpec) -> StagedChunk:
    days = DayRange.one(DAY) if table.is_daily else None
    return StagedChunk(table=table, staging="attempt_1", days=days, is_complete=True)


def _merge_staged(chunk: StagedChunk) -> Fragment:
    return merges.merge_staged(chunk, ZONE, may_move=False)


def _update_staged(chunk: StagedChunk) -> Fragment:
    return merges.update_staged(chunk, ZONE, may_move=False)


def _by_table(*makers: object) -> dict[str, Fragment]:
    return {
        f"{maker.__name__.removeprefix('_')} {name}": maker(_chunk(table))
        for maker in makers
        for name, table in (("sales", _SALES_TABLE), ("lines", _LINES_TABLE))
    }


def _ddl() -> dict[str, Fragment]:
    made = {f"table_ddl {name}": ddl.table_ddl(table) for name, table in _TABLES.items()}
    made["index_ddl sales"] = ddl.index_ddl(_SALES_TABLE)
    made["view_ddl sales"] = ddl.view_ddl(_SALES_TABLE)
    return {name: Fragment(text.removesuffix("GO\n")) for name, text in made.items()}


def _reads() -> dict[str, Fragment]:
    def select(table: TableSpec, *, long: bool = False, keys: KeyRange | None = None) -> Fragment:
        rows = replace(_rows(table), keys=keys)
        return statements.select_rows(rows, ZONE, long=long, max_dop=1)

    dateless = replace(_rows(_SALES_TABLE), days=None, dateless=True)
    changed = replace(_rows(_SALES_TABLE), days=None).above(b"\0\0\0\0\0\0\0\7")
    increment = _rows(_TABLES["items"]).above(b"\0\0\0\0\0\0\0\7")
    return {
        "select_rows sales": select(_SALES_TABLE),
        "select_rows sales, long values": select(_SALES_TABLE, long=True),
        "select_rows lines": select(_LINES_TABLE),
        "select_rows shifts": select(_TABLES["shifts"]),
        "select_rows sales, no day": statements.select_rows(dateless, ZONE, long=False, max_dop=0),
        "select_rows items, increment": statements.select_rows(
            increment, ZONE, long=False, max_dop=0
        ),
        "select_rows_by_key sales": statements.select_rows_by_key(
            _rows(_SALES_TABLE), '[{"k0": "gpo10", "k1": "7"}]', ZONE
        ),
        "select_rows_by_key lines": statements.select_rows_by_key(
            _rows(_LINES_TABLE), '[{"k0": "gpo10", "k1": "7", "k2": "1"}]', ZONE
        ),
        "changed_days sales": statements.changed_days(changed, ZONE),
        "count_days sales": measures.count_days(_rows(_SALES_TABLE), ZONE, max_dop=1),
        "count_days lines": measures.count_days(_rows(_LINES_TABLE), ZONE, max_dop=1),
        "count_days items": measures.count_days(_rows(_TABLES["items"]), ZONE, max_dop=0),
        "key_bounds sales": measures.key_bounds(_rows(_SALES_TABLE), 1000, ZONE, max_dop=1),
        "key_bounds shifts": measures.key_bounds(_rows(_TABLES["shifts"]), 1000, ZONE, max_dop=0),
        "select_rows sales, key range": select(_SALES_TABLE, keys=KeyRange(first="a", end="it's")),
        "select_rows shifts, last key range": select(
            _TABLES["shifts"], keys=KeyRange(first="7", end=None)
        ),
        "safe_rowversion": statements.SAFE_ROWVERSION,
        "count_unparsable sales": dates.count_unparsable(_rows(_SALES_TABLE, Side.WAREHOUSE), ZONE),
    }


def _digests() -> dict[str, Fragment]:
    terms = digests.Terms(zone=ZONE, encoding="utf-8", max_dop=2)
    older = digests.Terms(zone=ZONE, encoding="utf-16")
    sales = _rows(_SALES_TABLE)
    content, version = DigestKind.CONTENT, DigestKind.VERSION
    return {
        "digest_rows sales, content": digests.digest_rows(sales, content, terms),
        "digest_rows sales, content, UTF-16": digests.digest_rows(sales, content, older),
        "digest_rows sales, version": digests.digest_rows(sales, version, terms),
        "digest_rows lines, content": digests.digest_rows(_rows(_LINES_TABLE), content, terms),
        "digest_days sales, version": digests.digest_days(sales, version, terms),
        "digest_days shifts, content": digests.digest_days(
            _rows(_TABLES["shifts"]), content, terms
        ),
        "digest_buckets lines, content": digests.digest_buckets(
            _rows(_LINES_TABLE), content, 64, terms
        ),
        "select_row_hashes sales, content": digests.select_row_hashes(
            sales, content, None, 64, terms
        ),
        "select_row_hashes sales, two buckets": digests.select_row_hashes(
            sales, version, frozenset({3, 1020}), 1024, terms
        ),
    }


def _staging() -> dict[str, Fragment]:
    return {
        "create_staging sales": staged.create_staging(_SALES_TABLE, "attempt_1"),
        "drop_staging": staged.drop_staging("attempt_1"),
        "list_staging": staged.LIST_STAGING,
    }


def _surplus() -> dict[str, Fragment]:
    made = {
        f"{maker.__name__.removeprefix('_')} {name}": maker(_chunk(table), ZONE)
        for maker in (
            merges.list_surplus_keys,
            merges.count_surplus,
            merges.count_elsewhere,
            merges.count_present,
            merges.delete_surplus,
        )
        for name, table in (("sales", _SALES_TABLE), ("lines", _LINES_TABLE))
    }
    made["delete_surplus items"] = merges.delete_surplus(_chunk(_TABLES["items"]), ZONE)
    return made


def _books() -> dict[str, Fragment]:
    made = books.SqlServerBookStatements(ZONE)
    (check,) = _SPEC.business_checks
    days = DayRange.one(DAY)
    named = {"count_headers": made.count_headers(check, days)}
    for lines in check.lines:
        name = lines.table.name.lower()
        named[f"compare_lines {name}"] = made.compare_lines(check, lines, days)
        named[f"count_lines {name}"] = made.count_lines(check, lines, days)
        named[f"header_days {name}"] = made.header_days(check, lines, days)
    return named


def _locks() -> dict[str, Fragment]:
    return {
        "take_lock chunk": locks.take_lock(
            "SALES|2026-03-14", mode="Exclusive", owner="Session", timeout_ms=0
        ),
        "take_lock moves": locks.take_lock(
            "dbo.SALES|moves", mode="Shared", owner="Transaction", timeout_ms=30_000
        ),
        "release_lock": locks.release_lock("SALES|2026-03-14"),
        "take_session_locks": locks.take_session_locks(["SALES|2026-03-14", "SALES|2026-03-15"]),
        "release_session_locks": locks.release_session_locks(
            ["SALES|2026-03-14", "SALES|2026-03-15"]
        ),
    }
