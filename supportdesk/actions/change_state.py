"""Moving a ticket through its states."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import Deadline, DeadlineKind, Ticket
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput
from supportdesk.tickets import TRANSITIONS, EventKind, State, may_become


def change_state(
    runtime: Runtime, viewer: Viewer, ticket_id: int, state: State, *, version: int
) -> None:
    """Move a ticket to `state`; the state that it has already changes nothing.

    Raises:
        InvalidInput: the ticket cannot get there from its present state.
    """
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id, version=version)
        move_to_state(session, ticket, state, at=runtime.clock(), agent_id=viewer.agent_id)


def move_to_state(
    session: Session, ticket: Ticket, state: State, *, at: datetime, agent_id: int | None
) -> None:
    """Change the state with all that depends on it, inside the caller's transaction.

    `agent_id` is None when the customer or the clock did it. Resolving meets the deadline of
    resolution; reopening makes it run again.

    Raises:
        InvalidInput: the ticket cannot get there from its present state.
    """
    if state is ticket.state:
        return
    if not may_become(ticket.state, state):
        raise _unreachable(ticket, state)
    record_event(
        session,
        EventKind.STATE_CHANGED,
        ticket_id=ticket.id,
        at=at,
        agent_id=agent_id,
        data={"from": ticket.state, "to": state},
    )
    if state is State.RESOLVED:
        ticket.resolved_at = at
        _set_resolution(session, ticket.id, met_at=at)
    elif state is State.CLOSED:
        ticket.closed_at = at
    elif ticket.state is State.RESOLVED:
        ticket.resolved_at = None
        _set_resolution(session, ticket.id, met_at=None)
    ticket.state = state


def _unreachable(ticket: Ticket, wanted: State) -> InvalidInput:
    if ticket.state is State.CLOSED:
        return InvalidInput(
            "Ticket {ticket} is closed for good; write a new one.", ticket=ticket.id
        )
    return InvalidInput(
        "Ticket {ticket} is {state} and cannot become {wanted}; possible is: {allowed}.",
        ticket=ticket.id,
        state=ticket.state,
        wanted=wanted,
        allowed=sorted(TRANSITIONS[ticket.state]),
    )


def _set_resolution(session: Session, ticket_id: int, *, met_at: datetime | None) -> None:
    session.execute(
        sa.update(Deadline)
        .where(Deadline.ticket_id == ticket_id, Deadline.kind == DeadlineKind.RESOLUTION)
        .values(met_at=met_at)
    )
