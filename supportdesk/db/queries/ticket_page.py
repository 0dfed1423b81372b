"""What the page of one ticket shows around its conversation, in few small statements."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from supportdesk.db.models import (
    Agent,
    AuthorityCheck,
    Contact,
    Deadline,
    DeadlineKind,
    FrameworkContract,
    LineState,
    Mailbox,
    Organisation,
    RequestLine,
    StoredDecision,
    Ticket,
)
from supportdesk.db.queries.prepared import MOST_VIEWERS, AnySelect, fetch
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.queries.visibility import visible_tickets, writable_tickets
from supportdesk.messages import Channel
from supportdesk.routing.facts import TopicKind
from supportdesk.tickets import Desk, State


@dataclass(frozen=True, slots=True)
class TicketHead:
    """The ticket itself with the names of all that it points to."""

    id: int
    subject: str
    state: State
    is_active: bool
    channel: Channel
    topic: TopicKind
    priority: int
    language: str
    desk: Desk
    needs_identification: bool
    version: int
    created_at: datetime
    replying_id: int | None
    replying_until: datetime | None
    possibly_about_id: int | None
    follows_id: int | None
    organisation_id: int | None
    organisation: str | None
    organisation_key: str | None
    organisation_note: str | None
    authority: str | None
    contract_id: int | None
    contract: str | None
    contact_id: int | None
    contact: str | None
    owner_id: int | None
    owner: str | None
    handler_id: int | None
    handler: str | None
    replying: str | None
    mailbox: str | None
    is_writable: bool


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline."""

    kind: DeadlineKind
    due_at: datetime
    met_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """A request line with the last answer about authority, None while nobody asked."""

    id: int
    activity: str
    object: str
    state: LineState
    matched_words: list[str]
    outcome: str | None
    outcome_detail: dict[str, Any] | None
    overridden_by: str | None
    override_reason: str | None


@dataclass(frozen=True, slots=True)
class WhyHere:
    """A decision with its trace; `kept_for` names who was working on the ticket, so it stayed."""

    id: int
    message_id: int
    decided_at: datetime
    rule: str
    target: str
    priority: int
    trace: list[Any]
    kept_for: str | None


def find_ticket(session: Session, viewer: Viewer, ticket_id: int) -> TicketHead | None:
    """Give a ticket that the viewer may see, None for any other."""
    row = fetch(session, _head(viewer), ticket_id=ticket_id).one_or_none()
    return TicketHead(*row) if row else None


@lru_cache(maxsize=MOST_VIEWERS)
def _head(viewer: Viewer) -> AnySelect:
    owner, handler, replying = aliased(Agent), aliased(Agent), aliased(Agent)
    return (
        sa.select(
            Ticket.id,
            Ticket.subject,
            Ticket.state,
            Ticket.is_active,
            Ticket.channel,
            Ticket.topic,
            Ticket.priority,
            Ticket.language,
            Ticket.desk,
            Ticket.needs_identification,
            Ticket.version,
            Ticket.created_at,
            Ticket.replying_id,
            Ticket.replying_until,
            Ticket.possibly_about_id,
            Ticket.follows_id,
            Organisation.id,
            Organisation.name,
            Organisation.key,
            Organisation.note,
            Organisation.authority,
            FrameworkContract.id,
            FrameworkContract.name,
            Contact.id,
            Contact.name,
            owner.id,
            owner.name,
            handler.id,
            handler.name,
            replying.name,
            Mailbox.address,
            writable_tickets(viewer).label("is_writable"),
        )
        .outerjoin(Organisation, Organisation.id == Ticket.organisation_id)
        .outerjoin(FrameworkContract, FrameworkContract.id == Organisation.contract_id)
        .outerjoin(Contact, Contact.id == Ticket.contact_id)
        .outerjoin(owner, owner.id == Ticket.owner_id)
        .outerjoin(handler, handler.id == Ticket.handler_id)
        .outerjoin(replying, replying.id == Ticket.replying_id)
        .outerjoin(Mailbox, Mailbox.id == Ticket.mailbox_id)
        .where(Ticket.id == sa.bindparam("ticket_id"), visible_tickets(viewer))
    )


def list_deadlines(session: Session, ticket_id: int) -> list[Due]:
    """Give the deadlines of a ticket, the earliest first."""
    return [Due(*row) for row in fetch(session, _deadlines(), ticket_id=ticket_id)]


def list_lines(session: Session, ticket_id: int) -> list[Line]:
    """Give the request lines of a ticket, each with its last authority check."""
    return [Line(*row) for row in fetch(session, _lines(), ticket_id=ticket_id)]


def list_reasons(session: Session, ticket_id: int) -> list[WhyHere]:
    """Give the decisions about a ticket with their traces, the latest first."""
    return [WhyHere(*row) for row in fetch(session, _reasons(), ticket_id=ticket_id)]


@cache
def _deadlines() -> AnySelect:
    return (
        sa.select(Deadline.kind, Deadline.due_at, Deadline.met_at)
        .where(Deadline.ticket_id == sa.bindparam("ticket_id"))
        .order_by(Deadline.due_at)
    )


@cache
def _lines() -> AnySelect:
    later = aliased(AuthorityCheck)
    newest = (
        sa.select(sa.func.max(later.id))
        .where(later.request_line_id == RequestLine.id)
        .scalar_subquery()
    )
    return (
        sa.select(
            RequestLine.id,
            RequestLine.activity,
            RequestLine.object,
            RequestLine.state,
            RequestLine.matched_words,
            AuthorityCheck.outcome,
            AuthorityCheck.detail,
            Agent.name,
            AuthorityCheck.override_reason,
        )
        .select_from(RequestLine)
        .outerjoin(AuthorityCheck, AuthorityCheck.id == newest)
        .outerjoin(Agent, Agent.id == AuthorityCheck.overridden_by_id)
        .where(RequestLine.ticket_id == sa.bindparam("ticket_id"))
        .order_by(RequestLine.id)
    )


@cache
def _reasons() -> AnySelect:
    return (
        sa.select(
            StoredDecision.id,
            StoredDecision.message_id,
            StoredDecision.decided_at,
            StoredDecision.rule,
            StoredDecision.target,
            StoredDecision.priority,
            StoredDecision.decision["trace"],
            Agent.name,
        )
        .outerjoin(Agent, Agent.id == StoredDecision.kept_for_id)
        .where(StoredDecision.ticket_id == sa.bindparam("ticket_id"))
        .order_by(StoredDecision.id.desc())
    )
