"""Decide a ticket again once a person has found out who wrote it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_event
from supportdesk.actions.intake.filing import desk_of
from supportdesk.actions.intake.hand_overs import note_hand_overs
from supportdesk.db.models import Author, Message, StoredDecision, Ticket
from supportdesk.db.queries.senders import Identity, find_identity
from supportdesk.db.queries.service import NOBODY, find_assigned, load_agents, load_calendar
from supportdesk.errors import NotFound
from supportdesk.routing import facts
from supportdesk.routing.calendar import BusinessCalendar, local_date
from supportdesk.routing.decide import decide
from supportdesk.routing.decision import Decision, Target
from supportdesk.tickets import EventKind


def decide_anew(session: Session, ticket: Ticket, *, now: datetime) -> Decision:
    """Route a ticket by its contact and organisation as they are now, and store the decision.

    The priority never falls. Runs inside the caller's transaction.
    """
    if ticket.contact_id is None or ticket.organisation_id is None:
        raise NotFound(
            "Ticket {ticket} has no known sender; find out who wrote it first.", ticket=ticket.id
        )
    today = local_date(now)
    identity = find_identity(session, ticket.contact_id, ticket.organisation_id, today)
    if identity is None:
        raise NotFound(
            "The contact of ticket {ticket} does not act for its organisation.", ticket=ticket.id
        )
    assigned = find_assigned(session, {identity.organisation_id: identity.contract_id}, today)
    serving = assigned.get(identity.organisation_id, NOBODY)
    agents, calendar = load_agents(session, now), load_calendar(session)
    situation = facts.Facts(
        channel=ticket.channel,
        at=now,
        caller=_caller(identity),
        topic=_topic(ticket),
        hours=calendar.hours_at(now),
        consultant=facts.resolve_consultant(serving.consultant_id, serving.deputy_id, agents, now),
    )
    decision = decide(situation)
    ticket.owner_id = serving.consultant_id if decision.owner else None
    ticket.desk = desk_of(decision.target)
    ticket.handler_id = decision.person.id if decision.person else None
    ticket.priority = min(ticket.priority, decision.priority)
    _store(session, ticket, situation, decision)
    _hand_over(session, ticket, decision, calendar)
    return decision


def _caller(identity: Identity) -> facts.Caller:
    kind = facts.CallerKind.TECHNICAL if identity.is_technical else facts.CallerKind.CONTACT
    return facts.Caller(kind, (identity.contact_name,), (identity.organisation_name,))


def _topic(ticket: Ticket) -> facts.Topic:
    if ticket.is_topic_by_staff:
        return facts.Topic(ticket.topic, facts.TopicSource.STAFF)
    return facts.Topic(ticket.topic, facts.TopicSource.TICKET)


def _store(session: Session, ticket: Ticket, situation: facts.Facts, decision: Decision) -> None:
    message_id = session.scalar(
        sa.select(sa.func.max(Message.id)).where(
            Message.ticket_id == ticket.id, Message.author == Author.CUSTOMER
        )
    )
    session.add(StoredDecision(**decision_values(ticket.id, message_id, situation, decision)))
    record_event(
        session,
        EventKind.DECIDED,
        ticket_id=ticket.id,
        at=decision.decided_at,
        data=decided_data(decision),
    )


def decision_values(
    ticket_id: int, message_id: int | None, situation: facts.Facts, decision: Decision
) -> dict[str, Any]:
    """Give the columns of a stored decision: all that is needed to replay and to explain it."""
    return {
        "ticket_id": ticket_id,
        "message_id": message_id,
        "decided_at": decision.decided_at,
        "rule": decision.rule,
        "target": decision.target,
        "priority": decision.priority,
        "facts": situation.to_json(),
        "decision": {
            "then": list(decision.then),
            "owner": decision.owner,
            "followers": list(decision.followers),
            "alert_supervisor": decision.alert_supervisor,
            "trace": list(decision.trace),
        },
        "rules_version": decision.rules_version,
    }


def decided_data(decision: Decision, kept_for_id: int | None = None) -> dict[str, Any]:
    """Give what the ticket's history tells of a decision."""
    return {
        "rule": decision.rule,
        "target": decision.target,
        "kept_for_id": kept_for_id,
        "alert_supervisor": decision.alert_supervisor,
    }


def _hand_over(
    session: Session, ticket: Ticket, decision: Decision, calendar: BusinessCalendar
) -> None:
    if ticket.owner_id is None or decision.target is Target.CONSULTANT:
        return
    now = decision.decided_at
    note_hand_overs(
        session,
        [
            {
                "ticket_id": ticket.id,
                "owner_id": ticket.owner_id,
                "from_desk": ticket.desk,
                "created_at": now,
                "due_at": calendar.next_opening(now),
            }
        ],
    )
