"""Keeps secrets out of what is said and written, even where another's code chose the words.

Settings tell this module the secrets that they hold; every error message, log line and crash
report then passes through `masked`. It is the last of several nets: the product itself never
puts a secret into a message. Knows nothing of where secrets come from.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from urllib.parse import parse_qsl, quote, quote_plus, unquote

MASK = "***"
_SHORTEST = 4  # shorter ones would mask ordinary words, and protect nothing
_IN_URL = re.compile(r"(://[^:/@\s]*:)(?!password@)[^/@\s]+@")  # advice says `password`
_TELLTALE = re.compile(r"pass|pwd|secret|token|key|sig|credential", re.I)

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


def learn_secret(secret: str) -> None:
    """Mask this from now on, in every spelling that a driver or serializer may give it."""
    global _pattern
    encoded = {quote(secret, safe=""), quote_plus(secret), quote(secret)}
    spellings = {
        secret,
        *encoded,
        *(re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), text) for text in encoded),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.replace("}", "}}"),  # as ODBC quotes it
    }
    _known.update(text for text in spellings if len(text) >= _SHORTEST)
    longest_first = sorted(_known, key=len, reverse=True)
    _pattern = re.compile("|".join(map(re.escape, longest_first))) if _known else None


def learn_url(url: str) -> None:
    """Learn the password of a URL, and its query's keys and tokens. It need not be well-formed."""
    _, _, rest = url.partition("://")
    login = rest.rpartition("@")[0]
    password = login.partition(":")[2]
    if password:
        learn_secret(password)
        learn_secret(unquote(password))
    query = rest.rpartition("@")[2].partition("?")[2]
    for name, text in parse_qsl(query):
        if _TELLTALE.search(name) and not text.startswith("/"):  # a path to a key file is none
            learn_secret(text)


def masked(text: str) -> str:
    """The text with every known secret, and any URL's password, replaced by `***`."""
    known = _pattern.sub(MASK, text) if _pattern else text
    return _IN_URL.sub(rf"\1{MASK}@", known)


class MaskingFormatter(logging.Formatter):
    """Another formatter's lines, tracebacks included, masked."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The whole text of the record, masked."""
        return masked(self._inner.format(record))


def mask_logger(logger: logging.Logger) -> None:
    """Mask all that the logger's handlers write."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, MaskingFormatter):
            handler.setFormatter(MaskingFormatter(handler.formatter or logging.Formatter()))


def mask_crashes() -> None:
    """Mask the traceback of an exception that nobody caught, in any thread."""

    def report(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = report
    threading.excepthook = lambda crash: report(
        crash.exc_type, crash.exc_value, crash.exc_traceback
    )
