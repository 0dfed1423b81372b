"""Noting that a consultant has to hear of what others do on a ticket."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from supportdesk.db.bulk import table_of
from supportdesk.db.models import HandOver


def note_hand_overs(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Store hand-overs; a ticket has one open one, which more work of the same night joins.

    One that was handed back but not acknowledged is due again: the ticket has left its consultant
    once more. Runs inside the caller's transaction.
    """
    if rows:
        session.connection().execute(_noting(session.get_bind().dialect.name), rows)


@cache
def _noting(dialect: str) -> postgresql.Insert | sqlite.Insert:
    table = table_of(HandOver)
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return insert.on_conflict_do_update(
        index_elements=[table.c.ticket_id],
        index_where=sa.text("acknowledged_at IS NULL"),
        set_={
            "handed_back_at": None,
            "recipient_id": None,
            "due_at": insert.excluded.due_at,
            "from_desk": insert.excluded.from_desk,
        },
        where=table.c.handed_back_at.is_not(None),
    )
