"""Reading reads, and only writing writes."""

import threading
from contextlib import suppress

import pytest
import sqlalchemy as sa

from supportdesk.db import database as database_module
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import ClosingDay
from tests.factories import NOON


def test_nothing_written_while_reading_is_kept(database: Database) -> None:
    with suppress(sa.exc.InternalError), database.read() as session:  # PostgreSQL refuses it
        session.execute(sa.insert(ClosingDay).values(on_date=NOON.date(), name="move"))
    with database.read() as session:
        assert session.scalars(sa.select(ClosingDay)).all() == []


def test_who_waits_too_long_for_a_turn_to_write_is_told_so(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "PATIENCE_SECONDS", 0.05)
    database = Database(open_engine(sqlite_url))
    heard: list[Exception] = []

    def write_too() -> None:
        try:
            with database.write():
                pass
        except sa.exc.TimeoutError as error:
            heard.append(error)

    with database.write():
        other = threading.Thread(target=write_too)
        other.start()
        other.join(10)
    database.close()
    assert len(heard) == 1
