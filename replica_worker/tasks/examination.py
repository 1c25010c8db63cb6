"""What `replica doctor` finds out about the broker and the workers that listen to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis

from replica_worker.engines.examination import is_this_machine, judge_encryption
from replica_worker.errors import BrokerError
from replica_worker.model.findings import Finding, ok, refused, warning
from replica_worker.settings import load_settings

_ANSWER_SECONDS = 5.0
_NEEDED_POLICY = "noeviction"


def examine_broker() -> Iterator[Finding]:
    """Reachable, encrypted, closed to strangers, and told not to drop messages; then workers."""
    secret = load_settings().broker_url
    if secret is None:
        yield warning(
            "reachable",
            "REPLICA_BROKER_URL is not set: no workers, no night that comes by itself",
            "Set it, or work with --inline only",
        )
        return
    from replica_worker.tasks.broker import require_broker  # makes the app, which needs the URL

    try:
        require_broker()
    except BrokerError as error:
        yield refused("reachable", error.cause, error.next_step)
        return
    url = secret.get_secret_value()
    with _client(url) as client:
        place = client.connection_pool.connection_kwargs
        yield ok("reachable", f"{place.get('host')}:{place.get('port')}")
        is_local = is_this_machine(place.get("host"))
        yield judge_encryption(
            is_on=url.startswith("rediss://"),
            details="rediss",
            is_verified="ssl_cert_reqs=none" not in url.lower(),
            is_local=is_local,
            turn_on="Use a rediss:// URL, or keep the broker's network to yourself",
            verify="Take ssl_cert_reqs=none out of the URL",
        )
        yield _password(client)
        yield _policy(client)
    yield from _workers()


def _client(url: str, **more: Any) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_connect_timeout=_ANSWER_SECONDS, socket_timeout=_ANSWER_SECONDS, **more
    )


def _password(client: redis.Redis) -> Finding:
    """Whether the broker turns away who has no password, found out by having none."""
    place = dict(client.connection_pool.connection_kwargs)
    place.update(username=None, password=None)
    pool = redis.ConnectionPool(connection_class=client.connection_pool.connection_class, **place)
    try:
        redis.Redis(connection_pool=pool).ping()
    except redis.RedisError:
        return ok("password", "asked for")
    finally:
        pool.disconnect()
    return warning(
        "password",
        "none is asked for: whoever reaches the broker can wake and confuse the workers",
        "Set `requirepass` at the broker, and the password in REPLICA_BROKER_URL",
    )


def _policy(client: redis.Redis) -> Finding:
    what = "maxmemory-policy"
    try:
        answer: Any = client.config_get(what)
    except redis.RedisError:
        return ok(what, "the broker does not tell")
    policy = str(answer.get(what, _NEEDED_POLICY))
    if policy == _NEEDED_POLICY:
        return ok(what, policy)
    return warning(
        what,
        f"{policy}: a broker short of memory would drop messages without a word",
        f"Set maxmemory-policy {_NEEDED_POLICY} at the broker",
    )


def _workers() -> Iterator[Finding]:
    from replica_worker.tasks.app import BACKFILL_QUEUE, DAILY_QUEUE
    from replica_worker.tasks.broker import count_listeners

    for queue, use in ((DAILY_QUEUE, "nightly runs"), (BACKFILL_QUEUE, "backfills")):
        count = count_listeners(queue)
        what = f"workers for {use}"
        if count:
            yield ok(what, f"{count} on queue {queue}")
        else:
            yield warning(
                what,
                f"none answers on queue {queue}",
                f"celery -A replica_worker.tasks.app worker -Q {queue} -E (see the Procfile)",
            )
