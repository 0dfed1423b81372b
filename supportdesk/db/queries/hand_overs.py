"""Hand-overs: what others did for the consultants, waiting to be acknowledged."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from supportdesk.db.models import Agent, Contact, HandOver, Organisation, Ticket
from supportdesk.db.queries.prepared import MOST_VIEWERS, AnySelect, fetch
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.queries.visibility import Condition, visible_tickets
from supportdesk.tickets import Desk, State

MOST = 200


@dataclass(frozen=True, slots=True)
class HandOverRow:
    """A hand-over that nobody acknowledged yet. `recipient` None: not handed back so far."""

    id: int
    ticket_id: int
    subject: str
    preview: str
    state: State
    priority: int
    from_desk: Desk
    created_at: datetime
    due_at: datetime
    handed_back_at: datetime | None
    summary: dict[str, Any]
    owner_id: int
    owner: str
    recipient_id: int | None
    recipient: str | None
    organisation: str | None
    contact: str | None


def list_hand_overs(session: Session, viewer: Viewer) -> list[HandOverRow]:
    """Give the open hand-overs for the viewer, urgent first; a supervisor sees everybody's."""
    return [HandOverRow(*row) for row in fetch(session, _for(viewer))]


def find_open_hand_over(session: Session, viewer: Viewer, ticket_id: int) -> HandOverRow | None:
    """Give the open hand-over of a ticket that the viewer sees, None when there is none."""
    row = fetch(session, _of_ticket(viewer), ticket_id=ticket_id).one_or_none()
    return HandOverRow(*row) if row else None


def count_hand_overs(viewer: Viewer) -> sa.ScalarSelect[int]:
    """Count the viewer's own open hand-overs, for the number beside the menu entry."""
    some = (
        sa.select(HandOver.id)
        .where(HandOver.acknowledged_at.is_(None), _own(viewer))
        .limit(MOST + 1)
        .subquery()
    )
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


def may_acknowledge(viewer: Viewer, row: HandOverRow) -> bool:
    """Tell whether the viewer is asked to acknowledge it."""
    return viewer.agent_id in {row.owner_id, row.recipient_id} or viewer.is_supervisor


@lru_cache(maxsize=MOST_VIEWERS)
def _for(viewer: Viewer) -> AnySelect:
    whose = sa.true() if viewer.is_supervisor else _own(viewer)
    return _open().where(whose, visible_tickets(viewer))


@lru_cache(maxsize=MOST_VIEWERS)
def _of_ticket(viewer: Viewer) -> AnySelect:
    return _open().where(HandOver.ticket_id == sa.bindparam("ticket_id"), visible_tickets(viewer))


def _own(viewer: Viewer) -> Condition:
    return sa.or_(HandOver.owner_id == viewer.agent_id, HandOver.recipient_id == viewer.agent_id)


def _open() -> AnySelect:
    owner, recipient = aliased(Agent), aliased(Agent)
    return (
        sa.select(
            HandOver.id,
            Ticket.id,
            Ticket.subject,
            Ticket.preview,
            Ticket.state,
            Ticket.priority,
            HandOver.from_desk,
            HandOver.created_at,
            HandOver.due_at,
            HandOver.handed_back_at,
            HandOver.summary,
            owner.id,
            owner.name,
            recipient.id,
            recipient.name,
            Organisation.name,
            Contact.name,
        )
        .join(Ticket, Ticket.id == HandOver.ticket_id)
        .join(owner, owner.id == HandOver.owner_id)
        .outerjoin(recipient, recipient.id == HandOver.recipient_id)
        .outerjoin(Organisation, Organisation.id == Ticket.organisation_id)
        .outerjoin(Contact, Contact.id == Ticket.contact_id)
        .where(HandOver.acknowledged_at.is_(None))
        .order_by(Ticket.priority, HandOver.created_at, HandOver.id)
        .limit(MOST)
    )
