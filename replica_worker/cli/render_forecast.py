"""How a forecast looks, to people and to programs. What is not measured is called a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from replica_worker.cli.render import console, plain_table
from replica_worker.model.chunks import Plan
from replica_worker.model.forecast import Forecast, TableForecast

_UNKNOWN = "unknown"
_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


def print_forecast(forecast: Forecast, end: datetime | None, zone: ZoneInfo) -> None:
    """Rows, bytes and time, table by table and in all, and when it would be done."""
    figures = ["chunks", "rows", "from source", "Parquet", "work"]
    table = plain_table("table", *figures, numbers=figures)
    for one in forecast.tables:
        table.add_row(
            one.table,
            f"{one.chunks:,}",
            _rows(one),
            _bytes(one.source_bytes),
            _bytes(one.parquet_bytes),
            about(one.work_seconds),
        )
    table.add_row(
        "in all",
        f"{sum(one.chunks for one in forecast.tables):,}",
        _UNKNOWN if forecast.rows is None else f"{forecast.rows:,}",
        _bytes(forecast.source_bytes),
        _bytes(forecast.parquet_bytes),
        "",
    )
    console.print(table)
    for line in _notes(forecast, end, zone):
        console.print(line, markup=False, soft_wrap=True)


def _notes(forecast: Forecast, end: datetime | None, zone: ZoneInfo) -> Sequence[str]:
    lines = []
    shared = f"{forecast.workers} worker{'s' if forecast.workers > 1 else ''}"
    if forecast.seconds is None:
        lines.append("how long it takes is unknown: the ledger has no load yet of some table")
    else:
        done = f"; begun now, it would be done about {when(end, zone)}" if end else ""
        lines.append(f"about {_duration(forecast.seconds)} of work for {shared}{done}")
    chunks = sum(one.chunks for one in forecast.tables)
    hand_outs = sum(one.hand_outs for one in forecast.tables)
    if hand_outs < chunks:
        lines.append(f"small days go together: {chunks:,} chunks in {hand_outs:,} pieces of work")
    guessed = [one.table for one in forecast.tables if one.is_guess and one.source_bytes]
    if guessed:
        lines.append(f"a guess from column types, not measured: the bytes of {', '.join(guessed)}")
    uncounted = [one.table for one in forecast.tables if not one.is_counted]
    if uncounted:
        lines.append(f"rows not counted at the source: {', '.join(uncounted)}")
    lines.append("bytes are those in memory (Arrow); the driver's encoding differs on the wire")
    return lines


def forecast_as_json(plan: Plan, forecast: Forecast, end: datetime | None) -> dict[str, Any]:
    """The plan and its forecast as JSON-ready values; null is unknown."""
    return {
        "kind": plan.kind,
        "first_day": plan.first_day.isoformat(),
        "last_day": plan.last_day.isoformat(),
        "chunks": len(plan.chunks),
        "tables": [asdict(one) for one in forecast.tables],
        "rows": forecast.rows,
        "source_bytes": forecast.source_bytes,
        "parquet_bytes": forecast.parquet_bytes,
        "workers": forecast.workers,
        "seconds": forecast.seconds,
        "ends_at": end.isoformat(timespec="seconds") if end else None,
    }


def _rows(one: TableForecast) -> str:
    if one.rows is None:
        return _UNKNOWN
    return f"{one.rows:,}" if one.is_counted else f"about {one.rows:,}"


def _bytes(size: int | None) -> str:
    if size is None:
        return _UNKNOWN
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size} B"


def about(seconds: float | None) -> str:
    """A time that is not known exactly."""
    return _UNKNOWN if seconds is None else f"about {_duration(seconds)}"


def _duration(seconds: float) -> str:
    for unit, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{max(seconds, 1):.0f} s"


def when(instant: datetime, zone: ZoneInfo) -> str:
    """An instant as the business's clocks show it, to the minute."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
