"""Puts a deployment together from settings: the one place where all parts are known."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

from replica_worker.archive.archive import Archive
from replica_worker.archive.stores import open_store
from replica_worker.engines.interface import Engine
from replica_worker.engines.registry import open_engine
from replica_worker.engines.values import ConnectionOptions
from replica_worker.errors import SettingsError, SpecError
from replica_worker.ledger.ledger import Ledger
from replica_worker.memory import bound_memory
from replica_worker.model.caps import SourceCaps
from replica_worker.model.counts import DeleteGuard
from replica_worker.model.grouping import GroupRules
from replica_worker.model.hours import Hours
from replica_worker.model.key_ranges import SplitRules
from replica_worker.model.specs import ReplicaSpec, parse_specs
from replica_worker.settings import DEFAULT_SPEC_FILE, Settings
from replica_worker.usecases.deployment import Deployment, Policy


def read_specs(path: Path) -> ReplicaSpec:
    """The table specs of a spec file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SpecError(
            operation=f"read the table specs of {path}",
            cause=str(reason),
            next_step="Set REPLICA_SCHEMA to a spec file",
        ) from None
    return parse_specs(text, origin=str(path))


def connect_deployment(settings: Settings) -> Deployment:
    """A deployment over the databases that the settings name; nothing is connected yet."""
    bound_memory()
    spec = read_specs(settings.schema_file)
    source = _engine(settings, settings.source_url, "REPLICA_SOURCE_URL", read_only=True)
    target = _engine(settings, settings.target_url, "REPLICA_TARGET_URL", read_only=False)
    warehouse = target.open_warehouse()
    return Deployment(
        spec=spec,
        source=source,
        source_name=_name_of(settings.source_url),
        target=target,
        target_name=_name_of(settings.target_url),
        warehouse=warehouse,
        archive=Archive(open_store(settings.exports)),
        ledger=Ledger(warehouse.sql, warehouse.at_once, schema=spec.target_schema),
        policy=Policy(
            lease_seconds=settings.lease,
            silent_after_seconds=settings.silence_limit.total_seconds(),
            lost_after_seconds=settings.lost_after,
            most_attempts=settings.max_attempts,
            backfill_hours=Hours.parse(settings.backfill_hours)
            if settings.backfill_hours
            else None,
            window=settings.window,
            source_connections=settings.source_connections,
            source_caps=SourceCaps(
                rows_per_second=settings.source_rows_per_second,
                bytes_per_second=settings.source_bytes_per_second,
            ),
            split=SplitRules(most_rows=settings.read_rows, seconds=settings.read_seconds),
            groups=GroupRules(
                most_days=settings.group_days, fewest_hand_outs=settings.source_connections
            ),
            count_seconds=settings.count_timeout,
            recheck_nights=settings.recheck_nights,
            delete_guard=DeleteGuard(largest_share=settings.delete_share),
        ),
        zone=settings.zone,
        exports=settings.exports,
        spec_is_default=settings.schema_file.resolve() == DEFAULT_SPEC_FILE.resolve(),
    )


def _name_of(url: SecretStr | None) -> str:
    """`host:port/database` of a URL that an engine was opened for."""
    parsed = sa.make_url(url.get_secret_value() if url else "")
    port = f":{parsed.port}" if parsed.port else ""
    return f"{parsed.host or ''}{port}/{parsed.database or ''}"[:255]


def _engine(settings: Settings, url: SecretStr | None, setting: str, *, read_only: bool) -> Engine:
    if url is None:
        raise SettingsError(
            operation=f"read {setting}",
            cause="it is not set",
            next_step="Set it in the environment or in .env.local, or unset all URLs to work "
            "with the embedded servers of `replica demo`",
        )
    options = ConnectionOptions(
        url=url.get_secret_value(),
        zone=settings.zone,
        connect_timeout=settings.connect_limit,
        statement_timeout=settings.statement_limit,
        batch_bytes=settings.batch_bytes,
        read_only=read_only,
        max_dop=settings.max_dop if read_only else 0,
        merge_style=settings.merge_style,
        loader=settings.loader,
        digest_encoding=settings.digest_encoding,
    )
    return open_engine(options, setting=setting)
