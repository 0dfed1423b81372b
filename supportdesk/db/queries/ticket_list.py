"""The inbox: its views, one page of tickets, and how many there are in each view."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from supportdesk.db.models import Agent, Contact, Deadline, Message, Organisation, Ticket
from supportdesk.db.queries.prepared import MOST_VIEWERS, AnySelect, fetch
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.queries.visibility import Condition, visible_tickets
from supportdesk.messages import Channel
from supportdesk.tickets import Desk, State

PAGE = 25
MOST_COUNTED = 100


class View(StrEnum):
    """A list of tickets under a name that people know."""

    MINE = "mine"
    CUSTOMERS = "customers"
    CENTRE = "centre"
    POOL = "pool"
    TRIAGE = "triage"
    TDMS = "tdms"
    WAITING = "waiting"
    OPEN = "open"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: after the ticket with this last message and id."""

    last_message_at: datetime
    ticket_id: int


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket as a list shows it. `due_at` is the earliest deadline that is not met."""

    id: int
    subject: str
    preview: str
    state: State
    channel: Channel
    priority: int
    desk: Desk
    is_answered: bool
    last_message_at: datetime
    sender: str
    organisation: str | None
    owner: str | None
    handler: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class TicketPage:
    """One page of a list, the newest first; `after` is None on the last one."""

    rows: tuple[TicketRow, ...]
    after: Cursor | None


def views_of(viewer: Viewer) -> tuple[View, ...]:
    """Give the views that mean something to the viewer, in their order."""
    if viewer.sees_all_tickets:
        return tuple(View)
    own = [View.MINE] if viewer.works_on_tickets else []
    technical = [View.TDMS] if Desk.TDMS in viewer.desks else []
    return (*own, *technical, View.WAITING, View.OPEN, View.DONE)


def list_tickets(
    session: Session, viewer: Viewer, view: View, after: Cursor | None = None
) -> TicketPage:
    """Give one page of what the viewer may see of a view, the newest first."""
    return page_of(session, _listed(viewer, view, is_first=after is None), after)


def find_row(session: Session, viewer: Viewer, ticket_id: int) -> TicketRow | None:
    """Give one ticket as a list shows it, None when there is none that the viewer may see."""
    statement = page_statement([Ticket.id == ticket_id, visible_tickets(viewer)], is_first=True)
    return next(iter(page_of(session, statement, None).rows), None)


def page_of(
    session: Session, statement: AnySelect, after: Cursor | None, **parameters: Any
) -> TicketPage:
    """Run a statement made by `page_statement` and cut the page off it."""
    if after is not None:
        parameters |= {"after_at": after.last_message_at, "after_id": after.ticket_id}
    rows = tuple(TicketRow(*row) for row in fetch(session, statement, **parameters))
    if len(rows) <= PAGE:
        return TicketPage(rows, None)
    last = rows[PAGE - 1]
    return TicketPage(rows[:PAGE], Cursor(last.last_message_at, last.id))


def page_statement(conditions: Iterable[Condition], *, is_first: bool) -> AnySelect:
    """Build the statement for one page: ids by keyset first, only these few meet other tables."""
    ids = (
        sa.select(Ticket.id)
        .where(*conditions)
        .order_by(Ticket.last_message_at.desc(), Ticket.id.desc())
        .limit(PAGE + 1)
    )
    if not is_first:
        ids = ids.where(
            sa.tuple_(Ticket.last_message_at, Ticket.id)
            < sa.tuple_(
                sa.bindparam("after_at", type_=Ticket.last_message_at.type),
                sa.bindparam("after_id", type_=Ticket.id.type),
            )
        )
    return _decorated(ids)


@lru_cache(maxsize=MOST_VIEWERS)
def _listed(viewer: Viewer, view: View, *, is_first: bool) -> AnySelect:
    return page_statement(_conditions(viewer, view), is_first=is_first)


def _decorated(ids: sa.Select[int]) -> AnySelect:
    chosen = ids.subquery()
    owner, handler = aliased(Agent), aliased(Agent)
    due_at = (
        sa.select(sa.func.min(Deadline.due_at))
        .where(Deadline.ticket_id == Ticket.id, Deadline.met_at.is_(None))
        .scalar_subquery()
    )
    stranger = (
        sa.select(sa.func.coalesce(sa.func.nullif(Message.sender_name, ""), Message.sender_address))
        .where(Message.ticket_id == Ticket.id)
        .order_by(Message.id)
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(
            Ticket.id,
            Ticket.subject,
            Ticket.preview,
            Ticket.state,
            Ticket.channel,
            Ticket.priority,
            Ticket.desk,
            Ticket.is_answered,
            Ticket.last_message_at,
            sa.func.coalesce(Contact.name, stranger, "").label("sender"),
            Organisation.name.label("organisation"),
            owner.name.label("owner"),
            handler.name.label("handler"),
            sa.case((Ticket.is_active, due_at)).label("due_at"),
        )
        .join(chosen, chosen.c.id == Ticket.id)
        .outerjoin(Contact, Contact.id == Ticket.contact_id)
        .outerjoin(Organisation, Organisation.id == Ticket.organisation_id)
        .outerjoin(owner, owner.id == Ticket.owner_id)
        .outerjoin(handler, handler.id == Ticket.handler_id)
        .order_by(Ticket.last_message_at.desc(), Ticket.id.desc())
    )


def count_view(viewer: Viewer, view: View) -> sa.ScalarSelect[int]:
    """Count a view, as a part of a statement; above `MOST_COUNTED` it means "at least that"."""
    some = sa.select(Ticket.id).where(*_conditions(viewer, view)).limit(MOST_COUNTED + 1).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


def _conditions(viewer: Viewer, view: View) -> tuple[Condition, ...]:
    is_active = Ticket.is_active == sa.true()
    here: tuple[Condition, ...]
    match view:
        case View.MINE:
            here = (is_active, Ticket.handler_id == viewer.agent_id)
        case View.CUSTOMERS:
            here = (is_active, Ticket.owner_id == viewer.agent_id)
        case View.CENTRE:
            here = (is_active, Ticket.desk == Desk.CUSTOMER_CENTRE)
        case View.POOL:
            here = (is_active, Ticket.desk == Desk.POOL, Ticket.needs_identification == sa.false())
        case View.TRIAGE:
            here = (
                is_active,
                Ticket.desk == Desk.POOL,
                Ticket.needs_identification == sa.true(),
            )
        case View.TDMS:
            here = (is_active, Ticket.desk == Desk.TDMS)
        case View.WAITING:
            here = (
                is_active,
                Ticket.state.in_([State.WAITING_CUSTOMER, State.WAITING_INTERNAL]),
            )
        case View.OPEN:
            here = (is_active,)
        case View.DONE:
            here = (Ticket.is_active == sa.false(),)
    return (*here, visible_tickets(viewer))
