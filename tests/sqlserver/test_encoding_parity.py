"""T-SQL and Python write every row down alike."""

from __future__ import annotations

import hashlib

import pytest
from integration.test_encoding_parity import assert_same_numbers, assert_written_alike
from sqlserver.test_type_matrix import SEVENTH, TYPES, the_server_has
from support.engines import Bench
from support.sqlserver import SqlServer

from replica_worker.model.digests import DigestKind
from replica_worker.model.encoding import Encoding
from replica_worker.settings import Settings


@pytest.fixture
def by(server: SqlServer) -> Encoding:
    """The bytes that the run's setting makes this server hash: some keep nvarchar as UTF-8."""
    utf_16 = hashlib.md5("\u00e9".encode("utf-16-le"), usedforsecurity=False).hexdigest()
    is_utf_16 = f"CASE HASHBYTES('MD5', N'\u00e9') WHEN 0x{utf_16} THEN 1 ELSE 0 END"
    if server.objection_to(f"SELECT 1 / {is_utf_16}"):
        return "utf-8"
    return Settings(_env_file=None).digest_encoding


def test_every_value_of_every_type_is_written_down_alike(
    bench: Bench, server: SqlServer, by: Encoding
) -> None:
    is_fine = server.keeps_100_nanoseconds()
    matrix = {
        name: [text for text in texts if is_fine or not SEVENTH.search(text)]
        for name, texts in TYPES.items()
        if not the_server_has(server, name)
    }
    assert_written_alike(bench, matrix, by)


@pytest.mark.parametrize("kind", DigestKind)
def test_digests_buckets_and_hashes_are_the_same_numbers(
    bench: Bench, kind: DigestKind, by: Encoding
) -> None:
    assert_same_numbers(bench, kind, by)
