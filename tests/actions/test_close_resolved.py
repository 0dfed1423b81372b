"""Closing: not before its time, once, and with what the customer writes afterwards."""

from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.close_resolved import close_resolved
from supportdesk.db.models import Ticket
from supportdesk.tickets import EventKind, State
from tests.factories import NOON, make_ticket
from tests.staff import events_of, ticket_of
from tests.world import World, mail

EKONOM = "ekonom@kraj.example"
SECOND = timedelta(seconds=1)


def resolved(world: World, *, count: int = 1) -> list[int]:
    with world.runtime.database.write() as session:
        return [make_ticket(session, state=State.RESOLVED).id for _ in range(count)]


def test_a_resolved_ticket_closes_after_fourteen_days_and_not_a_second_before(
    world: World,
) -> None:
    (ticket_id,) = resolved(world)
    world.clock.now = NOON + timedelta(days=14) - SECOND
    assert close_resolved(world.runtime) == 0
    world.clock.now += SECOND
    assert close_resolved(world.runtime) == 1
    ticket = ticket_of(world.runtime, ticket_id)
    assert (ticket.state, ticket.closed_at) == (State.CLOSED, world.clock.now)
    assert events_of(world.runtime, ticket_id) == [
        (EventKind.STATE_CHANGED, {"from": "resolved", "to": "closed"})
    ]
    assert close_resolved(world.runtime) == 0


def test_only_what_is_resolved_closes(world: World) -> None:
    with world.runtime.database.write() as session:
        for state in State:
            if state is not State.RESOLVED:
                make_ticket(session, state=state)
    world.clock.now = NOON + timedelta(days=1000)
    assert close_resolved(world.runtime) == 0


def test_a_long_backlog_is_closed_in_portions(world: World) -> None:
    resolved(world, count=501)
    world.clock.now = NOON + timedelta(days=15)
    assert [close_resolved(world.runtime) for _ in range(3)] == [500, 1, 0]


def test_a_mail_before_the_time_reopens_and_one_after_it_opens_a_ticket_that_follows(
    world: World,
) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@kraj.example>"), at=NOON)
    with world.runtime.database.write() as session:
        session.execute(sa.update(Ticket).values(state=State.RESOLVED, resolved_at=NOON))
    later = NOON + timedelta(days=13)
    world.arrives(mail(EKONOM, "Ještě", In_Reply_To="<first@kraj.example>"), at=later)
    world.clock.now = NOON + timedelta(days=100)
    assert close_resolved(world.runtime) == 0  # it was reopened
    with world.runtime.database.write() as session:
        session.execute(sa.update(Ticket).values(state=State.RESOLVED, resolved_at=later))
    assert close_resolved(world.runtime) == 1
    world.arrives(mail(EKONOM, "Znovu", In_Reply_To="<first@kraj.example>"), at=world.clock.now)
    with world.runtime.database.read() as session:
        first, second = session.scalars(sa.select(Ticket).order_by(Ticket.id)).all()
    assert second.follows_id == first.id
