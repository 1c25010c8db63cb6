"""Medians, ratios and a chart out of what was measured."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.watch import Cost

_BEGIN, _END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
_CHART = "performance.svg"
_CHARTED = (
    "backfill, 2 workers",
    "backfill, 1 process",
    "sling_full",
    "dlt_merge",
    "check-fixes, unchanged",
    "day again, unchanged",
    "nightly",
    "sling_day",
    "pandas_append",
)
_FAR = "small days over a slow link, 4 workers"
_BAR, _LABEL, _LINE = 420, 200, 26


@dataclass(frozen=True, kw_only=True)
class Target:
    """A ratio that is aimed at; without a denominator, seconds, or the figure that is named."""

    says: str
    numerator: tuple[str, ...]  # medians that are added up
    denominator: tuple[str, ...] = ()
    figure: str = ""  # that the case measured beside its seconds
    unit: str = ""
    limit: float
    at_least: bool


TARGETS = (
    Target(says="Sling's full refresh ÷ backfill by 1 process", numerator=("sling_full",),
           denominator=("backfill, 1 process",), limit=2, at_least=True),
    Target(says="dlt's merge ÷ backfill by 1 process", numerator=("dlt_merge",),
           denominator=("backfill, 1 process",), limit=4, at_least=True),
    Target(says="Sling's full refresh ÷ backfill by 2 workers", numerator=("sling_full",),
           denominator=("backfill, 2 workers",), limit=2, at_least=True),
    Target(says="dlt's merge ÷ backfill by 2 workers", numerator=("dlt_merge",),
           denominator=("backfill, 2 workers",), limit=4, at_least=True),
    Target(says="Sling's backfill of a day ÷ the day loaded again by a worker that runs",
           numerator=("sling_day",), denominator=("chunk_again",), limit=10, at_least=True),
    Target(says="Sling's backfill of a day ÷ the day checked by a worker that runs",
           numerator=("sling_day",), denominator=("chunk_checked",), limit=10, at_least=True),
    Target(says="Sling's backfill of a day ÷ the day checked by a command, start included",
           numerator=("sling_day",), denominator=("check-fixes, unchanged",), limit=10,
           at_least=True),
    Target(says="extract of a day ÷ COPY BINARY to nowhere", numerator=("extract",),
           denominator=("copy_binary",), limit=2.5, at_least=False),
    Target(says="ConnectorX to Parquet ÷ extract, all days", numerator=("connectorx_parquet",),
           denominator=("extract, all days",), limit=1.3, at_least=True),
    Target(says="stage + merge of a new day ÷ INSERT … SELECT", numerator=("load_new",),
           denominator=("insert_select",), limit=2.5, at_least=False),
    Target(says="stage + merge of an unchanged day ÷ of a new one",
           numerator=("load", "merge_unchanged"), denominator=("load_new",), limit=0.5,
           at_least=False),
    Target(says="wide day ÷ narrow day of as many cells: extract, stage + merge",
           numerator=("wide extract", "wide load_new"),
           denominator=("extract", "load_new"), limit=1.2, at_least=False),
    Target(says="an empty chunk among 100,000 ÷ among 1,000",
           numerator=("ledger of 100,000 chunks",), denominator=("ledger of 1,000 chunks",),
           limit=1.1, at_least=False),
    Target(says="a chunk over a slow link, 1 worker ÷ 4 workers",
           numerator=("latency, 1 workers",), denominator=("latency, 4 workers",), limit=3.5,
           at_least=True),
    Target(says="a chunk over a slow link, 1 worker ÷ 16 workers",
           numerator=("latency, 1 workers",), denominator=("latency, 16 workers",), limit=12,
           at_least=True),
    Target(says="20,000 empty chunks, 2 workers", numerator=("20,000 empty chunks, 2 workers",),
           unit=" s", limit=60, at_least=False),
    Target(says="round trips to the source, of a small day", numerator=(_FAR,),
           figure="round trips to the source per chunk", limit=2, at_least=False),
    Target(says="round trips to the warehouse, of a small day", numerator=(_FAR,),
           figure="round trips to the warehouse per chunk", limit=5, at_least=False),
    Target(says="memory of the process that loads a day of 5,000,000 rows",
           numerator=("a day of 5,000,000 rows, 1 worker",),
           figure="peak RSS MB of the worker's child", unit=" MB", limit=300, at_least=False),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that was measured, by the name of the case."""

    rows: int
    days: int
    repeat: int
    costs: Mapping[str, Sequence[Cost]]

    def seconds(self, *names: str) -> float | None:
        """The medians of these cases together; None if one was not measured."""
        if any(name not in self.costs for name in names):
            return None
        return sum(statistics.median(cost.seconds for cost in self.costs[name]) for name in names)

    def figure(self, name: str, figure: str) -> float | None:
        """The median of what a case measured beside its seconds; None if it did not."""
        values = [cost.more[figure] for cost in self.costs.get(name, ()) if figure in cost.more]
        return statistics.median(values) if values else None


def write_report(figures: Figures, docs: Path, *, publish: bool) -> None:
    """Print the tables; with `publish`, write them and the chart into the documentation."""
    text = "\n".join(
        [_heading(figures), "", *_table(figures), "", *_more(figures), *_targets(figures)]
    )
    print(text)
    if not publish:
        return
    (docs / _CHART).write_text(_chart(figures), encoding="utf-8")
    page = docs / "performance.md"
    before, rest = page.read_text(encoding="utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


def _heading(figures: Figures) -> str:
    one, five, _ = os.getloadavg()
    return (
        f"{figures.rows:,} rows × 25 columns over {figures.days} days; median of {figures.repeat} "
        f"interleaved; load average at the end {one:.1f} ({five:.1f} over five minutes)."
    )


def _table(figures: Figures) -> list[str]:
    lines = ["| case | seconds | least – most | peak RSS MB |", "|---|---|---|---|"]
    for name, costs in figures.costs.items():
        seconds = sorted(cost.seconds for cost in costs)
        peak = max(cost.peak_mb for cost in costs)
        lines.append(
            f"| {name} | {statistics.median(seconds):.3f} | {seconds[0]:.3f} – {seconds[-1]:.3f} "
            f"| {peak:.0f} |"
        )
    return lines


def _more(figures: Figures) -> list[str]:
    """What cases measured beside their seconds; nothing if none did."""
    lines = [
        f"| {name} | {figure} | {statistics.median(values):.3f} "
        f"| {min(values):.3f} – {max(values):.3f} |"
        for name, costs in figures.costs.items()
        for figure in costs[0].more
        for values in [[cost.more[figure] for cost in costs]]
    ]
    if not lines:
        return []
    return ["| case | figure | median | least – most |", "|---|---|---|---|", *lines, ""]


def _targets(figures: Figures) -> list[str]:
    lines = ["| target | wanted | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        measured = _measured(figures, target)
        if measured is None:
            continue
        is_met = measured >= target.limit if target.at_least else measured <= target.limit
        sign, unit = "≥" if target.at_least else "≤", target.unit
        lines.append(
            f"| {target.says} | {sign} {target.limit:g}{unit} | {measured:.2f}{unit} "
            f"| {'met' if is_met else '**missed**'} |"
        )
    return lines


def _measured(figures: Figures, target: Target) -> float | None:
    if target.figure:
        return figures.figure(target.numerator[0], target.figure)
    above, below = figures.seconds(*target.numerator), figures.seconds(*target.denominator)
    if not target.denominator:
        return above
    return None if above is None or not below else above / below


def _chart(figures: Figures) -> str:
    shown = [(name, figures.seconds(name)) for name in _CHARTED]
    bars = [(name, seconds) for name, seconds in shown if seconds is not None]
    longest = max((seconds for _, seconds in bars), default=1.0)
    parts = []
    for at, (name, seconds) in enumerate(bars):
        top, width = at * _LINE + 6, max(1.0, seconds / longest * _BAR)
        is_ours = "_" not in name
        parts.append(
            f'<text x="{_LABEL - 8}" y="{top + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="18" '
            f'fill="{"#2a7f62" if is_ours else "#a9a9a9"}"/>'
            f'<text x="{_LABEL + width + 6:.1f}" y="{top + 13}">{seconds:.2f} s</text>'
        )
    height = len(bars) * _LINE + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _BAR + 90}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n' + "\n".join(parts) + "\n</svg>\n"
    )
