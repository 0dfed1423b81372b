"""Giving the night's work to the consultants when their desk opens, and what happened in it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_event
from supportdesk.actions.intake.filing import who_is_working
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Agent, Event, HandOver, Organisation, Ticket
from supportdesk.db.queries.service import (
    NOBODY,
    find_assigned,
    load_agents,
    load_calendar,
)
from supportdesk.messages import Automatic
from supportdesk.routing import facts
from supportdesk.routing.calendar import local_date
from supportdesk.tickets import ACTIVE_STATES, Desk, EventKind

_AT_ONCE = 500


def is_hand_back_due(runtime: Runtime) -> bool:
    """Tell whether the desk is open and something waits for it."""
    now = runtime.clock()
    with runtime.database.read() as session:
        if not load_calendar(session).is_open(now):
            return False
        return session.scalar(sa.select(_due(now).exists())) or False


def hand_back(runtime: Runtime) -> int:
    """Hand back what is due, and give how many tickets that were.

    The consultant gets it, or whoever stands in today; where nobody does, it stays with the pool
    and is tried again. Somebody in the middle of a conversation keeps it until its end.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        if not load_calendar(session).is_open(now):
            return 0
        due = session.execute(
            sa.select(HandOver, Ticket, Organisation.contract_id)
            .join(Ticket, Ticket.id == HandOver.ticket_id)
            .outerjoin(Organisation, Organisation.id == Ticket.organisation_id)
            .where(*_due_conditions(now))
            .order_by(HandOver.due_at, HandOver.id)
            # What somebody is changing just now is for the next minute.
            .with_for_update(of=[HandOver, Ticket], skip_locked=True)
        ).all()
        agents = load_agents(session, now)
        assigned = find_assigned(
            session,
            {row.Ticket.organisation_id: row.contract_id for row in due},
            local_date(now),
        )
        handed = 0
        for row in due:
            if handed == _AT_ONCE:
                break  # those whom nobody can take do not count, so they hold up nobody
            serving = assigned.get(row.Ticket.organisation_id, NOBODY)
            there = facts.resolve_consultant(row.HandOver.owner_id, serving.deputy_id, agents, now)
            recipient = recipient_of(there)
            if recipient is not None and who_is_working(row.Ticket, now) in {None, recipient.id}:
                _give(session, row.HandOver, row.Ticket, recipient, now=now)
                handed += 1
        return handed


def recipient_of(consultant: facts.Consultant) -> facts.Person | None:
    """Tell who takes work back: the consultant, else the deputy, else nobody."""
    match consultant.state:
        case facts.ConsultantState.FREE | facts.ConsultantState.BUSY:
            return consultant.person
        case facts.ConsultantState.AWAY_WITH_DEPUTY:
            return consultant.deputy
        case facts.ConsultantState.AWAY | facts.ConsultantState.NONE:
            return None


def _due(now: datetime) -> sa.Select[int]:
    return sa.select(HandOver.id).where(*_due_conditions(now))


def _due_conditions(now: datetime) -> Sequence[sa.ColumnElement[bool]]:
    return (
        HandOver.acknowledged_at.is_(None),
        HandOver.handed_back_at.is_(None),
        HandOver.due_at <= now,
    )


def _give(
    session: Session,
    hand_over: HandOver,
    ticket: Ticket,
    recipient: facts.Person,
    *,
    now: datetime,
) -> None:
    hand_over.handed_back_at = now
    hand_over.recipient_id = recipient.id
    hand_over.summary = _summary(session, hand_over, ticket)
    if ticket.state in ACTIVE_STATES and ticket.desk is not Desk.TDMS:
        ticket.desk = Desk.CUSTOMER_CENTRE
        ticket.handler_id = recipient.id
        ticket.version += 1
    record_event(
        session,
        EventKind.HANDED_BACK,
        ticket_id=ticket.id,
        at=now,
        data={"recipient_id": recipient.id, "recipient": recipient.name},
    )


def _summary(session: Session, hand_over: HandOver, ticket: Ticket) -> dict[str, Any]:
    """Count what people wrote since, and name who of us did something.

    The history says when we heard of a mail; the mail itself says when it was sent, before that.
    """
    happened = session.execute(
        sa.select(Event.kind, Event.data, Agent.name)
        .outerjoin(Agent, Agent.id == Event.agent_id)
        .where(Event.ticket_id == ticket.id, Event.at >= hand_over.created_at)
        .order_by(Event.id)
    ).all()
    kinds = Counter(
        row.kind for row in happened if row.data.get("automatic", Automatic.NO) == Automatic.NO
    )
    return {
        "received": kinds[EventKind.MESSAGE_RECEIVED],
        "replies": kinds[EventKind.REPLIED],
        "notes": kinds[EventKind.NOTE_ADDED],
        "agents": list(dict.fromkeys(row.name for row in happened if row.name)),
        "state": ticket.state,
    }
