"""A URL as the ODBC connection string that both drivers and bulk copy understand.

Pure text; nothing is connected here. The URL's query holds connection keywords, over these
defaults: encrypted, packets that fit a TLS record, the intent of the role. A keyword that is not
known, is given twice or has a value of the wrong kind is refused before anything connects.
"""

from __future__ import annotations

from urllib.parse import unquote

import sqlalchemy as sa

from replica_worker.engines.values import ConnectionOptions
from replica_worker.errors import SettingsError

PACKET_SIZE = "16000"  # a packet must fit a TLS record of 16 KB, headers included
BULK_PACKET_SIZE = "32767"  # bulk copy has a client of its own; with 4096 it crashed on one server

_SWITCH = frozenset({"yes", "no", "true", "false"})
_ENCRYPT = _SWITCH | {"mandatory", "optional", "strict"}
_INTENTS = frozenset({"readonly", "readwrite"})
_NUMBER = "a whole number"

# Keyword → the values it takes: a set of them, whole numbers, or any text (None).
_KEYWORDS: dict[str, frozenset[str] | str | None] = {
    "ApplicationIntent": _INTENTS,
    "Authentication": None,
    "ConnectRetryCount": _NUMBER,
    "ConnectRetryInterval": _NUMBER,
    "Encrypt": _ENCRYPT,
    "HostnameInCertificate": None,
    "IpAddressPreference": None,
    "KeepAlive": _NUMBER,
    "KeepAliveInterval": _NUMBER,
    "MultiSubnetFailover": _SWITCH,
    "PacketSize": _NUMBER,
    "ServerCertificate": None,
    "ServerSPN": None,
    "Trusted_Connection": _SWITCH,
    "TrustServerCertificate": _SWITCH,
}
_DRIVER = "Driver"  # pyodbc alone asks for it
_PARTS = frozenset({"server", "address", "addr", "uid", "user", "pwd", "password", "database"})
_TIMEOUTS = frozenset({"timeout", "logintimeout", "connecttimeout", "connectiontimeout"})


def connection_string(
    options: ConnectionOptions, *, driver: str | None = None, packet_size: str = PACKET_SIZE
) -> str:
    """The ODBC connection string of the URL; it holds the password."""
    url = sa.make_url(options.url)
    host = unquote(url.host or "localhost")  # host%5Cinstance; an IPv6 address has no brackets
    fields = {_DRIVER: driver} if driver else {}
    fields["Server"] = f"{host},{url.port}" if url.port else host
    if url.database:
        fields["Database"] = url.database
    if url.username:
        fields["UID"] = url.username
    if url.password:
        fields["PWD"] = str(url.password)
    fields |= {
        "Encrypt": "yes",
        "PacketSize": packet_size,
        "ApplicationIntent": "ReadOnly" if options.read_only else "ReadWrite",
        "ConnectRetryCount": "0",  # a broken connection must show: its locks are gone
    }
    fields |= {name: text for name, text in keywords_of(url).items() if name != _DRIVER}
    return ";".join(f"{name}={_braced(text)}" for name, text in fields.items()) + ";"


def keywords_of(url: sa.URL) -> dict[str, str]:
    """The connection keywords in the URL's query, as the drivers spell them.

    Raises SettingsError for one that cannot be used; it names the keyword, never its value.
    """
    known = {_folded(name): name for name in (*_KEYWORDS, _DRIVER)}
    found: dict[str, str] = {}
    for given, text in url.query.items():
        name = known.get(_folded(given))
        if name is None or (name == _DRIVER and url.get_driver_name() != "pyodbc"):
            raise _refusal(given, "is not known", _advice(given))
        if name in found or not isinstance(text, str):
            raise _refusal(given, "is given twice", "Give it once")
        _require_value(name, text)
        found[name] = text
    return found


def _require_value(name: str, text: str) -> None:
    allowed = _KEYWORDS.get(name)
    if not text.strip():
        raise _refusal(name, "has no value", "Give it one, or leave it out")
    if allowed == _NUMBER and not (text.isascii() and text.isdigit()):
        raise _refusal(name, "is no whole number", "Write digits only")
    if isinstance(allowed, frozenset) and text.lower() not in allowed:
        raise _refusal(name, "has a value that it cannot have", f"Use {_listed(allowed)}")


def _advice(keyword: str) -> str:
    if _folded(keyword) in _PARTS:
        return "Write it in the URL itself: mssql+mssqlpython://user:password@host:1433/database"
    if _folded(keyword) in _TIMEOUTS:
        return "Set REPLICA_CONNECT_TIMEOUT or REPLICA_STATEMENT_TIMEOUT instead"
    return f"Use {_listed(_KEYWORDS)}"


def _refusal(keyword: str, fault: str, next_step: str) -> SettingsError:
    return SettingsError(
        operation="read the SQL Server URL",
        cause=f"its keyword {keyword[:40]!r} {fault}",
        next_step=next_step,
    )


def _listed(names: frozenset[str] | dict[str, frozenset[str] | str | None]) -> str:
    *most, last = sorted(names, key=str.lower)
    return f"{', '.join(most)} or {last}"


def _folded(keyword: str) -> str:
    return keyword.lower().replace(" ", "").replace("_", "")


def _braced(text: str) -> str:
    """A value as ODBC quotes it: any character may stand between braces."""
    if text.isalnum():
        return text
    return "{" + text.replace("}", "}}") + "}"
