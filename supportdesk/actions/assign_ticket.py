"""Giving a ticket to a desk and to somebody there. The owner never changes by it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import Agent, Team, TeamMember, Ticket
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput
from supportdesk.tickets import Desk, EventKind, State


def assign_ticket(
    runtime: Runtime,
    viewer: Viewer,
    ticket_id: int,
    *,
    version: int,
    desk: Desk,
    handler_id: int | None = None,
    reason: str = "",
) -> None:
    """Move a ticket to `desk`, to be handled by one of its people; None leaves it to the desk.

    Raises:
        InvalidInput: the handler does not work at the desk, nobody does, the ticket is closed, or
            it goes to TDMS or back without a reason.
    """
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id, version=version)
        _assign(session, ticket, desk, handler_id, reason=reason, viewer=viewer, at=runtime.clock())


def take_ticket(
    runtime: Runtime, viewer: Viewer, ticket_id: int, *, version: int, reason: str = ""
) -> None:
    """Take a ticket oneself: at its desk when the viewer works there, else at one of her own.

    Raises:
        InvalidInput: as for `assign_ticket`, or the viewer works at no desk.
    """
    if not viewer.desks:
        raise InvalidInput("You work at no desk; assign the ticket to somebody who does.")
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id, version=version)
        desk = ticket.desk if ticket.desk in viewer.desks else min(viewer.desks)
        _assign(
            session, ticket, desk, viewer.agent_id, reason=reason, viewer=viewer, at=runtime.clock()
        )


def _assign(
    session: Session,
    ticket: Ticket,
    desk: Desk,
    handler_id: int | None,
    *,
    reason: str,
    viewer: Viewer,
    at: datetime,
) -> None:
    reason = reason.strip()
    kind = _kind_of_move(ticket.desk, desk)
    if kind is not EventKind.ASSIGNED and not reason:
        raise InvalidInput(
            "Say why the ticket goes to TDMS or back; colleagues there will read it."
        )
    if ticket.state is State.CLOSED:
        raise InvalidInput("Ticket {ticket} is closed and stays where it is.", ticket=ticket.id)
    handler_name = _name_of_handler(session, desk, handler_id)
    record_event(
        session,
        kind,
        ticket_id=ticket.id,
        at=at,
        agent_id=viewer.agent_id,
        data={
            "from_desk": ticket.desk,
            "desk": desk,
            "from_handler_id": ticket.handler_id,
            "handler_id": handler_id,
            "handler": handler_name,
            "reason": reason,
        },
    )
    ticket.desk = desk
    ticket.handler_id = handler_id
    if ticket.replying_id is not None and ticket.replying_id != handler_id:
        ticket.replying_id = ticket.replying_until = None


def _kind_of_move(from_desk: Desk, desk: Desk) -> EventKind:
    if desk is Desk.TDMS and from_desk is not Desk.TDMS:
        return EventKind.ESCALATED
    if from_desk is Desk.TDMS and desk is not Desk.TDMS:
        return EventKind.RETURNED
    return EventKind.ASSIGNED


def _name_of_handler(session: Session, desk: Desk, handler_id: int | None) -> str:
    """Check that the ticket will be in somebody's reach; "" when the whole desk has it."""
    people = (
        sa.select(Agent.name)
        .join(TeamMember, TeamMember.agent_id == Agent.id)
        .join(Team)
        .where(Team.desk == desk, Agent.is_active)
    )
    if handler_id is not None:
        name = session.scalar(people.where(Agent.id == handler_id))
        if name is None:
            raise InvalidInput(
                "Agent {agent} does not work at the desk {desk}; choose one of its people.",
                agent=handler_id,
                desk=desk,
            )
        return name
    if session.scalar(people.limit(1)) is None:
        raise InvalidInput(
            "Nobody works at the desk {desk}, so nobody would see the ticket;"
            " choose another desk or add people to its team.",
            desk=desk,
        )
    return ""
