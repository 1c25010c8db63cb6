"""Looking for secrets in all that a shop's programs have written, wherever they wrote it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import redis

from drive.programs import programs_with
from drive.shop import Shop

_ENCODED = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


def spellings(secret: str) -> set[bytes]:
    """The ways in which a driver, a serializer or a person may write it down."""
    texts = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        secret.replace("}", "}}"),
    }
    return {text.encode() for text in texts}


def leaks(written: Mapping[str, bytes], secrets: Mapping[str, str]) -> list[str]:
    """Which secret stands where, plain or in base64; the secrets by name."""
    return [
        f"{name} in {place}"
        for place, content in written.items()
        for name, secret in secrets.items()
        if any(spelling in text for text in (content, *_decoded(content)) for spelling in
               spellings(secret))
    ]  # fmt: skip


def _decoded(content: bytes) -> Iterator[bytes]:
    for found in _ENCODED.findall(content):
        try:
            yield base64.b64decode(found, validate=True)
        except ValueError:
            continue


def files_of(folder: Path, *, but: tuple[str, ...]) -> dict[str, bytes]:
    """Every file below the folder, but those in folders of these names."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not set(but) & set(path.relative_to(folder).parts)
    }


def tables_of(shop: Shop) -> dict[str, bytes]:
    """Every row of every table and view of the warehouse, as text."""
    names = shop.target.execute(
        "SELECT schemaname, tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    return {
        f"table {schema}.{name}": str(
            shop.target.execute(f'SELECT t::text FROM "{schema}"."{name}" t').fetchall()
        ).encode()
        for schema, name in names
    }


def keys_of(broker: redis.Redis) -> dict[str, bytes]:
    """All that the broker holds, by key; what workers took and results are among it."""
    read = {
        b"list": lambda key: broker.lrange(key, 0, -1),
        b"hash": broker.hgetall,
        b"set": broker.smembers,
        b"zset": lambda key: broker.zrange(key, 0, -1),
        b"string": broker.get,
    }
    return {
        f"key {key.decode()}": key + repr(read[broker.type(key)](key)).encode()
        for key in broker.keys("*")
    }


def arguments_of(shop: Shop) -> dict[str, bytes]:
    """The command lines of the shop's living programs, which every user can read."""
    return {
        f"arguments of {pid}": Path(f"/proc/{pid}/cmdline").read_bytes()
        for pid in programs_with(str(shop.folder))
    }
