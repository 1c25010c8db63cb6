"""NULL spelled out in statements, not sent as a parameter.

A NULL parameter has no type. `mssql-python` asks the server for one before it runs the statement,
and where the server cannot tell, that question's error rolls the transaction back without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


def spell_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with SQL's NULL in place of None."""
    return {name: sa.null() if value is None else value for name, value in values.items()}
