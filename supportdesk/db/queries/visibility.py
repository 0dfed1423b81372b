"""Which tickets a member of staff sees, and which of them she may work on.

One condition, put into every query for tickets: lists, counts, search and single pages alike.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from supportdesk.db.models import (
    Assignment,
    Event,
    Organisation,
    Service,
    StoredDecision,
    Ticket,
)
from supportdesk.db.queries.validity import valid_on
from supportdesk.db.queries.viewers import Viewer
from supportdesk.routing.decision import Target
from supportdesk.tickets import Desk, EventKind

Condition = sa.ColumnElement[bool]


def visible_tickets(viewer: Viewer) -> Condition:
    """Give the condition on Ticket that holds for what the viewer may see."""
    if viewer.sees_all_tickets:
        return sa.true()
    ways: list[Condition] = []
    if Desk.TDMS in viewer.desks:
        ways += [*_of_tdms(viewer, Ticket), _of_customers_of_tdms(viewer)]
    if viewer.is_account_manager:
        ways.append(_of_organisations(_managed_organisations(viewer)))
    return sa.or_(sa.false(), *ways)


def writable_tickets(viewer: Viewer) -> Condition:
    """Give the condition on Ticket that holds for what the viewer may work on."""
    if viewer.sees_all_tickets:
        return sa.true()
    if Desk.TDMS in viewer.desks:
        return sa.or_(*_of_tdms(viewer, Ticket))
    return sa.false()


def may_write(session: Session, viewer: Viewer, ticket_id: int) -> bool:
    """Tell whether the viewer may work on this ticket."""
    if viewer.sees_all_tickets or not viewer.works_on_tickets:
        return viewer.sees_all_tickets
    found = session.scalar(
        sa.select(Ticket.id).where(Ticket.id == ticket_id, writable_tickets(viewer))
    )
    return found is not None


def _of_tdms(viewer: Viewer, ticket: Any) -> tuple[Condition, ...]:
    """Give the ways in which a ticket is theirs: there now, once there, handled by the viewer."""
    # Literals, not parameters: only with them the partial indices are used.
    decided = sa.exists().where(
        StoredDecision.ticket_id == ticket.id,
        StoredDecision.target == sa.literal_column(f"'{Target.TDMS}'"),
    )
    escalated = sa.exists().where(
        Event.ticket_id == ticket.id,
        Event.kind == sa.literal_column(f"'{EventKind.ESCALATED}'"),
    )
    return (
        ticket.desk == Desk.TDMS,
        # Never NULL, so that the condition may be negated.
        sa.and_(ticket.handler_id.is_not(None), ticket.handler_id == viewer.agent_id),
        decided,
        escalated,
    )


def _of_customers_of_tdms(viewer: Viewer) -> Condition:
    """Tickets of customers who have one of TDMS.

    Asked of each ticket by the history's index; the list of all such customers would be made anew
    for every page.
    """
    other = aliased(Ticket)
    return (
        sa.exists()
        .where(other.organisation_id == Ticket.organisation_id, sa.or_(*_of_tdms(viewer, other)))
        .correlate(Ticket)
    )


def _of_organisations(organisations: sa.SelectBase) -> Condition:
    return sa.and_(Ticket.organisation_id.is_not(None), Ticket.organisation_id.in_(organisations))


def _managed_organisations(viewer: Viewer) -> sa.Select[int]:
    """Organisations that the viewer manages, in person or through the framework contract."""
    today = viewer.today
    mine = sa.select(Assignment.id).where(
        Assignment.service == Service.ACCOUNT_MANAGER,
        Assignment.agent_id == viewer.agent_id,
        valid_on(Assignment, today),
    )
    own = aliased(Assignment)
    has_its_own = sa.exists().where(
        own.organisation_id == Organisation.id,
        own.service == Service.ACCOUNT_MANAGER,
        valid_on(own, today),
    )
    directly = mine.where(Assignment.organisation_id == Organisation.id).exists()
    by_contract = mine.where(Assignment.contract_id == Organisation.contract_id).exists()
    return sa.select(Organisation.id).where(sa.or_(directly, sa.and_(by_contract, ~has_its_own)))
