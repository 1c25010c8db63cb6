"""Door to a backfill that works in this process, table by table if one likes.

    export_and_load_replica.py --start-date 2026-11-01 --end-date 2026-11-22 --table APP_4_SALES

is `replica backfill --start … --end … --table … --inline`. It needs no broker and no workers.
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
    parser = OneLineParser(
        description="Export days to Parquet and load them into the warehouse.", allow_abbrev=False
    )
    parser.add_argument("--start-date", required=True, metavar="A", help="first day")
    parser.add_argument("--end-date", required=True, metavar="B", help="last day; it belongs to it")
    parser.add_argument(
        "--table", action="append", default=[], metavar="T", help="only this table; may be repeated"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the backfill; its exit code."""
    words = make_parser().parse_args(arguments)
    command = ["backfill", "--start", words.start_date, "--end", words.end_date, "--inline"]
    for table in words.table:
        command += ["--table", table]
    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
