"""Options that several commands share, and how their words are understood."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import click

from replica_worker.model.days import FIRST_DAY, DayRange, business_day
from replica_worker.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


class DayType(click.ParamType[date]):
    """A date written YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date; a usage error if it is none."""
        if isinstance(value, date):
            return value
        try:
            day = datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"{value!r} is not a date; write it like 2026-11-22.", param, ctx)
        if day < FIRST_DAY:
            self.fail(f"{day} lies before {FIRST_DAY}, when no till kept books.", param, ctx)
        return day


DAY = DayType()

tables_option = click.option(
    "--table", "tables", multiple=True, metavar="T", help="Only this table; may be repeated."
)
start_option = click.option("--start", type=DAY, required=True, help="First day.")
end_option = click.option("--end", type=DAY, required=True, help="Last day; it belongs to it.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def work_options(command: Command) -> Command:
    """`--wait`, `--inline` and `--allow-deletes`, for commands that make a run."""
    for option in (
        click.option(
            "--allow-deletes", is_flag=True, help="Delete however many rows the source lost."
        ),
        click.option("--inline", is_flag=True, help="Work in this process, without a broker."),
        click.option("--wait", is_flag=True, help="Show progress until the run is done."),
    ):
        command = option(command)
    return command


def today(settings: Settings) -> date:
    """Today in the business's time zone."""
    return business_day(now=datetime.now(UTC), zone=settings.zone)


def past_day(settings: Settings, day: date, option: str = "--date") -> date:
    """The day; a usage error if it lies in the future."""
    if day > today(settings):
        raise click.UsageError(
            f"{option} {day} lies in the future (today is {today(settings)} in {settings.timezone})"
        )
    return day


def past_range(settings: Settings, start: date, end: date) -> DayRange:
    """The days from start to end, both included; a usage error if that makes no sense."""
    if end < start:
        raise click.UsageError(f"--end {end} comes before --start {start}")
    return DayRange.inclusive(start, past_day(settings, end, "--end"))
