"""A database with some thousand rows, migrations of the future, and how to look at the result."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.database import Database
from supportdesk.db.models import ReceiptState
from supportdesk.messages import Channel
from tests.factories import NOON

FUTURE = Path(__file__).with_name("future")
ADDED, NEWEST = "m4_constraints", "m5_contract"
RECEIPTS = 6_000


def receipt_row(number: int, mailbox_id: int) -> dict[str, Any]:
    return {
        "channel": Channel.EMAIL,
        "external_id": f"door:{number}",
        "mailbox_id": mailbox_id,
        "received_at": NOON,
        "stored_at": NOON,
        "blob_key": f"{number:064x}",
        "size_bytes": 100,
        "state": ReceiptState.RECEIVED,
    }


def rows_of(database: Database) -> dict[str, int]:
    """Count the rows of all tables but those that migrations write about themselves."""
    with database.read() as session:
        names = sa.inspect(session.connection()).get_table_names()
        return {
            name: session.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
            for name in names
            if name not in {"alembic_version", "schema_step"}
        }


def broken_indexes(session: Session) -> list[str]:
    if session.get_bind().dialect.name == "sqlite":
        return [str(row) for row in session.execute(sa.text("PRAGMA foreign_key_check"))]
    asked = sa.text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    return list(session.scalars(asked))
