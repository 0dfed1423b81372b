"""Noting that a consultant has to hear of what others do on a ticket."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.bulk import table_of
from supportdesk.db.models import HandOver
from supportdesk.db.work import insert_or_ignore


def note_hand_overs(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Store hand-overs; a ticket has one open one, which more work of the same night joins.

    One that was handed back but not acknowledged is due again: the ticket has left its consultant
    once more. Runs inside the caller's transaction.
    """
    if not rows:
        return
    table = table_of(HandOver)
    session.execute(
        sa.update(table)
        .where(table.c.ticket_id == sa.bindparam("of_ticket"))
        .where(table.c.acknowledged_at.is_(None), table.c.handed_back_at.is_not(None))
        .values(
            handed_back_at=None,
            recipient_id=None,
            due_at=sa.bindparam("again_at"),
            from_desk=sa.bindparam("at_desk"),
        ),
        [
            {"of_ticket": one["ticket_id"], "again_at": one["due_at"], "at_desk": one["from_desk"]}
            for one in rows
        ],
    )
    session.execute(insert_or_ignore(session, table), rows)
