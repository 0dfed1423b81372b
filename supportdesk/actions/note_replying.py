"""Telling that somebody is writing a reply: the ticket stays with her, and others see it."""

from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import Agent
from supportdesk.db.queries.viewers import Viewer

REPLY_STAYS_OPEN = timedelta(minutes=5)
"""How long after its last sign of life a reply counts as open."""


def note_replying(runtime: Runtime, viewer: Viewer, ticket_id: int) -> str | None:
    """Note that the viewer has a reply open, to be repeated while she writes.

    Gives None, or the name of a colleague whose open reply came first: it is left as it is.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id)
        is_open = ticket.replying_until is not None and ticket.replying_until > now
        if is_open and ticket.replying_id != viewer.agent_id:
            return session.scalar(sa.select(Agent.name).where(Agent.id == ticket.replying_id))
        ticket.replying_id = viewer.agent_id
        ticket.replying_until = now + REPLY_STAYS_OPEN
        return None


def note_stopped_replying(runtime: Runtime, viewer: Viewer, ticket_id: int) -> None:
    """Note that the viewer left her reply without sending it."""
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id)
        if ticket.replying_id == viewer.agent_id:
            ticket.replying_id = ticket.replying_until = None
