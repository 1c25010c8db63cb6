"""States, digests, the delete guard and the manifest: rules without any I/O."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.specs import SALES, VERSIONED, spec_text

from replica_worker.model.chunks import ChunkState, RunStatus
from replica_worker.model.counts import DeleteGuard, MergeCounts
from replica_worker.model.digests import Digest, DigestKind, cheapest_kind
from replica_worker.model.manifest import ExtractKind, Manifest, ManifestColumn, ManifestDigest
from replica_worker.model.specs import parse_specs

MANIFEST = Manifest(
    product_version="1.0",
    run_id="run",
    attempt=2,
    source_schema="COM_5013",
    table="SALES \u4e2d",
    day=date(2026, 3, 14),
    kind=ExtractKind.DAY,
    file="run.parquet",
    rows=7,
    bytes=1234,
    sha256="0" * 64,
    columns=(
        ManifestColumn(name="ID", sql_type="bigint", arrow_type="int64", nullable=False),
        ManifestColumn(name="N%", sql_type="varchar(max)", arrow_type="string", nullable=True),
    ),
    digest=ManifestDigest(kind=DigestKind.CONTENT, rows=7, hash="f" * 32),
    started_at=datetime(2026, 3, 14, 18, 0, 0, 123456, tzinfo=UTC),
    finished_at=datetime(2026, 3, 14, 18, 0, 1, tzinfo=UTC),
)


def test_chunk_states_are_open_or_final_and_two_are_trouble() -> None:
    open_states = {state.value for state in ChunkState if not state.is_final}
    assert open_states == {"pending", "queued", "running"}
    assert {state.value for state in ChunkState if state.is_trouble} == {"refused", "failed"}


def test_a_run_is_open_until_its_last_chunk_has_ended() -> None:
    is_open = [status.value for status in RunStatus if not status.is_final]
    assert is_open == ["running", "cancelling"]


HALVES = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50)


@given(highs=HALVES, data=st.data())
def test_digest_of_sums_does_not_know_their_order(highs: list[int], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(highs))

    def digest(order: list[int]) -> Digest:
        total = sum(order)
        return Digest.from_sums(kind=DigestKind.CONTENT, rows=len(order), high=total, low=-total)

    assert digest(highs) == digest(shuffled)
    assert len(digest(highs).hash) == 32


def test_digests_differ_by_kind_rows_and_either_half() -> None:
    def digest(kind: DigestKind = DigestKind.CONTENT, rows: int = 1, **halves: int) -> Digest:
        return Digest.from_sums(kind=kind, rows=rows, **{"high": 1, "low": 2, **halves})

    others = [digest(DigestKind.VERSION), digest(rows=2), digest(high=2), digest(low=1)]
    assert len({digest(), *others}) == 5
    assert digest(high=2**64 + 1) == digest()
    assert str(digest(high=-1)) == f"content:1:{'f' * 16}{2:016x}"


def test_cheapest_digest_is_of_versions_where_there_are_any() -> None:
    sales, versioned = parse_specs(spec_text(SALES, VERSIONED), origin="test").tables
    assert cheapest_kind(sales) is DigestKind.CONTENT
    assert cheapest_kind(versioned) is DigestKind.VERSION
    assert cheapest_kind(versioned, deep=True) is DigestKind.CONTENT


@pytest.mark.parametrize(
    ("share", "deleted", "present", "refused"),
    [
        (0.5, 0, 0, False),
        (0.5, 0, 10, False),
        (0.5, 5, 10, False),
        (0.5, 6, 10, True),
        (0.5, 10, 10, True),
        (0.5, 1, 1, True),
        (1.0, 9, 10, False),
        (1.0, 10, 10, True),
        (0.0, 1, 10, True),
        (0.0, 0, 10, False),
        (0.5, 11, 10, True),
    ],
)
def test_guard_allows_up_to_its_share_and_never_all(
    share: float, deleted: int, present: int, refused: bool
) -> None:
    objection = DeleteGuard(largest_share=share).objection(deleted=deleted, present=present)
    assert (objection is not None) is refused
    allowed = DeleteGuard(largest_share=share, allow_all=True)
    assert allowed.objection(deleted=deleted, present=present) is None


def test_guard_says_how_many_of_how_many() -> None:
    guard = DeleteGuard(largest_share=0.25)
    assert guard.objection(deleted=1500, present=3000) == (
        "1,500 of 3,000 rows would be deleted, more than 25% of the chunk"
    )
    assert guard.objection(deleted=3000, present=3000) == (
        "all 3,000 rows of the chunk would be deleted"
    )


def test_counts_add_up() -> None:
    both = MergeCounts(inserted=1, updated=2) + MergeCounts(updated=3, deleted=4)
    assert (both.inserted, both.updated, both.deleted, both.changed) == (1, 5, 4, 10)


@pytest.mark.parametrize("manifest", [MANIFEST, MANIFEST.model_copy(update={"digest": None})])
def test_manifest_comes_back_from_its_json(manifest: Manifest) -> None:
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize("field", ["source_url", "password", "columns.0.comment"])
def test_manifest_with_a_field_too_many_is_refused(field: str) -> None:
    document = MANIFEST.model_dump(mode="json")
    if field.startswith("columns"):
        document["columns"][0]["comment"] = "x"
    else:
        document[field] = "x"
    with pytest.raises(ValidationError, match="Extra inputs"):
        Manifest.model_validate(document)


def test_manifest_without_its_hash_is_refused() -> None:
    with pytest.raises(ValidationError, match="sha256"):
        Manifest.model_validate(MANIFEST.model_dump(mode="json", exclude={"sha256"}))
