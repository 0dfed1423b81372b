"""Which tickets a member of staff sees, and which of them she may work on."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.database import Database
from supportdesk.db.models import Agent, Event, Right, Service, StoredDecision, Ticket
from supportdesk.db.queries.viewers import Viewer, load_viewer
from supportdesk.db.queries.visibility import may_write, visible_tickets, writable_tickets
from supportdesk.tickets import Desk, EventKind, State
from tests.factories import (
    NOON,
    Cast,
    make_agent,
    make_assignment,
    make_cast,
    make_contract,
    make_message,
    make_organisation,
    make_ticket,
)

TODAY = NOON.date()

TICKETS: dict[str, Callable[[Session, Cast], Ticket]] = {
    "of the region": lambda s, cast: make_ticket(s, organisation=cast.region, owner=cast.jana),
    "of the school": lambda s, cast: make_ticket(s, organisation=cast.school),
    "of a town without contract": lambda s, cast: make_ticket(s, organisation=make_organisation(s)),
    "of a stranger": lambda s, cast: make_ticket(s, desk=Desk.POOL, needs_identification=True),
    "at TDMS": lambda s, cast: make_ticket(s, desk=Desk.TDMS, organisation=make_organisation(s)),
    "handled by Tomáš": lambda s, cast: make_ticket(s, handler=cast.tomas),
    "once escalated": lambda s, cast: _once_escalated(s),
    "once decided for TDMS": lambda s, cast: _once_decided_for_tdms(s),
    "resolved": lambda s, cast: make_ticket(s, state=State.RESOLVED),
}

OF_TDMS = {"at TDMS", "handled by Tomáš", "once escalated", "once decided for TDMS"}


@pytest.mark.parametrize(
    ("name", "visible", "writable"),
    [
        ("jana", set(TICKETS), set(TICKETS)),
        ("petr", set(TICKETS), set(TICKETS)),
        ("olga", set(TICKETS), set(TICKETS)),
        ("supervisor", set(TICKETS), set(TICKETS)),
        ("tomas", OF_TDMS, OF_TDMS),
        ("account_manager", {"of the region", "of the school"}, set()),
        ("administrator", set(), set()),
    ],
)
def test_everybody_sees_what_the_post_needs(
    database: Database, name: str, visible: set[str], writable: set[str]
) -> None:
    with database.write() as session:
        cast = make_cast(session)
        ids = {make(session, cast).id: title for title, make in TICKETS.items()}
        viewer = _viewer(session, getattr(cast, name))
        seen = session.scalars(sa.select(Ticket.id).where(visible_tickets(viewer)))
        assert {ids[i] for i in seen} == visible
        written = session.scalars(sa.select(Ticket.id).where(writable_tickets(viewer)))
        assert {ids[i] for i in written} == writable
        assert {title for i, title in ids.items() if may_write(session, viewer, i)} == writable


def test_tdms_reads_the_history_of_customers_who_were_once_there(database: Database) -> None:
    with database.write() as session:
        cast = make_cast(session)
        make_ticket(session, desk=Desk.TDMS, organisation=cast.region)
        older = make_ticket(session, organisation=cast.region)
        make_ticket(session, organisation=cast.school)
        viewer = _viewer(session, cast.tomas)
        readable = session.scalars(
            sa.select(Ticket.id).where(visible_tickets(viewer), ~writable_tickets(viewer))
        )
        assert list(readable) == [older.id]


@pytest.mark.parametrize(
    ("begins", "ends", "is_seen"),
    [
        (TODAY, None, True),
        (TODAY, TODAY + timedelta(days=1), True),
        (TODAY - timedelta(days=9), TODAY, False),  # yesterday was the last day
        (TODAY + timedelta(days=1), None, False),
    ],
)
def test_an_account_manager_sees_customers_on_the_days_of_the_assignment(
    database: Database, begins: date, ends: date | None, is_seen: bool
) -> None:
    with database.write() as session:
        manager = make_agent(session, rights=[Right.ACCOUNT_MANAGER])
        town = make_organisation(session)
        make_assignment(
            session,
            manager,
            Service.ACCOUNT_MANAGER,
            organisation=town,
            valid_from=begins,
            valid_until=ends,
        )
        make_ticket(session, organisation=town)
        assert _count(session, _viewer(session, manager)) == is_seen


def test_an_own_account_manager_takes_the_customer_from_that_of_the_contract(
    database: Database,
) -> None:
    with database.write() as session:
        contract = make_contract(session)
        school = make_organisation(session, contract=contract)
        of_contract = make_agent(session, rights=[Right.ACCOUNT_MANAGER])
        own = make_agent(session, rights=[Right.ACCOUNT_MANAGER])
        make_assignment(session, of_contract, Service.ACCOUNT_MANAGER, contract=contract)
        make_assignment(session, own, Service.ACCOUNT_MANAGER, organisation=school)
        make_ticket(session, organisation=school)
        assert _count(session, _viewer(session, own)) == 1
        assert _count(session, _viewer(session, of_contract)) == 0


def test_an_assignment_without_the_right_shows_nothing(database: Database) -> None:
    with database.write() as session:
        agent = make_agent(session, rights=[Right.ADMINISTRATOR])
        town = make_organisation(session)
        make_assignment(session, agent, Service.ACCOUNT_MANAGER, organisation=town)
        make_ticket(session, organisation=town)
        assert _count(session, _viewer(session, agent)) == 0


def test_several_posts_add_up(database: Database) -> None:
    with database.write() as session:
        cast = make_cast(session)
        agent = make_agent(session, desks=[Desk.TDMS], rights=[Right.ACCOUNT_MANAGER])
        town = make_organisation(session)
        make_assignment(session, agent, Service.ACCOUNT_MANAGER, organisation=town)
        make_ticket(session, organisation=town)
        make_ticket(session, desk=Desk.TDMS, organisation=cast.region)
        assert _count(session, _viewer(session, agent)) == 2


def test_who_left_is_no_viewer(database: Database) -> None:
    with database.write() as session:
        agent = make_agent(session, desks=[Desk.POOL], is_active=False)
        assert load_viewer(session, agent.id, today=TODAY) is None
        assert load_viewer(session, 999_999, today=TODAY) is None


def _viewer(session: Session, agent: Agent) -> Viewer:
    viewer = load_viewer(session, agent.id, today=TODAY)
    assert viewer is not None
    return viewer


def _count(session: Session, viewer: Viewer) -> int:
    query = sa.select(sa.func.count()).select_from(Ticket).where(visible_tickets(viewer))
    return session.scalar(query) or 0


def _once_escalated(session: Session) -> Ticket:
    ticket = make_ticket(session)
    session.add(Event(ticket_id=ticket.id, kind=EventKind.ESCALATED, at=NOON))
    session.flush()
    return ticket


def _once_decided_for_tdms(session: Session) -> Ticket:
    ticket = make_ticket(session)
    decision = StoredDecision(
        ticket_id=ticket.id,
        message_id=make_message(session, ticket).id,
        decided_at=NOON,
        rule="R4",
        target="tdms",
        priority=2,
        facts={},
        decision={},
        rules_version="1",
    )
    session.add(decision)
    session.flush()
    return ticket
