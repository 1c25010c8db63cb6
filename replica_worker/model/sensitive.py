"""Which columns hold what must not be shown: the spec file says so, else the column's name does."""

from __future__ import annotations

import re

_WORDS = frozenset({"PASSWORD", "PASSWD", "PWD", "PIN", "TOKEN", "SECRET", "CVV", "OTP"})
_ENDINGS = ("PASSWORD", "TOKEN", "SECRET")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_LETTERS = re.compile(r"[^A-Za-z]+")


def is_named_sensitive(column: str) -> bool:
    """Whether one of the words of the name is a password, PIN, token or another secret.

    Words end at an underscore, a digit or a capital letter: `API_PASSWORD`, `UserPin`; not
    `SHIPPING`. A name that ends in password, token or secret counts without them too.
    """
    words = [word.upper() for part in _NO_LETTERS.split(column) for word in _CAMEL.split(part)]
    return not _WORDS.isdisjoint(words) or column.upper().endswith(_ENDINGS)
