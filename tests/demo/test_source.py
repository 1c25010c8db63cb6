"""The generated source is what a POS source is: exact money, awkward text, live row versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from replica_worker.demo.source import PLANTED_MARK, PosShape, add_day, build_source
from replica_worker.demo.source.baskets import draw_day
from replica_worker.demo.source.chain import make_chain
from replica_worker.demo.source.sales_tables import SalesRows
from replica_worker.demo.source.source_spec import read_source_schema

SALES_TABLES = ("APP_4_SALES", "APP_4_SALESITEM", "APP_4_PAYMENT")


def exposed_tables(spec_json: dict[str, Any]) -> list[dict[str, Any]]:
    return [table for table in spec_json["tables"] if not table.get("if_exposed")]


def build(url: str, spec_json: dict[str, Any], shape: PosShape) -> None:
    build_source(
        connection_url=url, spec_json=spec_json, shape=shape, on_progress=lambda t, n: None
    )


def content(url: str, spec_json: dict[str, Any]) -> dict[str, list[str]]:
    """Every row of every table, every column spelled out, in key order."""
    rows = {}
    with psycopg.connect(url) as connection:
        for table in exposed_tables(spec_json):
            query = f'SELECT t::text FROM "COM_5013"."{table["name"]}" AS t ORDER BY "ID"'
            rows[table["name"]] = [text for (text,) in connection.execute(query.encode())]
    return rows


def test_header_equals_items_and_payments(pos_source: Any) -> None:
    wrong = pos_source.rows("""
        WITH items AS (
            SELECT "SALES_NO", sum("DOUBLE_SUB_TOTAL") AS net,
                   sum("DOUBLE_MGST_TAX_AMOUNT") AS tax,
                   sum("DOUBLE_TOTAL_DISCOUNT_AMOUNT") AS discount,
                   sum("INT_QUANTITY" * "DOUBLE_PRICE") AS gross
            FROM "COM_5013"."APP_4_SALESITEM" GROUP BY 1),
        payments AS (
            SELECT "INVOICE_ID", sum("DOUBLE_AMOUNT") AS paid
            FROM "COM_5013"."APP_4_PAYMENT" GROUP BY 1)
        SELECT s."SALES_NO"
        FROM "COM_5013"."APP_4_SALES" AS s
        LEFT JOIN items AS i USING ("SALES_NO")
        LEFT JOIN payments AS p ON p."INVOICE_ID" = s."SALES_NO"
        WHERE i.net IS DISTINCT FROM s."DOUBLE_NET_AMOUNT"
           OR i.tax IS DISTINCT FROM s."DOUBLE_MGST_TAX_AMOUNT"
           OR i.gross - i.discount - s."DOUBLE_TOTAL_BILL_DISCOUNT_AMOUNT" <> i.net
           OR s."DOUBLE_TOTAL_AMOUNT" <> i.net + i.tax + s."DOUBLE_DELIVERYCHARGEAMOUNT"
                                         + s."DOUBLE_ROUNDINGAMOUNT"
           OR (s."SALES_STATUS" = 'Completed' AND p.paid IS DISTINCT FROM s."DOUBLE_TOTAL_AMOUNT")
           OR (s."SALES_STATUS" = 'Completed' AND s."DOUBLE_PAID_AMOUNT" <> s."DOUBLE_TOTAL_AMOUNT")
           OR (s."SALES_STATUS" = 'Pending' AND p.paid IS NOT NULL)
    """)
    assert wrong == []


def test_every_column_has_a_value_in_every_table(
    pos_source: Any, spec_json: dict[str, Any]
) -> None:
    empty = []
    for table in exposed_tables(spec_json):
        names = [column["name"] for column in table["columns"]]
        counts = ", ".join(f'count("{name}")' for name in names)
        ((*filled,),) = pos_source.rows(f'SELECT {counts} FROM "COM_5013"."{table["name"]}"')
        empty += [f"{table['name']}.{n}" for n, c in zip(names, filled, strict=True) if c == 0]
    assert empty == []


def test_equal_shapes_give_equal_sources(
    make_pos_database: Callable[[], str], spec_json: dict[str, Any], shape: PosShape
) -> None:
    urls = [make_pos_database() for _ in range(3)]
    build(urls[0], spec_json, shape)
    build(urls[1].replace("postgresql://", "postgresql+psycopg://"), spec_json, shape)
    build(urls[2], spec_json, replace(shape, seed=shape.seed + 1))
    first, second, other_seed = (content(url, spec_json) for url in urls)
    assert first == second
    assert all(first[name] != other_seed[name] for name in first)


def test_the_database_holds_what_was_drafted(
    pos_database: str, spec_json: dict[str, Any], shape: PosShape
) -> None:
    # Enough rows that a day is copied in more than one piece.
    busy = replace(shape, sales_per_day=900, days=2)
    heard: list[tuple[str, int]] = []
    figures = build_source(
        connection_url=pos_database,
        spec_json=spec_json,
        shape=busy,
        on_progress=lambda table, rows: heard.append((table, rows)),
    )
    assert dict(heard) == figures.rows
    schema, chain = read_source_schema(spec_json), make_chain(busy)
    day_of_sales = draw_day(shape=busy, chain=chain, day=busy.first_day)
    rows = SalesRows(
        schema=schema,
        chain=chain,
        seed=busy.seed,
        day_of_sales=day_of_sales,
        ids=busy.ids_of(busy.first_day),
    )
    for table in SALES_TABLES:
        batch = rows.batch(table, first_rowversion=0)
        drafted = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        with psycopg.connect(pos_database) as connection:
            stored = connection.execute(
                f'SELECT * FROM "COM_5013"."{table}" ORDER BY "ID" LIMIT %(rows)s'.encode(),
                {"rows": len(drafted)},
            ).fetchall()
        stamp = batch.schema.get_field_index("UPDATE_TIMESTAMP")
        assert [(*row[:stamp], *row[stamp + 1 :]) for row in stored] == [
            (*row[:stamp], *row[stamp + 1 :]) for row in drafted
        ]


def test_a_source_is_made_once(
    pos_database: str, spec_json: dict[str, Any], shape: PosShape
) -> None:
    build(pos_database, spec_json, shape)
    before = content(pos_database, spec_json)
    with pytest.raises(psycopg.errors.DuplicateTable):
        build(pos_database, spec_json, shape)
    assert content(pos_database, spec_json) == before


def test_tables_that_are_not_exposed_do_not_exist(pos_source: Any) -> None:
    tables = pos_source.rows("""
        SELECT table_name FROM information_schema.tables
        WHERE table_name IN ('APP_4_STAFF', 'APP_4_TERMINAL')
    """)
    assert tables == []


@pytest.mark.parametrize(
    ("what", "condition"),
    [
        ("trailing blank", """ t::text LIKE '%% ",%%' """),
        ("empty text", """ "CUSTOMER_ID" = '' """),
        ("NULL", """ "CUSTOMER_EMAIL" IS NULL """),
        ("Chinese", """ "CUSTOMER_NAME" ~ '[一-龥]' """),
        ("Tamil", """ t::text ~ '[஀-௿]' """),
        ("emoji beyond the 16-bit plane", """ t::text LIKE '%%🙏%%' """),
        ("backslash", """ strpos(t::text, chr(92)) > 0 """),
        ("line break", """ t::text LIKE '%%' || chr(13) || chr(10) || '%%' """),
        ("tab", """ t::text LIKE '%%' || chr(9) || '%%' """),
        (
            "after midnight",
            """ "DATETIME__BUSINESS_DATE" = "DATETIME__SALES_DATE" - 1
                               AND "TIME__NOW_TIME" < '03:00:00' """,
        ),
        (
            "void",
            """ "SALES_STATUS" = 'Cancelled' AND "CANCEL_BY" IS NOT NULL
                     AND "DATETIME__CANCEL_DATE" IS NOT NULL """,
        ),
        ("return", """ "BOOL_IS_RETURNSALES" = 1 AND "DOUBLE_TOTAL_AMOUNT" < 0 """),
        ("soft delete", """ "WBDELETED" = 1 """),
        ("below int32's limit", """ "ID" < 2147483648 """),
        ("above int32's limit", """ "ID" > 2147483647 """),
        ("upper twin", """ "SALES_NO" LIKE 'GPO10%%' """),
        ("lower twin", """ "SALES_NO" LIKE 'gpo10%%' """),
        ("day first", """ "SALES_DATE" = to_char("DATETIME__SALES_DATE", 'DD/MM/YYYY') """),
        ("year first", """ "SALES_DATE" = to_char("DATETIME__SALES_DATE", 'YYYY-MM-DD') """),
        ("month's name", """ "SALES_DATE" = to_char("DATETIME__SALES_DATE", 'DD Mon YYYY') """),
    ],
)
def test_sales_contain(pos_source: Any, what: str, condition: str) -> None:
    query = f'SELECT count(*) FROM "COM_5013"."APP_4_SALES" AS t WHERE {condition}'
    ((found,),) = pos_source.rows(query)
    assert found > 0, what


def test_some_remarks_are_longer_than_any_limited_column(pos_source: Any) -> None:
    ((longest, long),) = pos_source.rows("""
        SELECT max(length("T_AND_C")), count(*) FILTER (WHERE length("T_AND_C") > 8000)
        FROM "COM_5013"."APP_4_VOUCHER_MASTER"
    """)
    assert longest == 20_000
    assert long > 1


def test_sales_numbers_are_unique_and_name_their_outlet(pos_source: Any) -> None:
    wrong = pos_source.rows("""
        SELECT "SALES_NO" FROM "COM_5013"."APP_4_SALES" GROUP BY 1 HAVING count(*) > 1
        UNION ALL
        SELECT s."SALES_NO"
        FROM "COM_5013"."APP_4_SALES" AS s
        LEFT JOIN "COM_5013"."LOCATION_DETAIL" AS l ON l."ID" = s."SALE_LOCATION"
        WHERE s."SALES_NO" NOT LIKE l."LOCATIONEXTEND1" || '%%' OR l."ID" IS NULL
    """)
    assert wrong == []


def test_two_locations_differ_only_by_case(pos_source: Any) -> None:
    twins = pos_source.rows("""
        SELECT lower("ID"), lower("LOCATIONEXTEND1") FROM "COM_5013"."LOCATION_DETAIL"
        GROUP BY 1, 2 HAVING count(DISTINCT "ID") = 2
    """)
    assert [code for _, code in twins] == ["gpo10"]


def test_payments_may_be_later_than_their_sale_and_split(pos_source: Any) -> None:
    ((later, split),) = pos_source.rows("""
        SELECT count(*) FILTER (WHERE p."DATETIME__DATE" = s."DATETIME__SALES_DATE" + 1),
               count(*) - count(DISTINCT "INVOICE_ID")
        FROM "COM_5013"."APP_4_PAYMENT" AS p
        JOIN "COM_5013"."APP_4_SALES" AS s ON s."SALES_NO" = p."INVOICE_ID"
    """)
    assert later > 0
    assert split > 0


def test_planted_secrets_are_in_the_secret_columns_alone(
    pos_source: Any, spec_json: dict[str, Any]
) -> None:
    for table in exposed_tables(spec_json):
        replicated = [c["name"] for c in table["columns"] if c.get("replicate", True)]
        row = ", ".join(f't."{name}"' for name in replicated)
        ((leaks,),) = pos_source.rows(
            f'SELECT count(*) FROM "COM_5013"."{table["name"]}" AS t '
            f"WHERE strpos(ROW({row})::text, %(mark)s) > 0",
            mark=PLANTED_MARK,
        )
        assert leaks == 0, table["name"]
    ((members, passwords),) = pos_source.rows(
        'SELECT count(*), count(*) FILTER (WHERE starts_with("PASSWORD", %(mark)s) '
        'AND starts_with("API_PASSWORD", %(mark)s)) FROM "COM_5013"."APP_4_CUSTOMER"',
        mark=PLANTED_MARK,
    )
    assert passwords == members


def test_datetimes_lie_on_sql_server_ticks(pos_source: Any) -> None:
    endings = pos_source.rows("""
        SELECT DISTINCT extract(milliseconds FROM "DATETIMEUTC_LHDN_VALIDATE_DATE")::bigint %% 10
        FROM "COM_5013"."APP_4_SALES" WHERE "DATETIMEUTC_LHDN_VALIDATE_DATE" IS NOT NULL
    """)
    assert {ending for (ending,) in endings} == {0, 3, 7}


def test_figures_are_those_of_the_database(pos_source: Any) -> None:
    figures = pos_source.figures
    for table, rows in figures.rows.items():
        ((counted,),) = pos_source.rows(f'SELECT count(*) FROM "COM_5013"."{table}"')
        assert counted == rows
    by_day = pos_source.rows("""
        SELECT "DATETIME__DATE", count(*) FROM "COM_5013"."APP_4_PAYMENT" GROUP BY 1
    """)
    assert dict(by_day) == {
        day: rows for (table, day), rows in figures.rows_by_day.items() if table == "APP_4_PAYMENT"
    }


def test_row_versions_are_unique_and_grow_with_each_change(
    pos_database: str, spec_json: dict[str, Any], shape: PosShape
) -> None:
    figures = build_source(
        connection_url=pos_database, spec_json=spec_json, shape=shape, on_progress=lambda t, n: None
    )
    with psycopg.connect(pos_database) as connection:
        loaded = [
            stamp
            for table in exposed_tables(spec_json)
            for (stamp,) in connection.execute(
                f'SELECT "UPDATE_TIMESTAMP" FROM "COM_5013"."{table["name"]}"'.encode()
            )
        ]
        assert len(set(loaded)) == len(loaded) == figures.rows_in_all
        assert max(loaded) == figures.last_rowversion.to_bytes(8)
        for step, table in enumerate(exposed_tables(spec_json), 1):
            row = connection.execute(
                f'UPDATE "COM_5013"."{table["name"]}" SET "UPDATE_TIMESTAMP" = NULL '
                f'WHERE "ID" = (SELECT min("ID") FROM "COM_5013"."{table["name"]}") '
                'RETURNING "UPDATE_TIMESTAMP"'.encode()
            ).fetchone()
            assert row == ((figures.last_rowversion + step).to_bytes(8),)


def test_a_day_added_later_equals_the_day_built(
    make_pos_database: Callable[[], str], spec_json: dict[str, Any], shape: PosShape
) -> None:
    longer, grown = make_pos_database(), make_pos_database()
    build(longer, spec_json, replace(shape, days=shape.days + 1))
    build(grown, spec_json, shape)
    rows = add_day(connection_url=grown, spec_json=spec_json, shape=shape, day=shape.end)
    assert tuple(rows) == SALES_TABLES
    # Row versions included: the triggers count on where the build would have.
    assert content(grown, spec_json) == content(longer, spec_json)


def test_too_small_shapes_are_refused(shape: PosShape) -> None:
    with pytest.raises(ValueError, match="sales_per_day must be at least"):
        replace(shape, sales_per_day=1)
