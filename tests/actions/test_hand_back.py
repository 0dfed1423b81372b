"""The morning: what the night did is with the consultant, once, with a summary, and never lost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa

from supportdesk.actions.acknowledge_hand_over import acknowledge_hand_over
from supportdesk.actions.add_note import add_note
from supportdesk.actions.assign_ticket import take_ticket
from supportdesk.actions.change_state import change_state
from supportdesk.actions.hand_back import hand_back, is_hand_back_due
from supportdesk.actions.note_replying import note_replying
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.reply import reply
from supportdesk.db.database import Database
from supportdesk.db.models import Absence, Agent, Assignment, HandOver, Message, Service, Ticket
from supportdesk.tickets import Desk, EventKind, State
from tests.factories import make_agent, make_assignment
from tests.staff import events_of, viewer_of
from tests.world import World, mail, make_world

EKONOM, TECHNIK = "ekonom@kraj.example", "technik@kraj.example"
TUESDAY_NIGHT = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
WEDNESDAY_OPENING = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def night(database: Database, tmp_path: Path) -> World:
    """Give a centre in which a customer wrote on Tuesday night."""
    world = make_world(database, tmp_path)
    world.arrives(mail(EKONOM, Message_ID="<night@kraj.example>"), at=TUESDAY_NIGHT)
    assert the_ticket(world).desk is Desk.POOL
    return world


def the_ticket(world: World) -> Ticket:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(Ticket)).one()


def the_hand_over(world: World) -> HandOver:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(HandOver)).one()


def open_at(world: World, at: datetime) -> int:
    """Let it be `at` and hand back what is due."""
    world.clock.now = at
    return hand_back(world.runtime)


def away(world: World, *agents: Agent, substitute: Agent | None = None) -> None:
    """Have agents be absent on Wednesday."""
    with world.runtime.database.write() as session:
        for agent in agents:
            session.add(
                Absence(
                    agent_id=agent.id,
                    starts_at=TUESDAY_NIGHT,
                    ends_at=WEDNESDAY_OPENING + DAY / 2,
                    substitute_id=substitute.id if substitute else None,
                )
            )


def follow_up(world: World, at: datetime) -> None:
    world.arrives(mail(EKONOM, "Ještě něco.", In_Reply_To="<night@kraj.example>"), at=at)


def answer(world: World, agent: Agent, *, then_state: State = State.WAITING_CUSTOMER) -> None:
    with world.runtime.database.read() as session:
        newest = session.scalar(sa.select(sa.func.max(Message.id)))
    reply(
        world.runtime,
        viewer_of(world.runtime, agent),
        the_ticket(world).id,
        text="Vyřizuji.",
        to=[EKONOM],
        last_seen_message_id=newest or 0,
        then_state=then_state,
    )


def handed_back(world: World) -> Sequence[object]:
    found = events_of(world.runtime, the_ticket(world).id)
    return [data for kind, data in found if kind is EventKind.HANDED_BACK]


def test_a_second_before_opening_nothing_moves_and_at_opening_the_consultant_has_it(
    night: World,
) -> None:
    assert open_at(night, WEDNESDAY_OPENING - SECOND) == 0
    assert not is_hand_back_due(night.runtime)
    assert the_ticket(night).desk is Desk.POOL
    night.clock.now = WEDNESDAY_OPENING
    assert is_hand_back_due(night.runtime)
    assert hand_back(night.runtime) == 1
    ticket, hand_over = the_ticket(night), the_hand_over(night)
    assert (ticket.desk, ticket.handler_id) == (Desk.CUSTOMER_CENTRE, night.cast.jana.id)
    assert (hand_over.recipient_id, hand_over.handed_back_at) == (
        night.cast.jana.id,
        WEDNESDAY_OPENING,
    )
    assert handed_back(night) == [
        {"recipient_id": night.cast.jana.id, "recipient": "Jana Nováková"}
    ]


def test_handing_back_twice_changes_nothing_more(night: World) -> None:
    open_at(night, WEDNESDAY_OPENING)
    before = the_ticket(night).version
    assert open_at(night, WEDNESDAY_OPENING + 60 * SECOND) == 0
    assert not is_hand_back_due(night.runtime)
    assert the_ticket(night).version == before
    assert len(handed_back(night)) == 1


def test_two_workers_at_the_same_moment_hand_back_once(night: World) -> None:
    night.clock.now = WEDNESDAY_OPENING
    workers = [Thread(target=hand_back, args=(night.runtime,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(handed_back(night)) == 1


def test_a_holiday_hands_back_nothing_until_the_next_working_day(
    database: Database, tmp_path: Path
) -> None:
    world = make_world(database, tmp_path)
    monday_night = datetime(2026, 11, 16, 20, 0, tzinfo=UTC)  # the 17th is a public holiday
    world.arrives(mail(EKONOM), at=monday_night)
    assert open_at(world, datetime(2026, 11, 17, 9, 0, tzinfo=UTC)) == 0
    assert the_ticket(world).desk is Desk.POOL
    assert open_at(world, datetime(2026, 11, 18, 7, 0, tzinfo=UTC)) == 1


def test_a_service_that_was_down_at_eight_hands_back_when_it_is_up(night: World) -> None:
    assert open_at(night, WEDNESDAY_OPENING + timedelta(hours=5)) == 1


def test_after_hours_nothing_is_handed_to_a_desk_that_is_closed(night: World) -> None:
    assert open_at(night, WEDNESDAY_OPENING + timedelta(hours=8)) == 0
    assert open_at(night, WEDNESDAY_OPENING + DAY) == 1


def test_an_absent_consultant_has_the_deputy_take_it_and_stays_the_owner(night: World) -> None:
    away(night, night.cast.jana)
    assert open_at(night, WEDNESDAY_OPENING) == 1
    ticket = the_ticket(night)
    assert (ticket.handler_id, ticket.owner_id) == (night.cast.petr.id, night.cast.jana.id)
    assert the_hand_over(night).recipient_id == night.cast.petr.id


def test_a_deputy_who_is_away_as_well_has_a_substitute(night: World) -> None:
    with night.runtime.database.write() as session:
        stand_in = make_agent(session, "Zdena Zástupná", desks=[Desk.CUSTOMER_CENTRE])
    away(night, night.cast.jana)
    away(night, night.cast.petr, substitute=stand_in)
    assert open_at(night, WEDNESDAY_OPENING) == 1
    assert the_ticket(night).handler_id == stand_in.id


def test_where_nobody_is_there_it_stays_with_the_pool_until_somebody_is(night: World) -> None:
    away(night, night.cast.jana, night.cast.petr)
    assert open_at(night, WEDNESDAY_OPENING) == 0
    assert (the_ticket(night).desk, the_ticket(night).handler_id) == (
        Desk.POOL,
        night.cast.olga.id,
    )
    assert open_at(night, WEDNESDAY_OPENING + DAY) == 1
    assert the_ticket(night).handler_id == night.cast.jana.id


def test_a_conversation_in_hand_is_kept_until_its_end(night: World) -> None:
    night.clock.now = WEDNESDAY_OPENING - 10 * 60 * SECOND
    answer(night, night.cast.olga)
    assert open_at(night, WEDNESDAY_OPENING) == 0
    assert the_ticket(night).desk is Desk.POOL
    assert open_at(night, WEDNESDAY_OPENING + 20 * 60 * SECOND) == 1
    assert the_ticket(night).handler_id == night.cast.jana.id


def test_an_open_reply_keeps_the_ticket_as_well(night: World) -> None:
    night.clock.now = WEDNESDAY_OPENING - SECOND
    note_replying(night.runtime, viewer_of(night.runtime, night.cast.olga), the_ticket(night).id)
    assert open_at(night, WEDNESDAY_OPENING) == 0


def test_the_consultants_own_early_work_does_not_hold_it_up(night: World) -> None:
    night.clock.now = WEDNESDAY_OPENING - 10 * 60 * SECOND
    ticket, jana = the_ticket(night), viewer_of(night.runtime, night.cast.jana)
    take_ticket(night.runtime, jana, ticket.id, version=ticket.version)
    answer(night, night.cast.jana)
    assert open_at(night, WEDNESDAY_OPENING) == 1


def test_what_tdms_has_stays_there_and_the_consultant_hears_of_it(
    database: Database, tmp_path: Path
) -> None:
    world = make_world(database, tmp_path)
    world.arrives(mail(TECHNIK, "Nejde nám VPN."), at=TUESDAY_NIGHT)
    before = the_ticket(world)
    assert open_at(world, WEDNESDAY_OPENING) == 1
    after = the_ticket(world)
    assert (after.desk, after.handler_id) == (Desk.TDMS, before.handler_id)
    assert the_hand_over(world).recipient_id == world.cast.jana.id


def test_what_the_pool_resolved_is_told_but_not_reopened(night: World) -> None:
    answer(night, night.cast.olga, then_state=State.RESOLVED)
    assert open_at(night, WEDNESDAY_OPENING) == 1
    ticket = the_ticket(night)
    assert (ticket.state, ticket.handler_id) == (State.RESOLVED, night.cast.olga.id)
    assert the_hand_over(night).summary["state"] == State.RESOLVED


def test_the_summary_tells_what_happened_and_who_did_it(database: Database, tmp_path: Path) -> None:
    world = make_world(database, tmp_path)
    # Received two minutes before it was routed: the hand-over begins later than its mail.
    world.clock.now = TUESDAY_NIGHT
    receive_mail(
        world.runtime,
        mail(EKONOM, Message_ID="<night@kraj.example>"),
        mail_from="",
        recipients=["business@example.com"],
        received_at=TUESDAY_NIGHT - timedelta(minutes=2),
    )
    world.route()
    world.clock.now += timedelta(minutes=5)
    answer(world, world.cast.olga)
    olga = viewer_of(world.runtime, world.cast.olga)
    add_note(world.runtime, olga, the_ticket(world).id, "Volat až po deváté.")
    follow_up(world, TUESDAY_NIGHT + timedelta(hours=2))
    absent = mail(EKONOM, In_Reply_To="<night@kraj.example>", Auto_Submitted="auto-replied")
    world.arrives(absent, at=TUESDAY_NIGHT + timedelta(hours=3))
    open_at(world, WEDNESDAY_OPENING)
    assert the_hand_over(world).summary == {
        "received": 2,
        "replies": 1,
        "notes": 1,
        "agents": ["Olga Pokorná"],
        "state": State.OPEN,
    }


def test_what_the_consultant_acknowledged_before_is_not_handed_back(night: World) -> None:
    night.clock.now = WEDNESDAY_OPENING - 60 * SECOND
    jana = viewer_of(night.runtime, night.cast.jana)
    acknowledge_hand_over(night.runtime, jana, the_hand_over(night).id)
    assert open_at(night, WEDNESDAY_OPENING) == 0
    assert handed_back(night) == []


def test_a_second_night_without_an_acknowledgement_is_handed_back_as_well(night: World) -> None:
    open_at(night, WEDNESDAY_OPENING)
    follow_up(night, TUESDAY_NIGHT + DAY)
    assert the_ticket(night).desk is Desk.POOL
    assert open_at(night, WEDNESDAY_OPENING + DAY - SECOND) == 0
    assert open_at(night, WEDNESDAY_OPENING + DAY) == 1
    assert the_ticket(night).handler_id == night.cast.jana.id
    assert the_hand_over(night).summary["received"] == 2  # of both nights: she saw neither


def test_a_second_night_after_an_acknowledgement_is_a_hand_over_of_its_own(night: World) -> None:
    open_at(night, WEDNESDAY_OPENING)
    jana = viewer_of(night.runtime, night.cast.jana)
    acknowledge_hand_over(night.runtime, jana, the_hand_over(night).id)
    follow_up(night, TUESDAY_NIGHT + DAY)
    assert open_at(night, WEDNESDAY_OPENING + DAY) == 1
    with night.runtime.database.read() as session:
        newest = session.scalars(sa.select(HandOver).order_by(HandOver.id.desc())).first()
    assert newest is not None
    assert newest.summary["received"] == 1


def test_what_the_consultant_keeps_after_hours_is_not_handed_to_herself(
    database: Database, tmp_path: Path
) -> None:
    world = make_world(database, tmp_path)
    closing = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    world.arrives(mail(EKONOM, Message_ID="<night@kraj.example>"), at=closing - 10 * 60 * SECOND)
    answer(world, world.cast.jana)
    follow_up(world, closing + 60 * SECOND)
    assert the_ticket(world).handler_id == world.cast.jana.id
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(HandOver)).all() == []


def test_a_customer_who_changed_hands_overnight_is_the_new_consultants(night: World) -> None:
    with night.runtime.database.write() as session:
        session.execute(
            sa.update(Assignment)
            .where(Assignment.service == Service.CONSULTANT)
            .values(valid_until=TUESDAY_NIGHT.date())
        )
        make_assignment(
            session,
            night.cast.petr,
            contract=night.cast.contract,
            valid_from=WEDNESDAY_OPENING.date(),
        )
        session.execute(sa.update(HandOver).values(owner_id=night.cast.petr.id))
    assert open_at(night, WEDNESDAY_OPENING) == 1
    assert the_ticket(night).handler_id == night.cast.petr.id


def test_those_whom_nobody_can_take_hold_up_nobody(
    night: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supportdesk.actions.hand_back._AT_ONCE", 1)
    with night.runtime.database.write() as session:
        session.execute(sa.update(Assignment).values(valid_until=TUESDAY_NIGHT.date()))
        make_assignment(session, night.cast.petr, organisation=night.cast.school)
    night.arrives(mail("reditel@gymnazium.example"), at=TUESDAY_NIGHT)
    away(night, night.cast.jana)
    assert open_at(night, WEDNESDAY_OPENING) == 1
    assert open_at(night, WEDNESDAY_OPENING + SECOND) == 0


def test_a_ticket_that_changes_state_in_the_meantime_is_told_as_it_is(night: World) -> None:
    olga = viewer_of(night.runtime, night.cast.olga)
    ticket = the_ticket(night)
    change_state(night.runtime, olga, ticket.id, State.WAITING_INTERNAL, version=ticket.version)
    open_at(night, WEDNESDAY_OPENING)
    assert the_hand_over(night).summary["state"] == State.WAITING_INTERNAL
    assert the_ticket(night).state is State.WAITING_INTERNAL
