"""Door to the nightly run, the backfill and the check, under the names that schedulers call.

    run_replica_etl.py --date 2026-11-22                          replica run --date …
    run_replica_etl.py --start 2026-11-01 --end 2026-11-22        replica backfill --start … --end …
    run_replica_etl.py --check-fixes --date 2026-11-21            replica check-fixes --date …

Only picks the command. What the words mean, and the exit codes, are `replica`'s own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from replica_worker.cli.main import run_command


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def make_parser() -> OneLineParser:
    """The options."""
    parser = OneLineParser(description="Run, backfill or check the replica.", allow_abbrev=False)
    parser.add_argument("--date", metavar="D", help="load this day, then check the day before")
    parser.add_argument("--start", metavar="A", help="first day to backfill")
    parser.add_argument("--end", metavar="B", help="last day to backfill; it belongs to it")
    parser.add_argument("--check-fixes", action="store_true", help="only check the day of --date")
    parser.add_argument(
        "--table", action="append", default=[], metavar="T", help="only this table; may be repeated"
    )
    parser.add_argument("--wait", action="store_true", help="show progress until the run is done")
    parser.add_argument("--inline", action="store_true", help="work here, without a broker")
    return parser


def command_of(parser: OneLineParser, words: argparse.Namespace) -> list[str]:
    """The `replica` command that the options stand for."""
    has_range = words.start is not None or words.end is not None
    if words.date is not None and has_range:
        parser.error("--date and --start/--end exclude each other")
    if has_range and words.check_fixes:
        parser.error("--check-fixes takes --date, not --start/--end")
    if has_range:
        if words.start is None or words.end is None:
            parser.error("--start and --end belong together")
        return ["backfill", "--start", words.start, "--end", words.end]
    if words.date is None:
        parser.error("name a day by --date, or a range by --start and --end")
    return ["check-fixes" if words.check_fixes else "run", "--date", words.date]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = make_parser()
    words = parser.parse_args(arguments)
    command = command_of(parser, words)
    for table in words.table:
        command += ["--table", table]
    command += [f"--{name}" for name in ("wait", "inline") if getattr(words, name)]
    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
