"""What the SQL Server engine makes of specs and scripts, as text: quoting, batches, statements."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from support.replica import DAY
from support.specs import LINES, SALES, columns, daily, spec_text

from replica_worker.engines.sqlserver import ddl, digests, merges, statements
from replica_worker.engines.sqlserver.batches import split_batches
from replica_worker.engines.sqlserver.fragments import Fragment, compose, quote
from replica_worker.engines.values import RowSelection, Side, StagedChunk
from replica_worker.ledger.tables import metadata_for
from replica_worker.model.days import DayRange
from replica_worker.model.digests import DigestKind
from replica_worker.model.specs import TableSpec, parse_specs

ZONE = ZoneInfo("Asia/Kuala_Lumpur")


def table_of(*tables: dict[str, object], name: str = "SALES") -> TableSpec:
    return parse_specs(spec_text(*tables), origin="spec.json").table(name)


def rows_of(table: TableSpec, side: Side = Side.SOURCE) -> RowSelection:
    return RowSelection(table=table, side=side, days=DayRange.one(DAY))


def chunk_of(table: TableSpec) -> StagedChunk:
    return StagedChunk(table=table, staging="stage", days=DayRange.one(DAY), is_complete=True)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("plain", "[plain]"),
        ("a]b", "[a]]b]"),
        ("]; DROP TABLE x --", "[]]; DROP TABLE x --]"),
        ("it's {odd} ?", "[it's {odd} ?]"),
    ],
)
def test_names_cannot_leave_their_brackets(name: str, quoted: str) -> None:
    assert str(quote(name)) == quoted


@pytest.mark.parametrize("schema", ["dot.dot", "bracket] [x]", "[x]", "a[b"])
def test_metadata_tables_are_made_in_the_schema_of_that_very_name(schema: str) -> None:
    script = ddl.metadata_ddl(metadata_for(schema), schema)
    made = [line for line in script.splitlines() if line.startswith("CREATE TABLE ")]
    assert made
    assert all(line.startswith(f"CREATE TABLE {quote(schema)}.") for line in made), made


def test_values_stand_in_the_order_of_their_places() -> None:
    made = compose("{b} and {a} and {b}", a=Fragment("?", (1,)), b=Fragment("? ?", (2, 3)))
    assert (made.text, made.values) == ("? ? and ? and ? ?", (2, 3, 1, 2, 3))


@pytest.mark.parametrize(
    ("script", "batches"),
    [
        ("SELECT 1\nGO\nSELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1\r\n  go  \r\nSELECT 2\nGO\n", ["SELECT 1", "SELECT 2"]),
        ("INSERT t\nGO 3", ["INSERT t"] * 3),
        ("SELECT 1 -- x\nGO -- done\nSELECT 2", ["SELECT 1 -- x", "SELECT 2"]),
        ("SELECT 'a\nGO\nb'", ["SELECT 'a\nGO\nb'"]),
        ("SELECT 'it''s\nGO\n'", ["SELECT 'it''s\nGO\n'"]),
        ("/* a\nGO\n/* b */\nGO\n*/ SELECT 1", ["/* a\nGO\n/* b */\nGO\n*/ SELECT 1"]),
        ('SELECT [a\nGO\nb], "c\nGO"', ['SELECT [a\nGO\nb], "c\nGO"']),
        ("GOTO x\nGOing", ["GOTO x\nGOing"]),
        ("GO\nGO\n\n", []),
    ],
)
def test_script_is_split_at_its_own_go_lines_only(script: str, batches: list[str]) -> None:
    assert list(split_batches(script)) == batches


def test_day_is_a_half_open_range_on_the_bare_column_in_its_own_type() -> None:
    table = table_of({**SALES, "columns": columns(ID="bigint!", DAY="datetime")})
    made = statements.select_rows(rows_of(table), ZONE, long=False, max_dop=1)
    assert "t.[DAY] >= CAST(? AS datetime) AND t.[DAY] < CAST(? AS datetime)" in made.text
    assert made.values == ("2026-03-14T00:00:00", "2026-03-15T00:00:00")
    assert made.text.endswith("OPTION (MAXDOP 1)")
    assert "*" not in made.text
    assert "NOLOCK" not in made.text.upper()


def test_long_values_are_bounded_in_one_query_and_whole_in_the_other() -> None:
    table = table_of({**SALES, "columns": columns(ID="bigint!", DAY="date", NOTE="varchar(max)")})
    short = statements.select_rows(rows_of(table), ZONE, long=False, max_dop=0).text
    long = statements.select_rows(rows_of(table), ZONE, long=True, max_dop=0).text
    assert "CAST(t.[NOTE] AS varchar(8000))" in short
    assert "COALESCE(DATALENGTH(t.[NOTE]), 0) <= 8000" in short
    assert "CAST(t.[NOTE] AS varchar(max))" in long
    assert "COALESCE(DATALENGTH(t.[NOTE]), 0) > 8000" in long


def test_child_is_dated_by_its_parent_on_its_own_side() -> None:
    table = table_of({**SALES, "target_name": "SALES_COPY"}, LINES, name="LINES")
    at_source = statements.rows_of(rows_of(table), ZONE).text
    at_target = statements.rows_of(rows_of(table, Side.WAREHOUSE), ZONE).text
    assert "JOIN [COM_5013].[SALES] AS p ON t.[SALE_ID] = p.[ID]" in at_source
    assert "JOIN [dbo].[SALES_COPY] AS p ON t.[SALE_ID] = p.[ID]" in at_target


def test_hash_tells_null_from_empty_and_takes_any_number_of_columns() -> None:
    many = columns(ID="bigint!", DAY="date", **{f"C{n}": "varchar(9)" for n in range(195)})
    table = table_of({**SALES, "columns": many})
    terms = digests.Terms(zone=ZONE, encoding="utf-8")
    made = digests.digest_rows(rows_of(table), DigestKind.CONTENT, terms).text
    assert made.count("DATALENGTH(") == 195
    assert made.count("CONCAT(CAST('' AS varchar(max))") == 10  # nine parts and their whole


def test_merge_holds_its_range_and_joins_on_the_key_alone() -> None:
    text = merges.merge_staged(chunk_of(table_of(SALES)), ZONE, may_move=False).text
    assert "MERGE INTO [dbo].[SALES] WITH (HOLDLOCK) AS t" in text
    assert "ON t.[ID] = s.[c0]\n" in text
    assert text.rstrip().endswith(";")


def test_text_is_compared_by_code_point_with_its_blanks() -> None:
    text = merges.update_staged(chunk_of(table_of(SALES)), ZONE, may_move=False).text
    exact = "(CAST(t.[NOTE] AS nvarchar(max)) + N'.') COLLATE Latin1_General_100_BIN2"
    assert exact in text
    assert "EXCEPT" in text


def test_only_the_chunk_s_own_days_are_deleted() -> None:
    made = merges.delete_surplus(chunk_of(table_of(SALES)), ZONE)
    assert made.text.startswith("DELETE t\n")
    assert "t.[DAY] >= CAST(? AS date) AND t.[DAY] < CAST(? AS date)" in made.text
    assert "NOT EXISTS" in made.text
    assert made.values == ("2026-03-14", "2026-03-15")


def test_text_keys_are_made_exact_and_ddl_can_run_again() -> None:
    table = table_of(
        daily("T'x", ["NO"], "DAY", columns=columns(NO="varchar(45)!", DAY="date")), name="T'x"
    )
    text = ddl.table_ddl(table)
    assert "[NO] varchar(45) COLLATE Latin1_General_100_BIN2 NOT NULL" in text
    assert "IF OBJECT_ID(N'[dbo].[T''x]', N'U') IS NULL" in text
    assert len(list(split_batches(text))) == 3
