"""`replica`: the commands, and the one place where errors become one line and an exit code.

0: done. 1: the work failed or differences remain. 2: wrong usage or configuration.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import click

from replica_worker import __version__
from replica_worker.cli.audit import audit
from replica_worker.cli.certify import certify
from replica_worker.cli.doctor import doctor
from replica_worker.cli.look import history, status, verify
from replica_worker.cli.recover import cancel, replay, retry, undo
from replica_worker.cli.schema import schema
from replica_worker.cli.setup import migrate
from replica_worker.cli.work import backfill, check_fixes, run
from replica_worker.errors import (
    BrokerError,
    DatabaseError,
    DatabaseUnreachableError,
    EmbeddedServerError,
    ReplicaError,
    RunNotFoundError,
    SchemaMismatchError,
    SettingsError,
    SpecError,
    UsageError,
)
from replica_worker.masking import mask_crashes, mask_logger, masked

_log = logging.getLogger(__name__)

DONE, FAILED, WRONG = 0, 1, 2

_CONFIGURATION_ERRORS = (
    UsageError,
    SettingsError,
    SpecError,
    SchemaMismatchError,
    BrokerError,
    DatabaseUnreachableError,
    EmbeddedServerError,
    RunNotFoundError,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="replica")
def replica() -> None:
    """Keep a proven 1:1 copy of a POS database's tables in a warehouse of one's own."""


@replica.command()
@click.pass_context
@click.option("--sales-per-day", type=click.IntRange(40, 1_000_000), default=900, show_default=True)
@click.option("--days", type=click.IntRange(2, 1000), default=14, show_default=True)
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True)
@click.option("--seed", type=int, default=5013, show_default=True)
def demo(context: click.Context, sales_per_day: int, days: int, workers: int, seed: int) -> None:
    """Show everything on this machine, with its own servers and a made-up POS source."""
    from replica_worker.demo.story import tell_story

    context.exit(tell_story(sales_per_day=sales_per_day, days=days, workers=workers, seed=seed))


for command in (
    migrate,
    run,
    backfill,
    check_fixes,
    retry,
    cancel,
    replay,
    undo,
    status,
    history,
    verify,
    certify,
    audit,
    doctor,
    schema,
):
    replica.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr
    )
    mask_logger(logging.getLogger())
    mask_crashes()
    sys.exit(run_command(arguments))


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Errors go to stderr, in one line each."""
    try:
        result = replica.main(args=arguments, prog_name="replica", standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "replica"
        return _complain(f"{where}: {error.format_message()} See `{where} --help`.", WRONG)
    except click.ClickException as error:
        return _complain(f"replica: {error.format_message()}", WRONG)
    except (click.Abort, KeyboardInterrupt):
        return _complain("replica: interrupted; `replica status` tells what was done", 130)
    except ReplicaError as error:
        return _complain(f"replica: {error}", WRONG if _is_wrong(error) else FAILED)
    except BrokenPipeError:
        return FAILED
    except Exception as error:
        _log.debug("unexpected error", exc_info=True)
        return _complain(
            f"replica: unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}. "
            "This is a fault of the product; REPLICA_LOG_LEVEL=DEBUG shows where it happened.",
            FAILED,
        )
    return result if isinstance(result, int) else DONE


def _is_wrong(error: ReplicaError) -> bool:
    """Whether settings or words are at fault: a database that lets us not in, or lacks tables."""
    refused = isinstance(error, DatabaseError) and not error.retryable
    return refused or isinstance(error, _CONFIGURATION_ERRORS)


def _complain(message: str, code: int) -> int:
    click.echo(" ".join(masked(message).split()), err=True)  # a word may hold line ends
    return code
