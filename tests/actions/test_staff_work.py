"""What staff do with a ticket: notes, assigning, states, topic, open replies, hand-overs."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from supportdesk.actions.acknowledge_hand_over import acknowledge_hand_over
from supportdesk.actions.add_note import add_note
from supportdesk.actions.assign_ticket import assign_ticket, take_ticket
from supportdesk.actions.change_state import change_state
from supportdesk.actions.classify_ticket import set_priority, set_topic
from supportdesk.actions.identify_sender import identify_sender
from supportdesk.actions.note_replying import note_replying, note_stopped_replying
from supportdesk.db.models import Agent, Deadline, HandOver, Message
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound
from supportdesk.routing.facts import TopicKind
from supportdesk.tickets import Desk, EventKind, State
from tests.factories import (
    NOON,
    make_agent,
    make_contact,
    make_deadline,
    make_hand_over,
    make_message,
    make_ticket,
)
from tests.staff import events_of, ticket_of, viewer_of
from tests.world import World


@dataclass
class OnDesk:
    """A ticket of the region, owned by Jana, and shorthands to look and act."""

    world: World
    ticket_id: int

    def viewer(self, agent: Agent) -> Viewer:
        """Log in."""
        return viewer_of(self.world.runtime, agent)

    @property
    def jana(self) -> Viewer:
        """Log in as the consultant."""
        return self.viewer(self.world.cast.jana)

    def assign(self, desk: Desk, handler: Agent | None = None, reason: str = "") -> None:
        """Have Jana assign the ticket, whatever its version."""
        version = ticket_of(self.world.runtime, self.ticket_id).version
        assign_ticket(
            self.world.runtime,
            self.jana,
            self.ticket_id,
            version=version,
            desk=desk,
            handler_id=handler.id if handler else None,
            reason=reason,
        )

    def become(self, state: State) -> None:
        """Have Jana change the state, whatever the version."""
        version = ticket_of(self.world.runtime, self.ticket_id).version
        change_state(self.world.runtime, self.jana, self.ticket_id, state, version=version)


@pytest.fixture
def desk(world: World) -> OnDesk:
    """Give a ticket of the region."""
    cast = world.cast
    with world.runtime.database.write() as session:
        ticket = make_ticket(
            session, contact=cast.ekonom, organisation=cast.region, owner=cast.jana
        )
        make_deadline(session, ticket)
    return OnDesk(world, ticket.id)


def test_a_note_is_internal_and_changes_neither_state_nor_answer(desk: OnDesk) -> None:
    runtime = desk.world.runtime
    message_id = add_note(runtime, desk.jana, desk.ticket_id, "  Volala, počká do pátku. ")
    with runtime.database.read() as session:
        note = session.get_one(Message, message_id)
        assert (note.text, note.is_internal) == ("Volala, počká do pátku.", True)
    ticket = ticket_of(runtime, desk.ticket_id)
    assert (ticket.state, ticket.is_answered) == (State.NEW, False)
    assert events_of(runtime, desk.ticket_id) == [
        (EventKind.NOTE_ADDED, {"message_id": message_id})
    ]


def test_an_empty_note_is_refused(desk: OnDesk) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        add_note(desk.world.runtime, desk.jana, desk.ticket_id, " \n ")


def test_assigning_changes_desk_and_handler_but_never_the_owner(desk: OnDesk) -> None:
    desk.assign(Desk.POOL, desk.world.cast.olga)
    ticket = ticket_of(desk.world.runtime, desk.ticket_id)
    assert (ticket.desk, ticket.handler_id) == (Desk.POOL, desk.world.cast.olga.id)
    assert ticket.owner_id == desk.world.cast.jana.id
    assert ticket.version == 2


def test_a_handler_has_to_work_at_the_desk(desk: OnDesk) -> None:
    with pytest.raises(InvalidInput, match="does not work at the desk"):
        desk.assign(Desk.CUSTOMER_CENTRE, desk.world.cast.olga)


def test_a_handler_who_left_is_refused(desk: OnDesk) -> None:
    with desk.world.runtime.database.write() as session:
        gone = make_agent(session, "Dana Dávná", desks=[Desk.POOL], is_active=False)
    with pytest.raises(InvalidInput, match="does not work at the desk"):
        desk.assign(Desk.POOL, gone)


def test_a_desk_where_nobody_works_gets_no_tickets(desk: OnDesk) -> None:
    with desk.world.runtime.database.write() as session:
        session.execute(
            sa.update(Agent).where(Agent.id == desk.world.cast.tomas.id).values(is_active=False)
        )
    with pytest.raises(InvalidInput, match="Nobody works at the desk tdms"):
        desk.assign(Desk.TDMS, reason="nejde APN")
    assert ticket_of(desk.world.runtime, desk.ticket_id).desk is Desk.CUSTOMER_CENTRE


def test_going_to_tdms_and_back_needs_a_reason_and_shows_in_the_history(desk: OnDesk) -> None:
    with pytest.raises(InvalidInput, match="Say why"):
        desk.assign(Desk.TDMS)
    desk.assign(Desk.TDMS, reason="nejde APN")
    with pytest.raises(InvalidInput, match="Say why"):
        desk.assign(Desk.POOL, reason="  ")
    desk.assign(Desk.CUSTOMER_CENTRE, desk.world.cast.jana, reason="hotovo")
    kinds = [kind for kind, _ in events_of(desk.world.runtime, desk.ticket_id)]
    assert kinds == [EventKind.ESCALATED, EventKind.RETURNED]


def test_taking_a_ticket_keeps_its_desk_or_brings_it_to_ones_own(desk: OnDesk) -> None:
    runtime, cast = desk.world.runtime, desk.world.cast
    take_ticket(runtime, desk.jana, desk.ticket_id, version=1)
    assert ticket_of(runtime, desk.ticket_id).desk is Desk.CUSTOMER_CENTRE
    take_ticket(runtime, desk.viewer(cast.olga), desk.ticket_id, version=2)
    ticket = ticket_of(runtime, desk.ticket_id)
    assert (ticket.desk, ticket.handler_id) == (Desk.POOL, cast.olga.id)


def test_who_works_at_no_desk_cannot_take_a_ticket(desk: OnDesk) -> None:
    with pytest.raises(InvalidInput, match="no desk"):
        take_ticket(
            desk.world.runtime,
            desk.viewer(desk.world.cast.supervisor),
            desk.ticket_id,
            version=1,
        )


def test_of_two_who_take_a_ticket_at_once_the_second_is_told(desk: OnDesk) -> None:
    runtime, cast = desk.world.runtime, desk.world.cast
    take_ticket(runtime, desk.jana, desk.ticket_id, version=1)
    with pytest.raises(Conflict, match="nothing of yours was saved"):
        take_ticket(runtime, desk.viewer(cast.petr), desk.ticket_id, version=1)
    assert ticket_of(runtime, desk.ticket_id).handler_id == cast.jana.id


def test_a_closed_ticket_stays_where_it_is(desk: OnDesk) -> None:
    desk.become(State.RESOLVED)
    desk.become(State.CLOSED)
    with pytest.raises(InvalidInput, match="is closed"):
        desk.assign(Desk.POOL)


def test_resolving_meets_the_deadline_and_reopening_makes_it_run_again(desk: OnDesk) -> None:
    runtime = desk.world.runtime
    desk.become(State.RESOLVED)
    assert ticket_of(runtime, desk.ticket_id).resolved_at == NOON
    assert _resolution_met(desk) == NOON
    desk.become(State.OPEN)
    assert ticket_of(runtime, desk.ticket_id).resolved_at is None
    assert _resolution_met(desk) is None


def _resolution_met(desk: OnDesk) -> object:
    with desk.world.runtime.database.read() as session:
        return session.scalar(
            sa.select(Deadline.met_at).where(Deadline.ticket_id == desk.ticket_id)
        )


@pytest.mark.parametrize("state", [State.WAITING_CUSTOMER, State.WAITING_INTERNAL, State.OPEN])
def test_a_new_ticket_may_be_opened_or_wait(desk: OnDesk, state: State) -> None:
    desk.become(state)
    assert ticket_of(desk.world.runtime, desk.ticket_id).state is state


def test_an_impossible_state_is_refused_with_the_possible_ones(desk: OnDesk) -> None:
    with pytest.raises(InvalidInput, match="possible is: open, resolved"):
        desk.become(State.CLOSED)


def test_topic_and_priority_are_set_by_staff_and_stand_in_the_history(desk: OnDesk) -> None:
    runtime = desk.world.runtime
    set_topic(runtime, desk.jana, desk.ticket_id, TopicKind.TECHNICAL, version=1)
    set_priority(runtime, desk.jana, desk.ticket_id, 2, version=2)
    ticket = ticket_of(runtime, desk.ticket_id)
    assert (ticket.topic, ticket.priority) == ("technical", 2)
    assert [kind for kind, _ in events_of(runtime, desk.ticket_id)] == [
        EventKind.TOPIC_CHANGED,
        EventKind.PRIORITY_CHANGED,
    ]


@pytest.mark.parametrize("priority", [0, 5, -1])
def test_a_priority_that_does_not_exist_is_refused(desk: OnDesk, priority: int) -> None:
    with pytest.raises(InvalidInput, match="from 1"):
        set_priority(desk.world.runtime, desk.jana, desk.ticket_id, priority, version=1)


def test_an_open_reply_is_seen_by_others_until_it_goes_stale(desk: OnDesk) -> None:
    runtime, petr = desk.world.runtime, desk.viewer(desk.world.cast.petr)
    assert note_replying(runtime, desk.jana, desk.ticket_id) is None
    assert note_replying(runtime, petr, desk.ticket_id) == "Jana Nováková"
    assert ticket_of(runtime, desk.ticket_id).replying_until == NOON + timedelta(minutes=5)
    desk.world.clock.now = NOON + timedelta(minutes=5)
    assert note_replying(runtime, petr, desk.ticket_id) is None
    assert ticket_of(runtime, desk.ticket_id).replying_id == petr.agent_id


def test_leaving_ones_reply_frees_the_ticket_and_nobody_elses(desk: OnDesk) -> None:
    runtime, petr = desk.world.runtime, desk.viewer(desk.world.cast.petr)
    note_replying(runtime, desk.jana, desk.ticket_id)
    note_stopped_replying(runtime, petr, desk.ticket_id)
    assert ticket_of(runtime, desk.ticket_id).replying_id == desk.jana.agent_id
    note_stopped_replying(runtime, desk.jana, desk.ticket_id)
    assert ticket_of(runtime, desk.ticket_id).replying_id is None


def test_giving_the_ticket_to_somebody_else_ends_an_open_reply(desk: OnDesk) -> None:
    note_replying(desk.world.runtime, desk.jana, desk.ticket_id)
    desk.assign(Desk.POOL, desk.world.cast.olga)
    assert ticket_of(desk.world.runtime, desk.ticket_id).replying_id is None


@pytest.mark.parametrize("name", ["jana", "petr", "supervisor"])
def test_owner_recipient_and_supervisor_acknowledge_a_hand_over(desk: OnDesk, name: str) -> None:
    runtime, cast = desk.world.runtime, desk.world.cast
    hand_over_id = _hand_over(desk)
    viewer = desk.viewer(getattr(cast, name))
    acknowledge_hand_over(runtime, viewer, hand_over_id)
    acknowledge_hand_over(runtime, viewer, hand_over_id)  # a second click
    with runtime.database.read() as session:
        hand_over = session.get_one(HandOver, hand_over_id)
        assert hand_over.acknowledged_at == NOON
        assert hand_over.acknowledged_by_id == viewer.agent_id
    assert len(events_of(runtime, desk.ticket_id)) == 1


def test_others_do_not_acknowledge_a_hand_over(desk: OnDesk) -> None:
    hand_over_id = _hand_over(desk)
    with pytest.raises(NotAllowed, match="somebody else"):
        acknowledge_hand_over(desk.world.runtime, desk.viewer(desk.world.cast.olga), hand_over_id)


def _hand_over(desk: OnDesk) -> int:
    cast = desk.world.cast
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, organisation=cast.region, owner=cast.jana)
        desk.ticket_id = ticket.id
        return make_hand_over(session, ticket, cast.jana, recipient=cast.petr).id


def test_triage_names_the_contact_but_messages_keep_their_assurance(world: World) -> None:
    cast, runtime = world.cast, world.runtime
    with runtime.database.write() as session:
        ticket = make_ticket(session, desk=Desk.POOL, needs_identification=True)
        message = make_message(session, ticket)
    olga = viewer_of(runtime, cast.olga)
    identify_sender(
        runtime,
        olga,
        ticket.id,
        version=1,
        contact_id=cast.ekonom.id,
        organisation_id=cast.region.id,
    )
    found = ticket_of(runtime, ticket.id)
    assert (found.contact_id, found.organisation_id) == (cast.ekonom.id, cast.region.id)
    assert not found.needs_identification
    with runtime.database.read() as session:
        assert session.get_one(Message, message.id).contact_id is None
    with pytest.raises(InvalidInput, match="known already"):
        identify_sender(
            runtime,
            olga,
            ticket.id,
            version=found.version,
            contact_id=cast.ekonom.id,
            organisation_id=cast.region.id,
        )


def test_triage_takes_only_contacts_who_act_for_the_organisation_today(world: World) -> None:
    cast, runtime = world.cast, world.runtime
    with runtime.database.write() as session:
        ticket = make_ticket(session, desk=Desk.POOL, needs_identification=True)
        gone = make_contact(session, "Dan Dávný", cast.region, valid_until=NOON.date())
    for contact_id, organisation_id in [
        (gone.id, cast.region.id),
        (cast.ekonom.id, cast.school.id),
        (999_999, cast.region.id),
    ]:
        with pytest.raises(InvalidInput, match="does not act for"):
            identify_sender(
                runtime,
                viewer_of(runtime, cast.olga),
                ticket.id,
                version=1,
                contact_id=contact_id,
                organisation_id=organisation_id,
            )


def test_what_one_may_not_see_does_not_exist_and_what_one_only_reads_stays(desk: OnDesk) -> None:
    runtime, cast = desk.world.runtime, desk.world.cast
    for hidden_from in (cast.administrator, cast.tomas):
        with pytest.raises(NotFound, match="no ticket"):
            add_note(runtime, desk.viewer(hidden_from), desk.ticket_id, "ahoj")
    with pytest.raises(NotAllowed, match="not work on it"):
        add_note(runtime, desk.viewer(cast.account_manager), desk.ticket_id, "ahoj")
    assert events_of(runtime, desk.ticket_id) == []
