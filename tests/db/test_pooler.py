"""PostgreSQL directly and through PgBouncer: what a session keeps is only used where it is ours."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from supportdesk.clock import system_clock
from supportdesk.db import engine as engine_module
from supportdesk.db import work
from supportdesk.db.database import Database
from supportdesk.db.engine import clock_of, open_engine
from supportdesk.db.hints import hint, listen
from supportdesk.db.work import Kind
from supportdesk.errors import SettingsError
from tests.factories import NOON
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgresql import PostgresqlServer
from tests.waiting import until


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(open_engine(url, statement_seconds=60))
    try:
        yield database
    finally:
        database.close()


def settings_of(database: Database) -> list[Any]:
    names = ("statement_timeout", "idle_in_transaction_session_timeout", "application_name")
    with database.read() as session:
        return [session.scalar(sa.text(f"SHOW {name}")) for name in names]


def prepares(database: Database) -> bool:
    with database.read() as session:
        raw: Any = session.connection().connection.driver_connection
        return raw.prepare_threshold is not None


def test_a_session_of_our_own_has_time_limits_and_prepares_statements(postgresql_url: str) -> None:
    with opened(postgresql_url) as database:
        assert settings_of(database) == ["1min", "1min", "supportdesk"]
        assert prepares(database)


def test_behind_a_pooler_nothing_is_kept_in_the_session(
    postgresql_url: str, pgbouncer: PgBouncer
) -> None:
    with opened(pgbouncer.url(postgresql_url)) as database:
        assert settings_of(database) == ["0", "0", "supportdesk"]
        assert not prepares(database)


def test_the_queue_works_through_a_pooler_with_fewer_connections_than_clients(
    postgresql_url: str, pgbouncer: PgBouncer
) -> None:
    claimers, pieces = 12, 240

    with opened(pgbouncer.url(postgresql_url)) as database:
        with database.write() as session:
            payloads = [{"n": number} for number in range(pieces)]
            work.enqueue_many(session, Kind.ROUTE, payloads, now=NOON, max_attempts=3)

        def claim_all(_: int) -> list[int]:
            done: list[int] = []
            while True:
                with database.write() as session:
                    claims = work.claim(session, [Kind.ROUTE], now=NOON, limit=3, lease_seconds=60)
                if not claims:
                    return done
                with database.write() as session:
                    work.finish(session, claims, now=NOON)
                done += [one.payload["n"] for one in claims]

        with ThreadPoolExecutor(claimers) as pool:
            shares = list(pool.map(claim_all, range(claimers)))
    assert sorted(number for share in shares for number in share) == list(range(pieces))


def hear(url: str, database: Database) -> list[str]:
    """Give what is heard of a transaction that asks for two kinds of work, twice each."""
    heard: list[str] = []
    is_over = threading.Event()
    ears = threading.Thread(target=listen, args=(url, heard.append, is_over))
    ears.start()

    def ask() -> bool:
        with database.write() as session:
            for kind in (Kind.ROUTE, Kind.SEND) * 2:
                hint(session, kind)
        return len(heard) >= 2

    until(ask, "it is heard")
    is_over.set()
    ears.join()
    return heard


def test_a_hint_of_each_kind_is_heard_once_a_transaction(postgresql_url: str) -> None:
    with opened(postgresql_url) as database:
        heard = hear(postgresql_url, database)
    assert heard[:2] == [Kind.ROUTE, Kind.SEND]
    assert heard.count(Kind.ROUTE) - heard.count(Kind.SEND) in {0, 1}


def test_hints_given_through_a_pooler_are_heard_at_the_server_itself(
    postgresql_url: str, pgbouncer: PgBouncer
) -> None:
    with opened(pgbouncer.url(postgresql_url)) as database:
        assert hear(postgresql_url, database)[:2] == [Kind.ROUTE, Kind.SEND]


def test_listening_through_a_pooler_is_refused_with_what_to_set(
    postgresql_url: str, pgbouncer: PgBouncer
) -> None:
    with pytest.raises(SettingsError, match="Set listen_database_url"):
        listen(pgbouncer.url(postgresql_url), print, threading.Event())


def test_the_clock_is_the_servers(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supportdesk.clock.system_clock", lambda: NOON)
    with opened(postgresql_url) as database, database.read() as session:
        server = session.scalar(sa.select(sa.func.clock_timestamp()))
        assert server is not None
        assert abs(clock_of(database.engine)() - server) < timedelta(minutes=1)


def test_a_clock_whose_server_is_away_goes_on(sqlite_url: str) -> None:
    assert clock_of(open_engine(sqlite_url)) is system_clock
    nowhere = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    assert clock_of(nowhere)().tzinfo is not None


def test_a_connection_that_rested_while_the_server_restarted_is_replaced_unnoticed(
    postgresql: PostgresqlServer, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(postgresql_url) as database:
        assert settings_of(database)
        postgresql.stop("immediate")
        postgresql.start()
        with pytest.raises(sa.exc.OperationalError):  # it rested too shortly to be tried
            settings_of(database)
        assert settings_of(database)
        postgresql.stop("immediate")
        postgresql.start()
        monkeypatch.setattr(engine_module, "PING_AFTER_SECONDS", 0.0)
        assert settings_of(database)
