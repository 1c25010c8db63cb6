"""The T-SQL that the engine makes is what was reviewed, and is T-SQL.

The golden files hold every statement for a small spec. After a change that is meant, write them
anew with `pytest tests/unit/test_sqlserver_golden.py --rewrite-golden` and review the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from support.golden_sqlserver import golden_text, statements_by_theme

from replica_worker.engines.sqlserver.batches import split_batches
from replica_worker.settings import MIGRATIONS_FOLDER

GOLDEN = Path(__file__).parents[1] / "golden" / "sqlserver"
MIGRATIONS = sorted((MIGRATIONS_FOLDER / "schema_tables").glob("*.sql"))
THEMES = statements_by_theme()


def parse(batch: str) -> list[exp.Expression]:
    """The batch's statements; an error if one is not T-SQL as the parser knows it.

    The parser knows all that the engine makes. What it did not know it would keep as a Command.
    """
    trees = sqlglot.parse(batch, read="tsql", error_level=sqlglot.ErrorLevel.RAISE)
    found = [tree for tree in trees if tree is not None]
    unknown = [str(command) for tree in found for command in tree.find_all(exp.Command)]
    assert unknown == []
    return found


@pytest.mark.parametrize("theme", THEMES)
def test_statements_are_those_that_were_reviewed(theme: str, pytestconfig: pytest.Config) -> None:
    made = golden_text(THEMES[theme])
    path = GOLDEN / f"{theme}.sql"
    if pytestconfig.getoption("--rewrite-golden"):
        path.write_text(made, encoding="utf-8")
    golden = path.read_text(encoding="utf-8") if path.exists() else ""
    assert made == golden, "if the change is meant, run this test with --rewrite-golden"


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == set(THEMES)


@pytest.mark.parametrize("theme", THEMES)
def test_statements_are_t_sql(theme: str) -> None:
    for statement in THEMES[theme].values():
        assert [parse(batch) for batch in split_batches(statement.text)]


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_migrations_are_t_sql(path: Path) -> None:
    assert [parse(batch) for batch in split_batches(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT (a FROM t",
        "MERGE INTO t USING s ON 1 = 1 WHEN MACHED THEN DELETE;",
        "IF 1 = 1 CREATE TABEL t (a int)",
    ],
)
def test_parser_sees_what_is_no_t_sql(text: str) -> None:
    with pytest.raises((sqlglot.ParseError, AssertionError)):
        parse(text)


def all_statements() -> list[str]:
    return [one.text for named in THEMES.values() for one in named.values()]


def test_dirty_rows_are_never_read() -> None:
    forbidden = re.compile(r"\b(NOLOCK|READUNCOMMITTED|READ\s+UNCOMMITTED)\b", re.I)
    assert [text for text in all_statements() if forbidden.search(text)] == []


def test_every_value_is_a_parameter_of_a_named_type() -> None:
    """A bare parameter would take the type that the driver guesses, and make a scan of a seek."""
    bare = re.compile(r"(?<!CAST\()\?(?! AS )")
    for theme, named in THEMES.items():
        if theme in ("catalogue", "staging"):  # names in sysname columns
            continue
        for name, statement in named.items():
            assert not bare.search(statement.text), f"{theme}: {name}"
            assert statement.text.count("?") == len(statement.values), f"{theme}: {name}"


def test_texts_of_key_and_staging_meet_in_one_collation() -> None:
    """The staging table has the database's collation, key texts a binary one: error 468."""
    compared = re.compile(r"t\.\[SHOP\] = (CAST\(s\.\[c0\][^)]*\)|p\.\[SHOP\][^)\n]*)")
    assert "COLLATE" in THEMES["books"]["compare_lines paid"].text
    assert "COLLATE" not in THEMES["books"]["compare_lines lines"].text
    for theme in ("merge", "upsert", "surplus", "proofs"):
        for name, statement in THEMES[theme].items():
            found = compared.findall(statement.text)
            assert all("COLLATE Latin1_General_100_BIN2" in one for one in found), name
            assert found or "items" in name or "count_present sales" in name, name
