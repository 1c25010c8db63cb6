"""Texts in columns that write dates, and the instant that every engine must read in them."""

from __future__ import annotations

from replica_worker.model.reading import DateFormat

FORMATS = {
    "ISO": [DateFormat.YEAR_FIRST],
    "SLASHED": [DateFormat.YEAR_FIRST_SLASHES],
    "TILL": [
        DateFormat.YEAR_FIRST,
        DateFormat.DAY_FIRST_SLASHES,
        DateFormat.DAY_FIRST_DASHES,
        DateFormat.DAY_FIRST_NAMED,
    ],
    "DOTTED": [DateFormat.DAY_FIRST_DOTS],
    "AMERICAN": [DateFormat.MONTH_FIRST_SLASHES, DateFormat.MONTH_FIRST_DASHES],
    "EITHER": [DateFormat.DAY_FIRST_SLASHES, DateFormat.MONTH_FIRST_SLASHES],
}
"""Columns by name, and the formats that their spec names."""

READ = [
    ("ISO", "2026-03-14", "2026-03-14 00:00:00.000"),
    ("ISO", "2026-3-4", "2026-03-04 00:00:00.000"),
    ("ISO", "2026-03-14 10:20", "2026-03-14 10:20:00.000"),
    ("ISO", "2026-03-14 10:20:30.990", "2026-03-14 10:20:30.990"),
    ("ISO", "2026-03-14T10:20:30", "2026-03-14 10:20:30.000"),
    ("ISO", "2024-02-29", "2024-02-29 00:00:00.000"),
    ("ISO", "1753-01-01", "1753-01-01 00:00:00.000"),
    ("SLASHED", "2026/03/14", "2026-03-14 00:00:00.000"),
    ("TILL", "2026-03-14", "2026-03-14 00:00:00.000"),
    ("TILL", "14/03/2026", "2026-03-14 00:00:00.000"),
    ("TILL", "04/03/2026", "2026-03-04 00:00:00.000"),
    ("TILL", "4/3/2026", "2026-03-04 00:00:00.000"),
    ("TILL", "14/03/2026 10:20:30", "2026-03-14 10:20:30.000"),
    ("TILL", "14/03/2026 01:02:03 PM", "2026-03-14 13:02:03.000"),
    ("TILL", "14/03/2026 13:02:03 PM", "2026-03-14 13:02:03.000"),
    ("TILL", "14/03/2026 12:02:03 PM", "2026-03-14 12:02:03.000"),
    ("TILL", "14/03/2026 12:02:03 AM", "2026-03-14 00:02:03.000"),
    ("TILL", "04-03-2026", "2026-03-04 00:00:00.000"),
    ("TILL", "14 Mar 2026", "2026-03-14 00:00:00.000"),
    ("TILL", "4 mar 2026 10:20:30", "2026-03-04 10:20:30.000"),
    ("TILL", "14/03/2026  ", "2026-03-14 00:00:00.000"),
    ("DOTTED", "14.03.2026", "2026-03-14 00:00:00.000"),
    ("AMERICAN", "03/14/2026", "2026-03-14 00:00:00.000"),
    ("AMERICAN", "03-04-2026", "2026-03-04 00:00:00.000"),
    ("EITHER", "03/04/2026", "2026-04-03 00:00:00.000"),
    ("EITHER", "03/14/2026", "2026-03-14 00:00:00.000"),
]

UNPARSABLE = [
    ("ISO", "14/03/2026"),
    ("ISO", "2026-03-14 24:00:00"),
    ("ISO", "2026-03-14 10:60:00"),
    ("ISO", "2026-03-14 10:20:61"),
    ("ISO", "2026-03-14 x"),
    ("ISO", "1752-12-31"),
    ("ISO", "0000-00-00"),
    ("ISO", "2025-02-29"),
    ("TILL", "31/02/2025"),
    ("TILL", "03/14/2026"),
    ("TILL", "14/03/26"),
    ("TILL", "32 Jan 2025"),
    ("TILL", "14 Mrz 2026"),
    ("TILL", "14/03/2026 13:02:03 AM"),
    ("TILL", "14/03/2026 00:02:03 PM"),
    ("TILL", "TBC"),
    ("TILL", "10:20"),
    ("TILL", "2026"),
    ("TILL", "20260314x"),
    ("AMERICAN", "14/03/2026"),
]

EMPTY = [("ISO", ""), ("ISO", "   "), ("TILL", "")]
"""No date, and nothing that would be one."""
