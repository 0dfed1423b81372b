"""Opening the database: SQLite (WAL, fully durable) or PostgreSQL."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

WRITES = "writes"
"""Execution option of connections that are going to write."""


def open_engine(url: str) -> sa.Engine:
    """Open the engine for `url` and make every connection keep our promises.

    A SQLite transaction of a writer begins IMMEDIATE: it waits its turn at the start instead of
    failing in the middle with "database is locked". Errors name no parameters: these are mails of
    customers and hashes of passwords, and errors end up in logs.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return sa.create_engine(
        parsed, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True
    )


def _open_sqlite(url: sa.URL) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, pool_size=10, max_overflow=20, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL may lose committed work on power loss
        "foreign_keys=ON",
        "busy_timeout=10000",
        "cache_size=-65536",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    if writes:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # Reading begins without asking the file, so this cannot fail: the driver is asked directly.
        raw: Any = connection.connection.driver_connection
        raw.execute("BEGIN")
