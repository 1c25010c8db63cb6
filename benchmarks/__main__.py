"""`python -m benchmarks`: measure side by side, interleaved, and write docs/performance.md."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.report import Figures, write_report
from benchmarks.site import Site, open_site
from benchmarks.table import FIRST_DAY, SMALL, SMALL_FIRST_DAY, Table
from benchmarks.watch import Cost, run_watched

ROOT = Path(__file__).parent.parent
DAY = FIRST_DAY + timedelta(days=1)
_WIDE_COLUMNS = 184
_LEDGERS = (1_000, 10_000, 100_000)
_LINK_WORKERS = (1, 4, 16)
_SMALL_WORKERS = (1, 4)
_SMALL_ROWS = 300  # of a day


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that is measured."""

    name: str
    command: list[str]
    prepare: Callable[[Site], None] = lambda _: None


def main() -> None:
    """Build the source, measure, report."""
    wanted = _arguments()
    sales = Table(name="SALES", rows=wanted.rows, days=wanted.days)
    wide_rows = max(1, sales.rows_per_day * 25 // _WIDE_COLUMNS)
    wide = Table(name="WIDE_SALES", rows=wide_rows * 2, days=2, columns=_WIDE_COLUMNS)
    small = Table(
        name=SMALL,
        rows=_SMALL_ROWS * wanted.small_days,
        days=wanted.small_days,
        first_day=SMALL_FIRST_DAY,
    )
    costs = _measure([sales, wide, small], _cases(sales, wanted), wanted)
    if wanted.huge:  # on servers of its own, so that no other case has such a table beside it
        costs |= _measure([_huge_table(wanted.huge)], [_huge_case(wanted.huge)], wanted)
    figures = Figures(rows=wanted.rows, days=wanted.days, repeat=wanted.repeat, costs=costs)
    write_report(figures, ROOT / "docs", publish=wanted.publish)


def _measure(
    tables: list[Table], cases: list[Case], wanted: argparse.Namespace
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = defaultdict(list)
    cases = [case for case in cases if not wanted.only or wanted.only in case.name]
    if not cases:
        return costs
    with open_site(*tables) as site:
        for turn in range(wanted.repeat):
            site.empty_targets()
            for case in cases:
                case.prepare(site)
                cost = run_watched(case.command, site.environment)
                costs[case.name].append(cost)
                print(f"{turn + 1}/{wanted.repeat} {case.name:28} {cost.seconds:9.3f} s"
                      f" {cost.peak_mb:7.0f} MB", flush=True)  # fmt: skip
    return costs


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--empty-chunks", type=int, default=20_000, help="of one run")
    parser.add_argument("--small-days", type=int, default=400, help="over a slow link")
    parser.add_argument(
        "--huge",
        type=int,
        nargs="?",
        const=5_000_000,
        metavar="ROWS",
        help="measure a day of 5 million rows, too; takes minutes",
    )
    parser.add_argument("--only", help="measure only what has this in its name")
    parser.add_argument("--peers", help="Python of the environment that holds the other tools")
    parser.add_argument(
        "--publish", action="store_true", help="write table and chart into docs/performance.md"
    )
    return parser.parse_args()


def _cases(sales: Table, wanted: argparse.Namespace) -> list[Case]:
    """In an order in which each finds in the targets what it expects."""
    first, last = str(FIRST_DAY), str(sales.last_day)
    every_day = ["backfill", "--start", first, "--end", last, "--table", "SALES"]
    one_day = ["backfill", "--start", str(DAY), "--end", str(DAY), "--table", "SALES", "--inline"]
    empty: Callable[[Site], None] = Site.empty_targets
    cases = [
        Case(name="backfill, 2 workers", command=_module("benchmarks.workers", *every_day),
             prepare=empty),
        *_peer_cases(wanted.peers, "sling_full", "dlt_merge"),
        Case(name="backfill, 1 process", command=_replica(*every_day, "--inline"), prepare=empty),
        Case(name="day again, unchanged", command=_replica(*one_day)),
        Case(
            name="check-fixes, unchanged",
            command=_replica("check-fixes", "--date", str(DAY), "--table", "SALES", "--inline"),
        ),
        Case(
            name="nightly",
            command=_replica("run", "--date", last, "--table", "SALES", "--inline"),
            prepare=lambda site: site.delete_day(last),
        ),
        *_peer_cases(wanted.peers, "sling_day", "pandas_append", "connectorx_parquet"),
        Case(name="extract, all days", command=_step("extract", "SALES", sales.days)),
    ]  # fmt: skip
    steps = ("copy_binary", "extract", "parquet_write", "insert_select", "load_new", "load",
             "merge_unchanged", "merge_changed", "empty_chunks")  # fmt: skip
    cases += [Case(name=step, command=_step(step, "SALES", 1)) for step in steps]
    chunks = ("chunk_new", "chunk_again", "chunk_checked")
    cases += [Case(name=step, command=_step(step, "SALES", min(5, sales.days))) for step in chunks]
    for step in ("extract", "load_new"):
        cases.append(Case(name=f"wide {step}", command=_step(step, "WIDE_SALES", 1)))
    return [*cases, *_control_cases(wanted.empty_chunks), *_small_cases(wanted.small_days)]


def _control_cases(empty_chunks: int) -> list[Case]:
    """What a chunk costs besides its rows."""
    sizes = [(f"ledger of {number:,} chunks", "ledger", number) for number in _LEDGERS]
    links = [(f"latency, {number} workers", "link", number) for number in _LINK_WORKERS]
    cases = [*sizes, *links, (f"{empty_chunks:,} empty chunks, 2 workers", "many", empty_chunks)]
    return [
        Case(name=name, command=_module("benchmarks.control", what, str(number)))
        for name, what, number in cases
    ]


def _small_cases(days: int) -> list[Case]:
    """Days of a few rows each, far away."""
    return [
        Case(
            name=f"small days over a slow link, {workers} workers",
            command=_module("benchmarks.control", "small", str(workers), str(days)),
            prepare=lambda site: site.empty_target(SMALL),
        )
        for workers in _SMALL_WORKERS
    ]


def _huge_table(rows: int) -> Table:
    return Table(name="SALES", rows=rows, days=1)


def _huge_case(rows: int) -> Case:
    return Case(
        name=f"a day of {rows:,} rows, 1 worker", command=_module("benchmarks.control", "huge")
    )


def _peer_cases(python: str | None, *names: str) -> list[Case]:
    if python is None:
        return []
    script = str(ROOT / "benchmarks" / "peers.py")
    return [Case(name=name, command=[python, script, name]) for name in names]


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _replica(*arguments: str) -> list[str]:
    return _module("replica_worker", *arguments)


def _step(name: str, table: str, days: int) -> list[str]:
    return _module("benchmarks.steps", name, table, str(days))


if __name__ == "__main__":
    main()
