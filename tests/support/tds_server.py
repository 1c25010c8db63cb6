"""A server that speaks TDS, in this process: one table of sales, from a CSV file.

It understands SELECT, logins and TLS. What it lacks of the engine's T-SQL is put into words that
it knows; nothing of the protocol or of the driver is replaced.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pysqlbridge.catalog import load as load_catalog
from pysqlbridge.logins import Login, LoginStore
from pysqlbridge.server import start_background
from pysqlbridge.tds.result import Query, QueryError

PASSWORD = "a;b}c 'd\" {e@:/%"


@dataclass
class TdsServer:
    """The running server; `objection` answers every SELECT from the table, if set."""

    port: int
    answer: Callable[[Query], Any]
    objection: QueryError | None = None

    def __post_init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()

    def reply(self, asked: Query | str) -> Any:
        query = _without_preparation(Query(sql=asked) if isinstance(asked, str) else asked)
        if "[SALES]" in query.sql:
            self.may_answer.wait(timeout=3)
            if self.objection:
                raise self.objection
        return self.answer(replace(query, sql=query.sql.replace("ROWCOUNT_BIG()", "@@ROWCOUNT")))


def _without_preparation(query: Query) -> Query:
    """The statement that a client prepares and executes at once, with its parameters."""
    if query.procedure != "sp_prep_exec":
        return query
    _, declared, statement, *values = query.arguments
    names = re.findall(r"@\w+", declared or "")
    return replace(
        query,
        procedure=None,
        arguments=[],
        sql=statement,
        parameters=dict(zip(names, values, strict=True)),
    )


@contextmanager
def serve_sales(folder: Path, rows: str) -> Iterator[TdsServer]:
    """Serve a table SALES of those CSV lines, header first, to the login `reader`."""
    (folder / "sales.csv").write_text(rows, encoding="utf-8")
    catalog_file = folder / "catalog.json"
    tables = [{"name": "SALES", "csv": str(folder / "sales.csv")}]
    catalog_file.write_text(json.dumps({"tables": tables}))
    server = TdsServer(port=0, answer=load_catalog(str(catalog_file)).answer)
    listener, thread = start_background(
        query_handler=server.reply,
        logins=LoginStore([Login(user="reader", secret=PASSWORD, hashed=False)]),
    )
    server.port = listener.address[1]
    try:
        yield server
    finally:
        server.may_answer.set()
        listener.shutdown()
        listener.server_close()
        thread.join(timeout=10)
