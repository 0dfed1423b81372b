"""Reading reads, and only writing writes."""

from contextlib import suppress

import sqlalchemy as sa

from supportdesk.db.database import Database
from supportdesk.db.models import ClosingDay
from tests.factories import NOON


def test_nothing_written_while_reading_is_kept(database: Database) -> None:
    with suppress(sa.exc.InternalError), database.read() as session:  # PostgreSQL refuses it
        session.execute(sa.insert(ClosingDay).values(on_date=NOON.date(), name="move"))
    with database.read() as session:
        assert session.scalars(sa.select(ClosingDay)).all() == []
