"""Whatever is written where the product reads, it answers with a value or one error of its own."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.databases import Site
from support.replica import Replica
from support.specs import ITEMS, LINES, SALES, STAFF, VERSIONED, spec_text

from replica_worker.archive.archive import Archive, ExtractName
from replica_worker.archive.stores import FolderStore
from replica_worker.errors import ArchiveDamageError, ReplicaError, SpecError
from replica_worker.model.manifest import Manifest, in_force
from replica_worker.model.specs import parse_specs
from replica_worker.settings import Settings, load_settings
from replica_worker.wiring import connect_deployment

SPEC = json.loads(spec_text(SALES, VERSIONED, ITEMS, STAFF, LINES))
DAY = date(2024, 3, 14)
NAME = ExtractName(table="SALES", day=DAY, run_id="r1")
MANIFEST: dict[str, Any] = {
    "manifest_version": 1,
    "product_version": "1",
    "run_id": "r1",
    "attempt": 1,
    "source_schema": "COM_5013",
    "table": "SALES",
    "day": str(DAY),
    "kind": "day",
    "file": "r1.parquet",
    "rows": 1,
    "bytes": 1,
    "sha256": "0" * 64,
    "columns": [
        {"name": "ID", "sql_type": "bigint", "arrow_type": "int64", "nullable": False},
    ],
    "digest": {"kind": "content", "rows": 1, "hash": "0"},
    "started_at": "2024-03-15T02:00:00Z",
    "finished_at": "2024-03-15T02:00:01Z",
}
WHOLE = Manifest.model_validate(MANIFEST)
USUAL = {
    "REPLICA_SOURCE_URL": "postgresql+psycopg://reader:word@127.0.0.1:1/pos",
    "REPLICA_TARGET_URL": "postgresql+psycopg://writer:word@127.0.0.1:1/dwh",
}
SETTING_NAMES = {
    str(field.validation_alias or f"REPLICA_{name.upper()}")
    for name, field in Settings.model_fields.items()
} | {"REPLICA_SECRETS_DIR"}
ODD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "\ud800",
        "..",
        "../x",
        "'",
        '"',
        "]",
        "%s",
        "{}",
        "daily",
        "decimal(99,9)",
        "varchar(max)",
        "varchar(0)",
        "decimal(2,3)",
        "rowversion",
        "date",
        "SALES",
        "ID",
        "DAY",
        "2024-02-30",
        "0001-01-01",
        "9999-12-31T23:59:59",
        "1e999",
        "-1",
        "\u202e",
        "x" * 300,
    ]
)
NUMBERS = st.integers() | st.sampled_from([2**63, -(2**63) - 1, 10**400])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | ODD_TEXTS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXTS, inner, max_size=3),
    max_leaves=5,
)
GARBAGE = st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode())


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    keys: Any = list(document) if isinstance(document, dict) else range(len(document))
    for key in keys:
        yield document, key
        if isinstance(document[key], dict | list):
            yield from places(document[key])


@st.composite
def bent(draw: st.DrawFn, whole: dict[str, Any]) -> bytes:
    """The document's text with up to three of its parts replaced, left out or added to."""
    document = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        choices = list(places(document))
        if not choices:
            break
        container, key = choices[draw(st.integers(0, len(choices) - 1))]
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "replace":
            container[key] = draw(JSON)
        elif change == "remove":
            del container[key]
        elif isinstance(container, dict):
            container[draw(ODD_TEXTS)] = draw(JSON)
        else:
            container.append(container[key])
    return json.dumps(document).encode()


def expect_clear(error: ReplicaError) -> None:
    """One line of our own words."""
    text = str(error)
    assert len(text.splitlines()) == 1
    assert "Traceback" not in text
    text.encode("utf-8")  # it can be written anywhere


@given(GARBAGE | bent(SPEC))
@settings(max_examples=150)
def test_spec_file(content: bytes) -> None:
    try:
        spec = parse_specs(content.decode("utf-8", errors="replace"), origin="specs.json")
    except SpecError as error:
        expect_clear(error)
    else:
        for table in spec.tables:
            assert set(table.key) <= set(table.column_names)
            assert len(table.arrow_schema) == len(table.columns)


@given(GARBAGE | bent(MANIFEST))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(json.dumps({**MANIFEST, "started_at": "2024-03-15T02:00:00"}).encode())
def test_manifest(tmp_path: Path, content: bytes) -> None:
    archive = Archive(FolderStore(tmp_path))
    file = tmp_path / NAME.manifest
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    try:
        manifest = archive.read_manifest(NAME)
        assert in_force([manifest, WHOLE])
    except ArchiveDamageError as error:
        expect_clear(error)
    else:
        assert (manifest.table, manifest.day, manifest.run_id) == ("SALES", DAY, "r1")


VALUES = ODD_TEXTS.filter(
    lambda text: "\x00" not in text and "\ud800" not in text
) | st.sampled_from(
    [
        "postgresql+psycopg://",
        "postgresql+psycopg://u:p@h:x/d",
        "mssql+mssqlpython://u:p@h/d?a=b",
        "redis://",
        "rediss://:%zz@h",
        "nostore://x",
        "file://",
        "://",
        "inf",
        "nan",
        "1",
        "0.5",
        "Asia",
        "UTC",
        "/",
        "merge",
        "utf-16",
        "[1",
        "http://[::1",
        "mssql+pyodbc://h/d?driver=}",
    ]
)
SETTINGS = st.dictionaries(st.sampled_from(sorted(SETTING_NAMES)), VALUES, min_size=1, max_size=3)


@given(SETTINGS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_settings(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for name in [name for name in os.environ if name.startswith("REPLICA_")]:
            patch.delenv(name)
        for name, value in {**USUAL, **wrong}.items():
            patch.setenv(name, value)
        load_settings.cache_clear()
        try:
            connect_deployment(load_settings()).warehouse.sql.dispose()
        except ReplicaError as error:
            expect_clear(error)
        finally:
            load_settings.cache_clear()
    assert [path for path in tmp_path.iterdir() if path.name != "SALES"] == []


MESSAGES = st.lists(JSON, max_size=4)


@given(words=MESSAGES)
@example(words=["r1", "SALES", "2024-03-14"])
@example(words=["r1\x00", "SALES", "2024-03-14"])
@example(words=[{}])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_task_messages(sales: Replica, tasks: list[Any], words: list[Any]) -> None:
    before = sales.at_target("SELECT count(*) FROM dbo.replica_run_history")
    for task in tasks:
        try:
            task(*words)
        except ReplicaError as error:
            expect_clear(error)
        else:
            assert all(isinstance(word, str) for word in words), words
    assert sales.at_target("SELECT count(*) FROM dbo.replica_run_history") == before
    assert sales.at_target("SELECT count(*) FROM dbo.etl_progress") == [(0,)]


@pytest.fixture
def sales(make_replica: Callable[[str], Replica]) -> Replica:
    return make_replica(spec_text(SALES))


@pytest.fixture
def tasks(
    sales: Replica, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[list[Any]]:
    """The tasks that take words, over the replica's own deployment."""
    monkeypatch.setenv("REPLICA_BROKER_URL", site.broker_url)
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()
    module = importlib.import_module("replica_worker.tasks.tasks")
    monkeypatch.setattr(module, "current_deployment", lambda: sales.deployment)
    yield [module.replicate_chunk, module.start_chord_of, module.close_run]
    load_settings.cache_clear()
