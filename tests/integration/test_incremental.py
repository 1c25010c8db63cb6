"""Incremental tables: what is above the watermark comes first, the digest decides."""

from __future__ import annotations

import pytest
from support.replica import NEXT_DAY, Outcome, Replica
from support.specs import STAFF, spec_text

from replica_worker.model.chunks import Action, ChunkId, ChunkState, RunKind
from replica_worker.model.digests import Verdict


def version(number: int) -> bytes:
    return number.to_bytes(8, "big")


@pytest.fixture
def replica(make_replica) -> Replica:
    replica = make_replica(spec_text(STAFF))
    replica.make_source()
    replica.insert("STAFF", *[(n, f"name {n}", version(n)) for n in range(1, 301)])
    first = replica.load("STAFF")
    assert (first.returned, first.counts) == (ChunkState.MERGED, (300, 0, 0))
    return replica


def assert_equal(replica: Replica) -> None:
    assert replica.target_rows("STAFF") == replica.source_rows("STAFF")


def test_unchanged_table_is_proven_without_an_extract(replica: Replica) -> None:
    outcome = replica.load("STAFF", NEXT_DAY)
    assert (outcome.returned, outcome.row.verdict) == (ChunkState.MERGED, Verdict.MATCH)
    assert (outcome.row.file, outcome.row.rows_extracted) == (None, 0)


def test_only_what_is_above_the_watermark_is_extracted(replica: Replica) -> None:
    replica.insert("STAFF", (999, "new", version(400)))
    replica.at_source(
        'UPDATE "COM_5013"."STAFF" SET "NAME" = \'x\', "RV" = %s WHERE "ID" = 7', version(401)
    )
    outcome = replica.load("STAFF", NEXT_DAY)
    assert outcome.counts == (1, 1, 0)
    assert outcome.row.rows_extracted == 2
    assert [row.verdict for row in outcome.audit] == [Verdict.MATCH]
    assert_equal(replica)


@pytest.mark.parametrize("at_once", [False, True])
def test_deleted_rows_show_in_the_digest_and_bring_the_whole_table(
    replica: Replica, at_once: bool
) -> None:
    replica.at_source('DELETE FROM "COM_5013"."STAFF" WHERE "ID" < 3')
    if at_once:
        replica.insert("STAFF", (999, "new", version(400)))
    outcome = replica.load("STAFF", NEXT_DAY)
    assert outcome.returned is ChunkState.MERGED
    assert outcome.counts == (1 if at_once else 0, 0, 2)
    assert outcome.row.file == f"STAFF/{NEXT_DAY}/{outcome.row.chunk.run_id}.full.parquet"
    assert_equal(replica)


LARGE = 20_000


@pytest.fixture
def large(make_replica) -> Replica:
    """A table that is worth a drill-down."""
    replica = make_replica(spec_text(STAFF))
    replica.make_source()
    replica.at_source(
        'INSERT INTO "COM_5013"."STAFF" SELECT n, \'name \' || n, '
        "decode(lpad(to_hex(n), 16, '0'), 'hex') FROM generate_series(1, %s) n",
        LARGE,
    )
    assert replica.load("STAFF").counts == (LARGE, 0, 0)
    return replica


def assert_mended_row_by_row(replica: Replica, outcome: Outcome) -> None:
    """The copy is equal, and the source gave a few hundred rows and hashes for it."""
    assert outcome.returned is ChunkState.MERGED, outcome.error
    (audit,) = outcome.audit
    assert (audit.check_name, audit.method, audit.verdict) == ("load", "rows", Verdict.MATCH)
    assert audit.source_rows_read is not None
    assert 0 < audit.source_rows_read < 400
    assert_equal(replica)


def test_rows_deleted_from_a_large_table_cost_the_hashes_of_their_buckets(large: Replica) -> None:
    large.at_source('DELETE FROM "COM_5013"."STAFF" WHERE "ID" IN (1, 777, 20000)')
    outcome = large.load("STAFF", NEXT_DAY)
    assert outcome.counts == (0, 0, 3)
    assert_mended_row_by_row(large, outcome)


def test_late_commits_in_a_large_table_are_found_beside_the_increment(large: Replica) -> None:
    large.insert("STAFF", (30_001, "late", version(5)), (30_002, "new", version(LARGE + 1)))
    large.at_source(
        'UPDATE "COM_5013"."STAFF" SET "NAME" = \'late\', "RV" = %s WHERE "ID" = 9', version(6)
    )
    large.at_source('DELETE FROM "COM_5013"."STAFF" WHERE "ID" = 10')
    before = large.row_places("STAFF")
    outcome = large.load("STAFF", NEXT_DAY)
    assert outcome.counts == (2, 1, 1)
    assert_mended_row_by_row(large, outcome)
    after = large.row_places("STAFF")
    assert sum(after.get(text) == place for text, place in before.items()) == LARGE - 2


def test_large_table_that_changed_a_lot_is_brought_over_whole(large: Replica) -> None:
    large.at_source(
        'UPDATE "COM_5013"."STAFF" SET "RV" = \'\\x0000000000000001\' WHERE "ID" > 9000'
    )
    outcome = large.load("STAFF", NEXT_DAY)
    assert outcome.counts == (0, LARGE - 9000, 0)
    assert [audit.method for audit in outcome.audit] == ["whole"]
    assert_equal(large)


def test_deletes_from_a_large_table_are_guarded_and_nothing_is_lost(large: Replica) -> None:
    careless = large.with_policy(largest_share_to_drill=9)
    large.at_source('DELETE FROM "COM_5013"."STAFF" WHERE "ID" > 100')
    refused = careless.load("STAFF", NEXT_DAY)
    assert (refused.returned, refused.row.verdict) == (ChunkState.REFUSED, Verdict.REFUSED)
    assert len(large.target_rows("STAFF")) == LARGE
    assert large.staging_tables() == []
    allowed = careless.load("STAFF", NEXT_DAY, allow_deletes=True)
    assert allowed.counts == (0, 0, LARGE - 100)
    assert_equal(large)


def test_what_was_mended_row_by_row_is_replayed(large: Replica) -> None:
    large.at_source('DELETE FROM "COM_5013"."STAFF" WHERE "ID" IN (1, 777)')
    large.insert("STAFF", (30_001, "late", version(5)))
    large.load("STAFF", NEXT_DAY)
    large.at_target('DELETE FROM dbo."STAFF"')
    run_id = large.begin(("STAFF", NEXT_DAY, Action.REPLAY), kind=RunKind.REPLAY)
    assert large.work(ChunkId(run_id=run_id, table="STAFF", day=NEXT_DAY)) is ChunkState.MERGED
    assert_equal(large)


def test_row_committed_late_below_the_watermark_is_found(replica: Replica) -> None:
    replica.insert("STAFF", (999, "late", version(0)))
    assert replica.load("STAFF", NEXT_DAY).counts == (1, 0, 0)
    assert_equal(replica)


def test_high_versions_are_compared_as_bytes_not_as_signed_numbers(replica: Replica) -> None:
    replica.insert("STAFF", (998, "big", bytes.fromhex("8000000000000000")))
    replica.load("STAFF", NEXT_DAY)
    replica.insert("STAFF", (999, "bigger", bytes.fromhex("80000000000000ff")))
    outcome = replica.load("STAFF", NEXT_DAY)
    assert outcome.row.rows_extracted == 1
    assert_equal(replica)


def test_vanished_table_content_is_refused(replica: Replica) -> None:
    replica.at_source('DELETE FROM "COM_5013"."STAFF" WHERE "ID" > 10')
    outcome = replica.load("STAFF", NEXT_DAY)
    assert outcome.returned is ChunkState.REFUSED
    assert len(replica.target_rows("STAFF")) == 300
    assert replica.staging_tables() == []


def test_table_that_is_not_exposed_is_skipped(make_replica) -> None:
    replica = make_replica(spec_text({**STAFF, "if_exposed": True}))
    for outcome in (replica.load("STAFF"), replica.check("STAFF")):
        assert outcome.returned is ChunkState.SKIPPED
        assert "does not expose" in outcome.error


def test_table_that_this_login_may_not_read_is_skipped(make_replica) -> None:
    replica = make_replica(spec_text({**STAFF, "if_exposed": True}))
    replica.make_source()
    replica.at_source('REVOKE ALL ON "COM_5013"."STAFF" FROM replica_reader')
    assert replica.load("STAFF").returned is ChunkState.SKIPPED


def test_missing_table_is_a_failure_that_names_it(make_replica) -> None:
    replica = make_replica(spec_text(STAFF))
    outcome = replica.load("STAFF")
    assert outcome.returned is ChunkState.FAILED
    assert "COM_5013.STAFF" in outcome.error
    assert "if_exposed" in outcome.error
