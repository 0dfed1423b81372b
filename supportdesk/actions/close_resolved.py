"""Closing what has been resolved long enough; a later message then opens a new, linked ticket."""

from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Ticket
from supportdesk.tickets import EventKind, State

_AT_ONCE = 500


def close_resolved(runtime: Runtime) -> int:
    """Close up to a few hundred tickets resolved before the setting's days; give how many."""
    now = runtime.clock()
    before = now - timedelta(days=runtime.settings.close_after_days)
    with runtime.database.write() as session:
        tickets = session.scalars(
            sa.select(Ticket)
            # A literal, not a parameter: only with it the partial index is used.
            .where(Ticket.state == sa.literal_column(f"'{State.RESOLVED}'"))
            .where(Ticket.resolved_at <= before)
            .order_by(Ticket.resolved_at)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)  # somebody is reopening it just now
        ).all()
        for ticket in tickets:
            ticket.state = State.CLOSED
            ticket.closed_at = now
            ticket.version += 1
            record_event(
                session,
                EventKind.STATE_CHANGED,
                ticket_id=ticket.id,
                at=now,
                data={"from": State.RESOLVED, "to": State.CLOSED},
            )
    return len(tickets)
