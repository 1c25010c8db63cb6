"""A worker streams: what it holds in memory does not grow with the chunk."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from support.replica import DAY, NEXT_DAY, Replica
from support.specs import columns, daily, spec_text

from replica_worker.engines.values import RowSelection, Side
from replica_worker.model.chunks import ChunkState
from replica_worker.model.days import DayRange

WIDE = daily(
    "WIDE",
    ["ID"],
    "DAY",
    rowversion="RV",
    columns=columns(ID="bigint!", DAY="date", NOTE="varchar(max)", RV="rowversion"),
)
NOTE_BYTES = 1000
SMALL, LARGE = 20_000, 240_000


def fill(replica: Replica) -> None:
    replica.at_source(
        'INSERT INTO "COM_5013"."WIDE" '
        "SELECT n, %s::date + (n > %s)::int, repeat(md5(n::text), %s), int8send(n) "
        "FROM generate_series(1, %s) n",
        DAY,
        SMALL,
        NOTE_BYTES // 32,
        SMALL + LARGE,
    )


def peak(replica: Replica, day: date) -> int:
    """Resident bytes of this process at most while a day was loaded."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    assert replica.load("WIDE", day).returned is ChunkState.MERGED
    return memory("VmHWM")


def memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(kilobytes) * 1024


def test_memory_does_not_grow_with_the_chunk(make_replica) -> None:
    replica = make_replica(spec_text(WIDE))
    replica.make_source()
    fill(replica)
    peak(replica, DAY)  # warms up pools and caches
    grown = peak(replica, NEXT_DAY) - peak(replica, DAY)
    assert grown < (LARGE - SMALL) * NOTE_BYTES / 2


def test_batches_are_bounded_by_bytes(make_replica) -> None:
    replica = make_replica(spec_text(WIDE), batch_bytes=256 * 1024)
    replica.make_source()
    fill(replica)
    rows = RowSelection(table=replica.spec.table("WIDE"), side=Side.SOURCE, days=DayRange.one(DAY))
    with replica.deployment.source.open_snapshot() as snapshot:
        assert max(batch.nbytes for batch in snapshot.read(rows)) < 1024 * 1024
