"""What staff say a ticket is about, and how urgent it is."""

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput
from supportdesk.routing.facts import TopicKind
from supportdesk.tickets import EventKind

PRIORITIES = range(1, 5)


def set_topic(
    runtime: Runtime, viewer: Viewer, ticket_id: int, topic: TopicKind, *, version: int
) -> None:
    """Say what a ticket is about; from now on no other source is asked."""
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id, version=version)
        record_event(
            session,
            EventKind.TOPIC_CHANGED,
            ticket_id=ticket.id,
            at=runtime.clock(),
            agent_id=viewer.agent_id,
            data={"from": ticket.topic, "to": topic, "agent": viewer.name},
        )
        ticket.topic = topic
        ticket.is_topic_by_staff = True


def set_priority(
    runtime: Runtime, viewer: Viewer, ticket_id: int, priority: int, *, version: int
) -> None:
    """Set the priority, 1 the most urgent to 4; deadlines that run already stay."""
    if priority not in PRIORITIES:
        raise InvalidInput(
            "{priority} is no priority; it goes from 1, the most urgent, to 4.", priority=priority
        )
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id, version=version)
        record_event(
            session,
            EventKind.PRIORITY_CHANGED,
            ticket_id=ticket.id,
            at=runtime.clock(),
            agent_id=viewer.agent_id,
            data={"from": ticket.priority, "to": priority},
        )
        ticket.priority = priority
