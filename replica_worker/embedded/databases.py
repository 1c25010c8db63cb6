"""What an embedded PostgreSQL is given: two databases and three roles that may do only their part.

Owns the names and the rights. Holds no tables: those come from the demo (source) and from the
migrations (warehouse).
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from replica_worker.embedded.postgres import EmbeddedPostgres

SOURCE_DATABASE = "xilnex"
TARGET_DATABASE = "MarryBrown_DW"

SOURCE_OWNER = "pos_owner"  # writes the point-of-sale tables; only the demo logs in with it
SOURCE_READER = "replica_reader"  # what a worker reads the source with
TARGET_WRITER = "replica_writer"  # what a worker writes the warehouse with
ROLES = (SOURCE_OWNER, SOURCE_READER, TARGET_WRITER)

_SERVER_RIGHTS = (
    # By default every role may connect to these two and make temporary tables in them.
    "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC",
    "GRANT CONNECT ON DATABASE {source_database} TO {reader}",
    # The reader holds no right to write; this also refuses what needs no right, such as the use
    # of sequences or large objects.
    "ALTER ROLE {reader} SET default_transaction_read_only = on",
)

_SOURCE_RIGHTS = (
    # The reader sees what the owner makes later, without a grant for each table.
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SCHEMAS TO {reader}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {reader}",
)


def create_databases(postgres: EmbeddedPostgres, passwords: Mapping[str, str]) -> None:
    """Make the roles and databases in a new cluster."""
    for role in ROLES:
        postgres.create_role(role, passwords[role])
    postgres.create_database(SOURCE_DATABASE, SOURCE_OWNER)
    postgres.create_database(TARGET_DATABASE, TARGET_WRITER)
    _execute(postgres, "postgres", _SERVER_RIGHTS)
    _execute(postgres, SOURCE_DATABASE, _SOURCE_RIGHTS)


def _execute(postgres: EmbeddedPostgres, database: str, statements: tuple[str, ...]) -> None:
    names = {
        "source_database": sql.Identifier(SOURCE_DATABASE),
        "owner": sql.Identifier(SOURCE_OWNER),
        "reader": sql.Identifier(SOURCE_READER),
    }
    with postgres.connect(database) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement).format(**names))
