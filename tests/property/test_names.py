"""A name of a spec file, whatever it holds, is quoted as one name."""

from __future__ import annotations

import re

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from support.databases import Site, connect

from replica_worker.engines.sqlserver.fragments import compose, quote

HOSTILE = ["]", "]]", "[", '"', "'", ";", "--", "/*", "*/", "%s", "{x}", "?", ":x", "$1", "\\", "."]
NAMES = st.lists(
    st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=3),
    min_size=1,
    max_size=8,
).map("".join)
QUOTED = re.compile(r"\[((?:[^\]]|\]\])*)\]")


@given(st.lists(NAMES.filter(bool), min_size=1, max_size=3))
def test_tsql_reads_back_the_names_and_nothing_else(names: list[str]) -> None:
    text = str(compose("SELECT {x}", x=quote(*names))).removeprefix("SELECT ")
    found = list(QUOTED.finditer(text))
    assert [match[1].replace("]]", "]") for match in found] == names
    assert QUOTED.sub("", text) == "." * (len(names) - 1)


def read_back(connection: psycopg.Connection[tuple[int]], name: str) -> list[str]:
    query = sql.SQL("SELECT 1 AS {}, 2 AS tail").format(sql.Identifier(name))
    return [column.name for column in connection.execute(query).description or ()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES.filter(lambda name: 0 < len(name.encode()) < 64))
def test_postgresql_reads_back_the_name_and_nothing_else(site: Site, name: str) -> None:
    with connect(site.source_url) as connection:
        assert read_back(connection, name) == [name, "tail"]
