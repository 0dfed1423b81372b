"""Opening the database: SQLite (WAL, fully durable) or PostgreSQL."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from supportdesk.clock import Clock, SharedClock, system_clock

WRITES = "writes"
"""Execution option of connections that are going to write."""

PING_AFTER_SECONDS = 5.0
"""Connections that rested so long are tried before they are used."""

_IDLE_IN_TRANSACTION_SECONDS = 60
_LOCK_SECONDS = 30
_RESTED_SINCE = "rested_since"

# libpq finds out within some 20 seconds that the server's host is gone.
CONNECTION_MANNERS: dict[str, str] = {
    "application_name": "supportdesk",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


def open_engine(url: str, *, statement_seconds: int = 0) -> sa.Engine:
    """Open the engine for `url` and make every connection keep our promises.

    A SQLite transaction of a writer begins IMMEDIATE: it waits its turn at the start instead of
    failing in the middle with "database is locked". Errors name no parameters: these are mails of
    customers and hashes of passwords, and errors end up in logs. PostgreSQL ends a statement that
    takes longer than `statement_seconds`; 0 is for ever.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return _open_postgresql(parsed, statement_seconds)


def clock_of(engine: sa.Engine) -> Clock:
    """Give the clock that all who use this database share: PostgreSQL's, or SQLite's host's."""
    return system_clock if engine.dialect.name == "sqlite" else SharedClock(lambda: _time(engine))


def why_away(engine: sa.Engine) -> str:
    """Tell why the database does not answer; nothing when it does."""
    try:
        engine.connect().close()
    except sa.exc.OperationalError as error:
        return str(error.orig).strip()
    return ""


def is_behind_pooler(connection: Any) -> bool:
    """Tell whether a psycopg connection ends at PgBouncer or the like instead of at its server.

    A pooler gives every client a number of its own in place of the server process's. What a session
    keeps (prepared statements, LISTEN, settings) may then be another's at the next transaction.
    """
    ((server_pid,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
    return bool(server_pid != connection.info.backend_pid)


def _open_postgresql(url: sa.URL, statement_seconds: int) -> sa.Engine:
    manners = {name: value for name, value in CONNECTION_MANNERS.items() if name not in url.query}
    engine = sa.create_engine(
        url, connect_args=manners, pool_size=10, max_overflow=20, hide_parameters=True
    )
    timeouts = {
        # A worker that is stopped in a transaction must not hold up the others for ever.
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_SECONDS,
        "lock_timeout": _LOCK_SECONDS,
        "statement_timeout": statement_seconds,
    }
    settings = ", ".join(
        f"set_config('{name}', '{seconds}s', false)" for name, seconds in timeouts.items()
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        if is_behind_pooler(connection):
            connection.prepare_threshold = None
        else:
            connection.execute(f"SELECT {settings}")
        connection.autocommit = False

    @sa.event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info[_RESTED_SINCE] = time.monotonic()

    # Not pool_pre_ping: asking each time costs a page more than its shortest query. Whoever meets
    # a server that went away meanwhile is told "busy", and the whole pool is renewed.
    @sa.event.listens_for(engine, "checkout")
    def try_it(connection: Any, record: Any, _proxy: Any) -> None:
        rested_since = record.info.get(_RESTED_SINCE, time.monotonic())
        if time.monotonic() - rested_since < PING_AFTER_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.InvalidatePoolError from error

    return engine


def _time(engine: sa.Engine) -> datetime | None:
    try:
        with engine.connect() as connection:
            told: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
            return told.astimezone(UTC)
    except sa.exc.SQLAlchemyError:
        return None


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
