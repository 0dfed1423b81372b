"""Looking at the service as a member of staff."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Agent, AuditEntry, Event, Ticket
from supportdesk.db.queries.viewers import Viewer, load_viewer
from supportdesk.routing.calendar import local_date
from supportdesk.tickets import EventKind


def viewer_of(runtime: Runtime, agent: Agent) -> Viewer:
    """Log an agent in, so to say."""
    with runtime.database.read() as session:
        viewer = load_viewer(session, agent.id, today=local_date(runtime.clock()))
    assert viewer is not None
    return viewer


def ticket_of(runtime: Runtime, ticket_id: int) -> Ticket:
    """Read a ticket as it is stored now."""
    with runtime.database.read() as session:
        return session.get_one(Ticket, ticket_id)


def events_of(runtime: Runtime, ticket_id: int) -> list[tuple[EventKind, dict[str, Any]]]:
    """Read the history of a ticket, the oldest first."""
    with runtime.database.read() as session:
        rows = session.execute(
            sa.select(Event.kind, Event.data).where(Event.ticket_id == ticket_id).order_by(Event.id)
        )
        return [(EventKind(row.kind), row.data) for row in rows]


def audited(runtime: Runtime) -> Sequence[AuditEntry]:
    """Read the audit log, the oldest first."""
    with runtime.database.read() as session:
        return session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()
