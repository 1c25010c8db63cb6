"""Loaded into a worker by `--include twice`: the broker gets every message of it two times."""

from __future__ import annotations

from typing import Any

from kombu.transport.redis import Channel

_put = Channel._put


def put_twice(channel: Channel, queue: str, message: Any, **options: Any) -> None:
    for _ in range(2):
        _put(channel, queue, message, **options)


Channel._put = put_twice
