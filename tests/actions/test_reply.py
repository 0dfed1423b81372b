"""Replying: what it changes at once, what it refuses, and that nobody answers past another."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.reply import MAX_CHARS, MAX_RECIPIENTS
from supportdesk.db.database import Database
from supportdesk.db.models import (
    Author,
    Deadline,
    DeadlineKind,
    Mailbox,
    Message,
    OutboxMail,
    OutboxState,
    Ticket,
    Work,
)
from supportdesk.errors import Conflict, InvalidInput, NotFound
from supportdesk.tickets import EventKind, State
from tests.actions.outgoing_mail import EKONOM, PostOffice, open_post_office
from tests.factories import make_deadline, make_message
from tests.servers.smtp import SmtpReceiver
from tests.staff import events_of
from tests.world import mail, make_world


@pytest.fixture
def office(database: Database, tmp_path: Path, smtp_receiver: SmtpReceiver) -> PostOffice:
    world = make_world(database, tmp_path, smtp_host="localhost", smtp_port=smtp_receiver.port)
    return open_post_office(world, smtp_receiver)


def agents_mails(office: PostOffice) -> list[Message]:
    with office.world.runtime.database.read() as session:
        return list(session.scalars(sa.select(Message).where(Message.author == Author.AGENT)))


def outbox(office: PostOffice) -> list[OutboxMail]:
    with office.world.runtime.database.read() as session:
        return list(session.scalars(sa.select(OutboxMail)))


def test_a_reply_changes_ticket_outbox_and_history_at_once(office: PostOffice) -> None:
    office.world.clock.now += timedelta(hours=1)
    now = office.world.clock.now
    message_id = office.reply("  Výpis posílám.\r\nJana  ")
    message = office.message(message_id)
    assert message.text == "Výpis posílám.\nJana"
    assert (message.sender_name, message.sender_address) == (
        "Jana Nováková",
        "business@example.com",
    )
    ticket = office.ticket()
    assert (ticket.state, ticket.is_answered) == (State.WAITING_CUSTOMER, True)
    assert (ticket.last_message_at, ticket.last_staff_message_at) == (now, now)
    assert ticket.preview == "Výpis posílám. Jana"
    assert ticket.handler_id == office.world.cast.jana.id
    assert ticket.version == 2
    assert office.mail().state is OutboxState.QUEUED
    assert events_of(office.world.runtime, office.ticket_id) == [
        (EventKind.REPLIED, {"message_id": message_id})
    ]


@pytest.mark.parametrize(
    ("then_state", "met"),
    [
        (State.WAITING_CUSTOMER, {DeadlineKind.FIRST_RESPONSE}),
        (State.RESOLVED, {DeadlineKind.FIRST_RESPONSE, DeadlineKind.RESOLUTION}),
    ],
)
def test_a_reply_meets_the_deadlines_that_it_can_meet(
    office: PostOffice, then_state: State, met: set[DeadlineKind]
) -> None:
    with office.world.runtime.database.write() as session:
        ticket = session.get_one(Ticket, office.ticket_id)
        for kind in DeadlineKind:
            make_deadline(session, ticket, kind)
    office.reply(then_state=then_state)
    with office.world.runtime.database.read() as session:
        found = session.scalars(sa.select(Deadline.kind).where(Deadline.met_at.is_not(None)))
        assert set(found) == met
    resolved_at = office.world.clock.now if then_state is State.RESOLVED else None
    assert office.ticket().resolved_at == resolved_at


@pytest.mark.parametrize(
    ("text", "to", "reason"),
    [
        (" \n ", [EKONOM], "empty"),
        ("x" * (MAX_CHARS + 1), [EKONOM], "100001 characters"),
        ("Text", [], "no recipient"),
        ("Text", [" "], "no recipient"),
        ("Text", ["ekonom"], "'ekonom' is not an email address"),
        ("Text", ["a@b.cz\r\nBcc: c@d.cz"], "not an email address"),
        ("Text", [f"a{n}@b.cz" for n in range(MAX_RECIPIENTS + 1)], "at most 20"),
    ],
)
def test_a_reply_that_cannot_be_sent_says_why_and_changes_nothing(
    office: PostOffice, text: str, to: list[str], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        office.reply(text, to=to)
    assert agents_mails(office) == []
    assert office.ticket().state is State.NEW


def test_addresses_are_normalised_and_nobody_gets_it_twice(office: PostOffice) -> None:
    office.reply(to=[" Ekonom@KRAJ.example ", EKONOM], cc=[EKONOM, "b@kraj.example"])
    assert office.mail().recipients == [EKONOM, "b@kraj.example"]
    assert agents_mails(office)[0].cc == ["b@kraj.example"]


@pytest.mark.parametrize("state", [State.NEW, State.CLOSED])
def test_no_ticket_is_new_or_closed_after_a_reply(office: PostOffice, state: State) -> None:
    with pytest.raises(InvalidInput, match=f"cannot be {state}"):
        office.reply(then_state=state)


def test_a_closed_ticket_takes_no_reply(office: PostOffice) -> None:
    with office.world.runtime.database.write() as session:
        session.get_one(Ticket, office.ticket_id).state = State.CLOSED
    with pytest.raises(Conflict, match="closed; open a new ticket"):
        office.reply()


@pytest.mark.parametrize("then_state", [State.WAITING_CUSTOMER, State.RESOLVED])
def test_a_resolved_ticket_takes_a_reply_and_is_what_its_writer_says(
    office: PostOffice, then_state: State
) -> None:
    office.reply(then_state=State.RESOLVED)
    office.world.clock.now += timedelta(days=1)
    office.reply("Ještě něco.", then_state=then_state)
    assert office.ticket().state is then_state
    assert (office.ticket().resolved_at == office.world.clock.now) is (then_state is State.RESOLVED)


def test_a_reply_without_a_mailbox_to_send_from_says_who_can_help(office: PostOffice) -> None:
    with office.world.runtime.database.write() as session:
        session.execute(sa.update(Mailbox).values(is_active=False))
    with pytest.raises(InvalidInput, match="an administrator has to add one"):
        office.reply()


def test_a_reply_goes_out_from_the_mailbox_that_the_customer_wrote_to(office: PostOffice) -> None:
    with office.world.runtime.database.write() as session:
        second = Mailbox(address="technika@example.com", name="Technika", is_active=False)
        session.add(second)
        session.flush()
        session.get_one(Ticket, office.ticket_id).mailbox_id = second.id
    office.reply()
    assert office.mail().envelope_from == "technika@example.com"


def test_whoever_may_not_see_the_ticket_cannot_reply_to_it(office: PostOffice) -> None:
    with pytest.raises(NotFound):
        office.reply(by=office.world.cast.tomas)  # TDMS never had it


def test_nobody_replies_past_a_mail_that_she_has_not_seen(office: PostOffice) -> None:
    seen = office.newest()
    with office.world.runtime.database.write() as session:
        make_message(session, session.get_one(Ticket, office.ticket_id), "Už to neplatí.")
    with pytest.raises(Conflict, match="1 newer message"):
        office.reply(last_seen=seen)
    office.reply()


def test_notes_and_our_automatic_mails_do_not_hold_a_reply_up(office: PostOffice) -> None:
    seen = office.newest()
    with office.world.runtime.database.write() as session:
        ticket = session.get_one(Ticket, office.ticket_id)
        make_message(session, ticket, author=Author.AGENT, is_internal=True)
        make_message(session, ticket, author=Author.SYSTEM)
    office.reply(last_seen=seen)


def test_of_two_who_reply_at_the_same_moment_one_gets_through(office: PostOffice) -> None:
    together = Barrier(2)
    for number in range(5):
        seen = office.newest()

        def attempt(who: str, seen: int = seen) -> bool:
            together.wait()
            try:
                office.reply(f"Odpověď od {who}", last_seen=seen)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(attempt, ["Jany", "Petra"])) == [False, True]
        assert len(agents_mails(office)) == len(outbox(office)) == number + 1


def test_a_reply_and_the_customers_mail_of_one_moment_never_leave_the_mail_unseen(
    office: PostOffice,
) -> None:
    runtime, together = office.world.runtime, Barrier(2)
    for number in range(5):
        raw = mail(EKONOM, f"Ještě {number}", In_Reply_To="<question@kraj.example>")
        receive_mail(
            runtime,
            raw,
            mail_from="",
            recipients=["business@example.com"],
            received_at=runtime.clock(),
        )
        seen = office.newest()

        def route() -> None:
            together.wait()
            office.world.route()

        def answer(seen: int = seen) -> bool:
            together.wait()
            try:
                office.reply(last_seen=seen)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            routed, answered = pool.submit(route), pool.submit(answer)
            routed.result()
            answered.result()
        # Either the reply came first and the mail reopened the ticket, or it was refused.
        assert office.ticket().is_answered is False
    with runtime.database.read() as session:
        assert session.scalars(sa.select(Work.problem).where(Work.problem.is_not(None))).all() == []
