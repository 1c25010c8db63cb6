"""Verification names each row and column that differs, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from support.replica import DAY, NEXT_DAY, Replica
from support.specs import SALES, column, spec_text

from replica_worker.errors import DatabaseError
from replica_worker.model.days import DayRange
from replica_worker.usecases.proof_log import ProofLog
from replica_worker.usecases.row_report import MASK
from replica_worker.usecases.verify import ChunkProof, verify_range

BOTH_DAYS = DayRange.inclusive(DAY, NEXT_DAY)
TABLE = {**SALES, "columns": [*SALES["columns"], column("PIN", "varchar(10)")]}
INPUTS = {"test": "verify"}


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(TABLE))
    replica.make_source()
    replica.insert("SALES", *[(n, DAY, n, "note", "1234") for n in range(3000)])
    replica.insert("SALES", *[(n, NEXT_DAY, n, None, None) for n in range(3000, 3010)])
    replica.load("SALES")
    replica.load("SALES", NEXT_DAY)
    return replica


def proofs_of(replica: Replica, **options) -> dict[object, ChunkProof]:
    found = verify_range(replica.deployment, tables=[], days=BOTH_DAYS, **options)
    return {"strays" if proof.is_strays else proof.day: proof for proof in found}


def test_equal_copies_are_proven_with_their_rows(replica) -> None:
    proofs = proofs_of(replica)
    assert all(proof.is_equal for proof in proofs.values())
    assert [proof.source_rows for proof in proofs.values()] == [3000, 10, 0]


def test_each_differing_column_is_named_with_both_values(replica) -> None:
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'Note\', "AMOUNT" = 1.5 WHERE "ID" = 7')
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'\' WHERE "ID" = 3001')
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'note \' WHERE "ID" = 8')

    proofs = proofs_of(replica)

    cells = {
        (row.key, cell.column): (cell.source, cell.target)
        for proof in proofs.values()
        for row in proof.differences
        for cell in row.cells
    }
    assert cells == {
        ('{"ID": "7"}', "AMOUNT"): ("7.0000", "1.5000"),
        ('{"ID": "7"}', "NOTE"): ("note", "Note"),
        ('{"ID": "8"}', "NOTE"): ("note", "note "),
        ('{"ID": "3001"}', "NOTE"): (None, ""),
    }


def test_values_of_sensitive_columns_are_masked_and_null_is_told(replica) -> None:
    replica.at_target('UPDATE dbo."SALES" SET "PIN" = \'9999\' WHERE "ID" IN (7, 3001)')
    proofs = proofs_of(replica)
    (row,) = proofs[DAY].differences
    (other,) = proofs[NEXT_DAY].differences
    assert [(one.column, one.source, one.target) for one in row.cells] == [("PIN", MASK, MASK)]
    assert [(one.source, one.target) for one in other.cells] == [(None, MASK)]


def test_rows_of_one_side_and_of_another_day_are_told_apart(replica) -> None:
    replica.at_target('DELETE FROM dbo."SALES" WHERE "ID" = 1')
    replica.at_source('DELETE FROM "COM_5013"."SALES" WHERE "ID" = 2')
    replica.at_target('UPDATE dbo."SALES" SET "DAY" = %s WHERE "ID" = 3', NEXT_DAY)
    proofs = proofs_of(replica)
    assert {row.key: row.what for row in proofs[DAY].differences} == {
        '{"ID": "1"}': "missing in the warehouse",
        '{"ID": "2"}': "only in the warehouse",
        '{"ID": "3"}': "on another day in the warehouse",
    }
    (moved,) = proofs[NEXT_DAY].differences
    assert moved.what == "on another day at the source"
    assert [(one.column, one.source, one.target) for one in moved.cells] == [
        ("DAY", str(DAY), str(NEXT_DAY))
    ]


def test_all_differing_rows_are_counted_and_the_first_ones_reported(replica) -> None:
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = NULL WHERE "ID" < 2500')
    proofs = proofs_of(replica, most_differences=3)
    assert proofs[DAY].difference_count == 2500
    assert len(proofs[DAY].differences) == 3


def test_a_resumed_verification_passes_over_what_was_equal_alone(replica, tmp_path: Path) -> None:
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'x\' WHERE "ID" = 7')
    proofs_of(replica, log=ProofLog(tmp_path / "log", INPUTS))
    replica.at_target('UPDATE dbo."SALES" SET "NOTE" = \'y\' WHERE "ID" IN (7, 3001)')

    proofs = proofs_of(replica, log=ProofLog(tmp_path / "log", INPUTS))

    assert [proof.earlier_rows for proof in proofs.values()] == [None, 10, 0]
    assert proofs[DAY].differences[0].cells[0].target == "y"


def test_a_query_that_breaks_off_is_asked_again_for_fewer_days(replica, monkeypatch) -> None:
    source = replica.deployment.source
    with source.open_snapshot() as snapshot:
        kind = type(snapshot)
    digest_days = kind.digest_days

    def break_off_when_long(self, selection, *arguments):
        if len(selection.days) > 4:
            raise DatabaseError(operation="digest", cause="cut", next_step="wait", retryable=True)
        return digest_days(self, selection, *arguments)

    monkeypatch.setattr(kind, "digest_days", break_off_when_long)
    days = DayRange.inclusive(DAY - timedelta(days=12), NEXT_DAY)
    proofs = list(verify_range(replica.deployment, tables=[], days=days))
    assert [proof.day for proof in proofs[:-1]] == list(days)
    assert sum(proof.source_rows or 0 for proof in proofs) == 3010
