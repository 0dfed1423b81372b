"""Sending through a real relay: what arrives, what is tried again, and what people are told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.keys import THREADS, key_for
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import delay_seconds, send_mail
from supportdesk.channels.email.tokens import (
    read_address,
    read_bounce_address,
    read_message_id,
    strip_plus,
)
from supportdesk.db.database import Database
from supportdesk.db.models import (
    ContactAddress,
    OutboxMail,
    OutboxState,
    StoredAttachment,
    Ticket,
    WorkState,
)
from supportdesk.db.work import CUT_SHORT, Claim, Kind, LeaseLost
from supportdesk.jobs.handlers import handle
from supportdesk.tickets import Desk, EventKind, State
from tests.actions.outgoing_mail import EKONOM, LEASE, PostOffice, open_post_office
from tests.servers.smtp import ReceivedMail, SmtpReceiver
from tests.staff import events_of
from tests.waiting import until
from tests.world import mail, make_world

AUDITOR, ARCHIVE = "auditor@kraj.example", "archiv@kraj.example"


@pytest.fixture
def office(database: Database, tmp_path: Path, smtp_receiver: SmtpReceiver) -> PostOffice:
    world = make_world(
        database, tmp_path, smtp_host="localhost", smtp_port=smtp_receiver.port, send_attempts=3
    )
    return open_post_office(world, smtp_receiver)


def claim_mail(office: PostOffice, *, after_seconds: float = 0) -> Claim:
    office.world.clock.now += timedelta(seconds=after_seconds)
    (claim,) = claim_work(office.world.runtime, [Kind.SEND], limit=1, lease_seconds=LEASE)
    return claim


def kinds(office: PostOffice) -> list[EventKind]:
    return [kind for kind, _ in events_of(office.world.runtime, office.ticket_id)]


def test_a_reply_arrives_as_its_writer_meant_it(office: PostOffice) -> None:
    message_id = office.reply("Dobrý den,\n\nvýpis **posílám**.", cc=[AUDITOR])
    office.work()
    (sent,) = office.sent()
    assert "výpis **posílám**" in sent.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "<strong>posílám</strong>" in sent.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert (sent["To"], sent["Cc"]) == (EKONOM, AUDITOR)
    assert sent["From"] == "Jana Nováková <business@example.com>"
    assert sent["Subject"] == f"Re: Prosba o výpis [#{office.ticket_id}]"
    assert sent["Auto-Submitted"] is None
    return_path = office.relay.mails[0].mail_from
    assert strip_plus(return_path) == "business@example.com"
    key = key_for(office.world.runtime.secret_key, THREADS)
    assert read_bounce_address(return_path, key) == office.mail().id
    assert office.relay.mails[0].recipients == (EKONOM, AUDITOR)
    assert office.mail().state is OutboxState.SENT
    assert office.mail().sent_at == office.world.clock.now
    assert events_of(office.world.runtime, office.ticket_id)[-1] == (
        EventKind.SENT,
        {"message_id": message_id},
    )


def test_a_reply_threads_in_every_mail_program(office: PostOffice) -> None:
    office.reply()
    office.work()
    (sent,) = office.sent()
    assert sent["In-Reply-To"] == "<question@kraj.example>"
    assert sent["References"].split() == ["<earlier@kraj.example>", "<question@kraj.example>"]


def test_the_message_id_stands_before_the_first_attempt_and_carries_the_ticket(
    office: PostOffice,
) -> None:
    stored = office.message(office.reply()).rfc_message_id
    assert stored
    key = key_for(office.world.runtime.secret_key, THREADS)
    assert read_message_id(stored, key) == office.ticket_id
    office.work()
    (sent,) = office.sent()
    assert sent["Message-ID"] == stored
    assert read_address(sent["Reply-To"].addresses[0].addr_spec, key) == office.ticket_id


def test_the_customers_answer_to_the_reply_address_leads_back_into_the_ticket(
    office: PostOffice,
) -> None:
    office.reply()
    office.work()
    back = office.sent()[0]["Reply-To"].addresses[0].addr_spec
    answer = mail(EKONOM, "Děkuji.", subject="Zcela jiný předmět", to=back)
    office.world.arrives(answer, to=[back], at=office.world.clock.now)
    with office.world.runtime.database.read() as session:
        assert session.scalars(sa.select(Ticket.id)).all() == [office.ticket_id]
    assert office.ticket().state is State.OPEN


def test_recipients_are_those_whom_the_writer_saw_whatever_changes_later(
    office: PostOffice,
) -> None:
    office.reply()
    with office.world.runtime.database.write() as session:
        session.execute(
            sa.update(ContactAddress)
            .where(ContactAddress.address == EKONOM)
            .values(address="nova@kraj.example")
        )
    office.work()
    assert office.relay.mails[0].recipients == (EKONOM,)


def test_attachments_go_out_byte_for_byte(office: PostOffice) -> None:
    message_id = office.reply()
    with office.world.runtime.database.write() as session:
        session.add(
            StoredAttachment(
                message_id=message_id,
                token="t" * 43,
                filename="výpis.pdf",
                content_type="application/pdf",
                size_bytes=3,
                blob_key=office.world.runtime.blobs.put(b"\x00\x01\x02"),
            )
        )
    office.work()
    (part,) = office.sent()[0].iter_attachments()
    assert part.get_filename() == "výpis.pdf"
    assert part.get_payload(decode=True) == b"\x00\x01\x02"


def test_an_attachment_that_is_lost_stops_the_mail_where_people_see_it(office: PostOffice) -> None:
    message_id = office.reply()
    with office.world.runtime.database.write() as session:
        session.add(
            StoredAttachment(
                message_id=message_id,
                token="t" * 43,
                filename="a.pdf",
                content_type="application/pdf",
                size_bytes=3,
                blob_key="0" * 64,
            )
        )
    office.work()
    assert office.sent() == []
    assert office.mail().state is OutboxState.FAILED
    assert office.ticket().state is State.OPEN


@pytest.mark.parametrize("command", ["CONNECT", "MAIL", "RCPT", "DATA", "END"])
def test_a_relay_that_is_busy_gets_the_mail_later(office: PostOffice, command: str) -> None:
    message_id = office.reply()
    office.relay.answer(command, "451 4.3.0 later", times=1)
    office.work()
    assert (office.mail().state, office.job().attempts) == (OutboxState.QUEUED, 1)
    assert "later" in str(office.mail().problem) or command == "CONNECT"
    assert office.ticket().state is State.WAITING_CUSTOMER
    office.work(after_seconds=29)
    assert office.sent() == []  # backoff
    office.work(after_seconds=1)
    (sent,) = office.sent()
    assert sent["Message-ID"] == office.message(message_id).rfc_message_id
    assert office.mail().state is OutboxState.SENT
    assert office.mail().problem is None


def test_each_failure_doubles_the_wait_up_to_four_hours() -> None:
    assert [delay_seconds(n) for n in (1, 2, 3, 9, 10, 40)] == [
        30, 60, 120, 7680, 14400, 14400,
    ]  # fmt: skip


def test_the_attempts_allowed_reach_over_the_five_days_that_mail_is_tried_for() -> None:
    waits = sum(delay_seconds(number) for number in range(1, 40))
    assert timedelta(days=5) <= timedelta(seconds=waits) < timedelta(days=7)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "END"])
def test_a_refusal_for_good_reopens_the_ticket_and_tells_its_owner(
    office: PostOffice, command: str
) -> None:
    message_id = office.reply(then_state=State.RESOLVED)
    office.relay.answer(command, "550 5.1.1 no such person")
    office.work(after_seconds=60)
    assert office.mail().state is OutboxState.FAILED
    ticket = office.ticket()
    assert (ticket.state, ticket.resolved_at, ticket.is_answered) == (State.OPEN, None, False)
    assert ticket.handler_id == office.world.cast.jana.id
    assert ticket.last_message_at == office.world.clock.now  # at the top of the list
    kind, data = events_of(office.world.runtime, office.ticket_id)[-1]
    assert (kind, data["message_id"]) == (EventKind.SEND_FAILED, message_id)
    assert "no such person" in data["problem"]
    office.relay.work()
    office.work(after_seconds=24 * 3600)
    assert office.sent() == []  # refused is refused


def test_a_relay_that_stays_down_is_given_up_after_the_last_attempt(office: PostOffice) -> None:
    office.reply()
    office.relay.answer("CONNECT", "421 4.3.2 shutting down")
    for _ in range(3):
        assert office.mail().state is OutboxState.QUEUED
        office.work(after_seconds=4 * 3600)
    assert office.mail().state is OutboxState.FAILED
    assert kinds(office)[-1] is EventKind.SEND_FAILED
    assert office.ticket().state is State.OPEN
    assert office.job().state is WorkState.DONE


def test_who_is_refused_for_good_is_shown_and_the_others_have_their_mail(
    office: PostOffice,
) -> None:
    office.reply(cc=[AUDITOR])
    office.relay.refuse(AUDITOR, "550 5.1.1 unknown")
    office.work()
    assert [one.recipients for one in office.relay.mails] == [(EKONOM,)]
    assert office.mail().state is OutboxState.SENT
    assert kinds(office)[-2:] == [EventKind.SEND_FAILED, EventKind.SENT]
    assert office.ticket().state is State.OPEN
    assert AUDITOR in str(office.mail().problem)


def test_who_is_put_off_gets_the_mail_later_and_the_others_do_not_get_it_twice(
    office: PostOffice,
) -> None:
    office.reply(cc=[AUDITOR, ARCHIVE])
    office.relay.refuse(AUDITOR, "451 4.7.1 greylisted")
    office.relay.refuse(ARCHIVE, "550 5.1.1 unknown")
    office.work()
    assert office.mail().state is OutboxState.QUEUED
    assert office.ticket().state is State.OPEN  # the one who never gets it
    office.relay.work()
    office.work(after_seconds=30)
    assert [one.recipients for one in office.relay.mails] == [(EKONOM,), (AUDITOR,)]
    first, second = office.sent()
    assert first["Message-ID"] == second["Message-ID"]
    assert second["To"] == EKONOM  # the same mail, header and all
    assert office.mail().state is OutboxState.SENT
    assert office.mail().recipients == [EKONOM, AUDITOR, ARCHIVE]


def test_who_is_put_off_for_ever_is_shown_in_the_end(office: PostOffice) -> None:
    office.reply(cc=[AUDITOR])
    office.relay.refuse(AUDITOR, "451 4.7.1 greylisted")
    office.work()
    assert office.ticket().state is State.WAITING_CUSTOMER
    for _ in range(2):
        office.work(after_seconds=4 * 3600)
    assert office.mail().state is OutboxState.FAILED
    assert AUDITOR in str(office.mail().problem)
    assert office.ticket().state is State.OPEN


def test_a_connection_that_breaks_after_the_last_dot_means_the_same_mail_again(
    office: PostOffice,
) -> None:
    office.reply()
    office.relay.drop("END", times=1)
    office.work()
    assert "may have been delivered" in str(office.mail().problem)
    office.work(after_seconds=30)
    first, second = office.sent()
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert (office.mail().state, office.mail().attempts) == (OutboxState.SENT, 2)


def test_the_attempt_stands_before_the_relay_has_the_mail(office: PostOffice) -> None:
    seen: list[OutboxMail] = []

    class Watched(list[ReceivedMail]):
        """Looks at the outbox at the moment when the relay takes a mail."""

        def append(self, received: ReceivedMail) -> None:
            seen.append(office.mail())
            super().append(received)

    office.relay.mails = Watched()
    office.reply()
    office.work()
    (at_that_moment,) = seen
    assert at_that_moment.state is OutboxState.SENDING
    assert at_that_moment.send_started_at == office.world.clock.now


def test_only_one_mail_of_a_process_is_neither_with_us_nor_written_down_as_sent(
    office: PostOffice,
) -> None:
    office.reply()
    office.reply("A ještě druhá odpověď.")
    clock = office.world.clock
    taken, second_taken, may_write = threading.Event(), threading.Event(), threading.Event()

    class Watched(list[ReceivedMail]):
        """Tells when the relay takes the first mail and when the second."""

        def append(self, received: ReceivedMail) -> None:
            super().append(received)
            (second_taken if taken.is_set() else taken).set()

    def held_clock() -> datetime:
        if taken.is_set():  # the relay has the first mail: what became of it is written down now
            may_write.wait(30)
        return clock()

    office.relay.mails = Watched()
    runtime = replace(office.world.runtime, clock=held_clock)
    claims = [claim_mail(office) for _ in range(2)]
    with ThreadPoolExecutor(2) as senders:
        done = [senders.submit(send_mail, runtime, claim) for claim in claims]
        assert taken.wait(30)
        until(lambda: office.relay.commands.count("DATA") == 2, "both have all but the last dot")
        assert not second_taken.wait(0.3)
        may_write.set()
        for one in done:
            one.result()
    assert len(office.sent()) == 2


def test_a_sender_that_crashed_is_followed_by_another_when_its_lease_ends(
    office: PostOffice,
) -> None:
    office.reply()
    claim_mail(office)
    office.work(after_seconds=LEASE - 1)
    assert office.sent() == []
    office.work(after_seconds=1)
    assert len(office.sent()) == 1


def test_a_mail_whose_sender_crashes_every_time_is_given_up_where_people_see_it(
    office: PostOffice,
) -> None:
    office.reply()
    for _ in range(3):
        claim_mail(office, after_seconds=LEASE)
    office.work(after_seconds=LEASE)
    assert (office.mail().state, office.mail().problem) == (OutboxState.FAILED, CUT_SHORT)
    assert office.ticket().state is State.OPEN
    assert office.ticket().handler_id == office.world.cast.jana.id
    assert office.job().state is WorkState.DEAD


def test_a_fault_of_our_own_at_every_attempt_is_given_up_where_people_see_it(
    office: PostOffice,
) -> None:
    office.reply()
    with office.world.runtime.database.write() as session:
        session.get_one(OutboxMail, office.mail().id).recipients = [0]  # type: ignore[list-item]
    office.work()
    assert office.job().attempts == 1
    for _ in range(2):
        office.work(after_seconds=3600)
    assert (office.mail().state, office.job().state) == (OutboxState.FAILED, WorkState.DEAD)
    assert "TypeError" in str(office.mail().problem)
    assert office.ticket().state is State.OPEN


def test_who_slept_past_the_lease_before_sending_does_not_send(office: PostOffice) -> None:
    office.reply()
    sleeper = claim_mail(office)
    office.work(after_seconds=LEASE)
    with pytest.raises(LeaseLost):
        send_mail(office.world.runtime, sleeper)
    handle(office.world.runtime, office.world.parser, [sleeper])  # the worker only shrugs
    assert len(office.sent()) == 1


def test_a_failed_mail_of_a_closed_ticket_leaves_it_closed_with_a_trace(
    office: PostOffice,
) -> None:
    office.reply(then_state=State.RESOLVED)
    with office.world.runtime.database.write() as session:
        session.get_one(Ticket, office.ticket_id).state = State.CLOSED
    office.relay.answer("MAIL", "550 5.7.1 no")
    office.work()
    assert office.ticket().state is State.CLOSED
    assert kinds(office)[-1] is EventKind.SEND_FAILED


def test_an_acknowledgement_has_no_return_path_and_says_that_it_is_automatic(
    office: PostOffice,
) -> None:
    question = mail(f"Eva Ekonomová <{EKONOM}>", Message_ID="<new@kraj.example>")
    office.world.arrives(question, at=office.world.clock.now)
    office.work()
    (sent,) = office.sent()
    assert office.relay.mails[0].mail_from == ""
    assert sent["Auto-Submitted"] == "auto-replied"
    assert sent["In-Reply-To"] == "<new@kraj.example>"


def test_an_acknowledgement_that_nobody_takes_leaves_a_trace_and_changes_nothing(
    office: PostOffice,
) -> None:
    office.world.arrives(mail(EKONOM), at=office.world.clock.now)
    runtime: Runtime = office.world.runtime
    with runtime.database.read() as session:
        before = session.scalars(sa.select(Ticket).order_by(Ticket.id.desc())).all()[0]
    office.relay.answer("RCPT", "550 5.1.1 unknown")
    office.work(after_seconds=60)
    with runtime.database.read() as session:
        after = session.get_one(Ticket, before.id)
    assert (after.state, after.version, after.desk) == (State.NEW, before.version, before.desk)
    assert after.desk is Desk.CUSTOMER_CENTRE
    assert events_of(runtime, before.id)[-1][0] is EventKind.SEND_FAILED
