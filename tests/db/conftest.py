"""What tests of the database share."""

import pytest

from supportdesk.db.bulk import insert_all
from supportdesk.db.database import Database
from supportdesk.db.models import Receipt
from tests.db.migrated import RECEIPTS, receipt_row
from tests.factories import make_cast


@pytest.fixture
def busy_centre(database: Database) -> Database:
    """A database with some thousand receipts."""
    with database.write() as session:
        cast = make_cast(session)
        insert_all(session, Receipt, [receipt_row(n, cast.mailbox.id) for n in range(RECEIPTS)])
    return database
