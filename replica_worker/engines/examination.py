"""What every engine's examination shares: how questions are asked, and how answers are judged.

An engine asks its server and gives plain facts; the judgements here say the same of the same
facts, whatever the engine. Owns no SQL.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from replica_worker.engines.values import STAGING_SCHEMA
from replica_worker.errors import DatabaseUnreachableError, ReplicaError
from replica_worker.model.findings import Finding, ok, refused, warning

_LARGEST_SKEW = timedelta(seconds=30)  # a quarter of the default lease
_MOST_NAMES = 5

Question = tuple[str, Callable[[], Finding]]


@dataclass(frozen=True, kw_only=True)
class TableRights:
    """What the login may do with a table that is there."""

    table: str
    may: frozenset[str]  # of SELECT, INSERT, UPDATE, DELETE and the like


@dataclass(frozen=True, kw_only=True)
class SchemaRights:
    """A schema of the warehouse, and whether the login may make tables in it."""

    name: str
    exists: bool
    may_create: bool


def ask_all(
    questions: Iterable[Question], translate: Callable[[Exception], Exception]
) -> Iterator[Finding]:
    """Every question's finding; one that cannot be answered is a finding, too.

    A connection that broke ends the list: its server would answer nothing more.
    """
    for what, ask in questions:
        try:
            yield ask()
        except Exception as error:
            known = translate(error)
            if isinstance(known, DatabaseUnreachableError):
                yield refused(what, known.cause, known.next_step)
                return
            if not isinstance(known, ReplicaError):
                raise
            yield warning(what, f"could not be found out: {known.cause}", known.next_step)


def is_this_machine(host: str | None) -> bool:
    """Whether traffic to the host leaves no machine: a loopback address or a local socket."""
    if not host or host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def judge_encryption(
    *, is_on: bool, details: str, is_verified: bool, is_local: bool, turn_on: str, verify: str
) -> Finding:
    """Whether the connection is encrypted, and to the server that is meant."""
    if not is_on:
        if is_local:
            return ok("TLS", "off; the server is on this machine")
        return warning("TLS", "off: passwords and rows can be read on the way", turn_on)
    if is_verified or is_local:
        return ok("TLS", f"on ({details})")
    return warning("TLS", f"on ({details}), but the server's certificate is not checked", verify)


def judge_clock(*, server: datetime, before: datetime, after: datetime, zone: str) -> Finding:
    """The server's clock (in UTC) against ours, read before and after it was asked."""
    middle = before + (after - before) / 2
    skew = abs(server - middle) - (after - before) / 2
    words = f"{server:%Y-%m-%d %H:%M:%S} UTC, server's zone {zone}"
    if skew <= _LARGEST_SKEW:
        return ok("clock", words)
    direction = "ahead of" if server > middle else "behind"
    return warning(
        "clock",
        f"{words}: {skew.total_seconds():.0f} s {direction} this machine",
        "Let both machines follow a time server (NTP)",
    )


def judge_reading(rights: Sequence[TableRights]) -> Finding:
    """Whether every table of the specs that is there may be read."""
    unread = [listed.table for listed in rights if "SELECT" not in listed.may]
    if unread:
        return refused(
            "right to read", f"none on {names(unread)}", f"GRANT SELECT ON {unread[0]} to the login"
        )
    return ok("right to read", f"on all {len(rights)} tables that are there")


def judge_writing_at_source(rights: Sequence[TableRights], powers: Sequence[str]) -> Finding:
    """The source is only read: a login that could write is a danger without a use."""
    what = "no right to write"
    advice = "Give the product a login that has SELECT on the tables, and nothing else"
    if powers:
        return warning(what, f"the login is {', '.join(powers)}", advice)
    written = [listed.table for listed in rights if listed.may - {"SELECT"}]
    if written:
        return warning(what, f"the login may write to {names(written)}", advice)
    return ok(what, "the login may only read")


def judge_writing_at_target(rights: Sequence[TableRights]) -> Finding:
    """Whether every target and metadata table that is there may be written."""
    needed = ("SELECT", "INSERT", "UPDATE", "DELETE")
    for listed in rights:
        missing = [right for right in needed if right not in listed.may]
        if missing:
            return refused(
                "right to write",
                f"no {', '.join(missing)} on {listed.table}",
                f"GRANT {', '.join(missing)} ON its schema to the login",
            )
    return ok("right to write", f"on all {len(rights)} tables that are there")


def judge_creating(
    schemas: Sequence[SchemaRights], *, may_create_schemas: bool, grant: str
) -> Finding:
    """Whether the login may make the tables of `migrate` and the staging tables.

    `grant` is the dialect's advice for one `{schema}`.
    """
    what = "right to make tables"
    for schema in schemas:
        if not schema.exists and not may_create_schemas:
            return refused(
                what,
                f"there is no schema {schema.name}, and the login may not make it",
                f"Make the schema {schema.name} for the login, or grant it CREATE on the database",
            )
        if schema.exists and not schema.may_create:
            use = "staging tables" if schema.name == STAGING_SCHEMA else "target tables"
            return refused(
                what,
                f"none in schema {schema.name}, which holds the {use}",
                grant.format(schema=schema.name),
            )
    made = ", ".join(schema.name for schema in schemas)
    return ok(what, f"in {made}")


def judge_version(*, found: str, is_supported: bool, needed: str) -> Finding:
    """Whether the server is one that the product was made for."""
    if is_supported:
        return ok("server version", found)
    return refused("server version", found, f"Use {needed}")


def names(listed: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
