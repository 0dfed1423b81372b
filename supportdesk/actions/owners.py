"""Keeping the owners of open tickets in step with who is assigned to their customers."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Agent, HandOver, Organisation, Ticket
from supportdesk.db.queries.service import find_assigned
from supportdesk.routing.calendar import local_date
from supportdesk.tickets import EventKind


def follow_assignments(runtime: Runtime) -> int:
    """Give open tickets to the consultants assigned today and tell how many changed owner.

    Due once a day, because assignments begin and end with a day.
    """
    with runtime.database.write() as session:
        return move_open_tickets(session, now=runtime.clock())


def move_open_tickets(session: Session, *, now: datetime) -> int:
    """Do the work of `follow_assignments` inside the caller's transaction.

    An organisation without an active consultant leaves its tickets to their desk. Hand-overs
    that wait go along. Tickets that are resolved keep their owner: history stays.
    """
    rows = session.execute(
        sa.select(Ticket.id, Ticket.owner_id, Ticket.organisation_id, Organisation.contract_id)
        .join(Organisation, Organisation.id == Ticket.organisation_id)
        .where(Ticket.is_active)
        .order_by(Ticket.id)
    ).all()
    consultants = _consultants(session, {row.organisation_id: row.contract_id for row in rows}, now)
    moved = 0
    for row in rows:
        consultant_id = consultants.get(row.organisation_id)
        if consultant_id != row.owner_id:
            _move(session, row.id, row.owner_id, consultant_id, now)
            moved += 1
    return moved


def _consultants(
    session: Session, organisations: Mapping[int, int | None], now: datetime
) -> dict[int, int]:
    active = set(session.scalars(sa.select(Agent.id).where(Agent.is_active)))
    assigned = find_assigned(session, organisations, local_date(now))
    return {
        organisation_id: who.consultant_id
        for organisation_id, who in assigned.items()
        if who.consultant_id in active and who.consultant_id is not None
    }


def _move(
    session: Session, ticket_id: int, from_id: int | None, to_id: int | None, now: datetime
) -> None:
    session.execute(
        sa.update(Ticket)
        .where(Ticket.id == ticket_id)
        .values(owner_id=to_id, version=Ticket.version + 1)
    )
    if to_id is not None:
        session.execute(
            sa.update(HandOver)
            .where(HandOver.ticket_id == ticket_id, HandOver.acknowledged_at.is_(None))
            .values(owner_id=to_id, recipient_id=to_id)
        )
    record_event(
        session,
        EventKind.OWNER_CHANGED,
        ticket_id=ticket_id,
        at=now,
        data={"from_owner_id": from_id, "owner_id": to_id},
    )
