"""Reports about our mails: shown at the mail they are about, whoever sent them."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.receipts import replay_receipt
from supportdesk.actions.send_again import send_again
from supportdesk.actions.suppressions import lift_suppression
from supportdesk.db.database import Database
from supportdesk.db.models import (
    AuditEntry,
    DeliveryReport,
    Message,
    OutboxState,
    Suppression,
    Ticket,
)
from supportdesk.db.queries.quarantine import list_quarantined
from supportdesk.db.queries.suppressions import list_suppressed
from supportdesk.errors import Conflict, NotAllowed
from supportdesk.messages import Automatic, ReportKind
from supportdesk.tickets import EventKind, State
from tests.actions.outgoing_mail import EKONOM, PostOffice, open_post_office
from tests.channels.email.mails import multipart
from tests.servers.smtp import SmtpReceiver
from tests.staff import events_of, viewer_of
from tests.world import World, mail, make_world

AUDITOR = "auditor@kraj.example"


@pytest.fixture
def office(database: Database, tmp_path: Path, smtp_receiver: SmtpReceiver) -> PostOffice:
    world = make_world(
        database, tmp_path, smtp_host="localhost", smtp_port=smtp_receiver.port, send_attempts=3
    )
    return open_post_office(world, smtp_receiver)


def dsn(*blocks: str, message_id: str = "<unknown@x.example>") -> bytes:
    status = "\n".join(["Reporting-MTA: dns; mx.example\n", *blocks])
    return multipart(
        "report",
        "Content-Type: text/plain\n\nI am sorry to inform you.",
        f"Content-Type: message/delivery-status\n\n{status}",
        f"Content-Type: text/rfc822-headers\n\nMessage-ID: {message_id}\nSubject: s\n",
        base="From: MAILER-DAEMON@mx.example\nTo: business@example.com\n",
    )


def block(
    address: str = EKONOM,
    status: str = "5.1.1",
    action: str = "failed",
    diagnosis: str = "550 5.1.1 No such user",
) -> str:
    return (
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; {diagnosis}\n"
    )


def comes(office: PostOffice, raw: bytes, *, to: str | None = None) -> None:
    """Have a report come to the return path of our last mail, or to another address."""
    address = office.relay.mails[-1].mail_from if to is None else to
    office.world.arrives(raw, to=[address], at=office.world.clock.now + timedelta(minutes=1))


def reports(office: PostOffice) -> Sequence[DeliveryReport]:
    with office.world.runtime.database.read() as session:
        return session.scalars(sa.select(DeliveryReport).order_by(DeliveryReport.id)).all()


def suppressed(world: World) -> list[str]:
    with world.runtime.database.read() as session:
        return [one.address for one in list_suppressed(session)]


def count(world: World, what: type[Ticket | Suppression]) -> int:
    with world.runtime.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(what)) or 0


def test_a_bounce_finds_its_mail_by_the_return_path_alone(office: PostOffice) -> None:
    message_id = office.reply(then_state=State.RESOLVED)
    office.work()
    comes(office, dsn(block()))
    (report,) = reports(office)
    assert (report.message_id, report.recipient) == (message_id, EKONOM)
    assert (report.kind, report.status) == (ReportKind.FAILED, "5.1.1")
    assert report.detail == "550 5.1.1 No such user"
    assert report.report_id is not None
    assert office.message(report.report_id).automatic is Automatic.BOUNCE
    assert office.message(report.report_id).ticket_id == office.ticket_id
    assert office.mail().state is OutboxState.FAILED
    assert "No such user" in (office.mail().problem or "")
    ticket = office.ticket()
    assert (ticket.state, ticket.is_answered) == (State.OPEN, False)


def test_a_bounce_finds_its_mail_by_our_message_id(office: PostOffice) -> None:
    message_id = office.reply()
    office.work()
    known = office.message(message_id).rfc_message_id or ""
    comes(office, dsn(block(), message_id=known), to="business@example.com")
    assert [one.message_id for one in reports(office)] == [message_id]
    assert office.mail().state is OutboxState.FAILED


@pytest.mark.parametrize(
    ("raw", "to"),
    [
        pytest.param(dsn(block()), "business@example.com", id="no signature at all"),
        pytest.param(
            dsn(block()), "business+b1.aaaaaaaaaaaaaaaa@example.com", id="a forged return path"
        ),
        pytest.param(
            dsn(block(), message_id="<t1.aaaaaaaa.aaaaaaaaaaaaaaaa@example.com>"),
            "business@example.com",
            id="a forged Message-ID",
        ),
        pytest.param(dsn(block("nobody@else.example")), None, id="nobody whom we wrote to"),
    ],
)
def test_a_bounce_without_our_signature_or_our_recipient_changes_nothing(
    office: PostOffice, raw: bytes, to: str | None
) -> None:
    office.reply(then_state=State.RESOLVED)
    office.work()
    before = office.ticket()
    comes(office, raw, to=to)
    assert reports(office) == []
    assert office.mail().state is OutboxState.SENT
    assert (office.ticket().state, office.ticket().version) == (State.RESOLVED, before.version)
    assert count(office.world, Suppression) == 0


def test_a_report_about_nothing_of_ours_waits_in_quarantine_until_a_person_lets_it_through(
    office: PostOffice,
) -> None:
    world, before = office.world, count(office.world, Ticket)
    for number in range(3):
        comes(office, dsn(block(f"nobody{number}@else.example")), to="business@example.com")
    assert count(world, Ticket) == before
    with world.runtime.database.read() as session:
        waiting = list_quarantined(session)
    assert [one.alike for one in waiting] == [3, 3, 3]
    jana = viewer_of(world.runtime, world.cast.jana)
    replay_receipt(world.runtime, jana, waiting[0].id, alike=True)
    world.route()
    assert count(world, Ticket) == before + 3


@pytest.mark.parametrize(
    ("answer", "is_suppressed"),
    [
        ("550 5.1.1 no such person", True),
        ("550 5.7.1 relaying denied", False),
        ("550 5.1.8 bad sender", False),
        ("550 no reason at all", False),
        ("552 5.2.2 mailbox full", False),  # the first time
    ],
)
def test_an_address_that_our_relay_refuses_for_good_is_suppressed_like_one_that_bounced(
    office: PostOffice, answer: str, is_suppressed: bool
) -> None:
    office.reply(cc=[AUDITOR])
    office.relay.refuse(AUDITOR, answer)
    office.work()
    office.reply()
    office.relay.answer("RCPT", answer)
    office.work(after_seconds=60)
    assert suppressed(office.world) == ([EKONOM, AUDITOR] if is_suppressed else [])


def test_a_mailbox_that_our_relay_calls_full_again_and_again_is_suppressed(
    office: PostOffice,
) -> None:
    for number in range(office.world.runtime.settings.suppress_after_failures):
        assert suppressed(office.world) == []
        office.reply(cc=[AUDITOR])
        office.relay.refuse(AUDITOR, "552 5.2.2 mailbox full")
        office.work(after_seconds=60 * number)
    assert suppressed(office.world) == [AUDITOR]


def test_a_mail_with_two_recipients_fails_only_when_nobody_got_it(office: PostOffice) -> None:
    office.reply(cc=[AUDITOR])
    office.work()
    comes(office, dsn(block(AUDITOR)))
    assert office.mail().state is OutboxState.SENT
    assert not office.ticket().is_answered
    comes(office, dsn(block(EKONOM)))
    assert office.mail().state is OutboxState.FAILED


def test_a_second_bounce_of_the_same_mail_brings_the_ticket_back_no_more(
    office: PostOffice,
) -> None:
    office.reply()
    office.work()
    comes(office, dsn(block()))
    office.reply("Zkusím to jinam.", to=[AUDITOR])
    office.work()
    version = office.ticket().version
    first = office.relay.mails[0].mail_from
    comes(office, dsn(block(diagnosis="550 5.1.1 Still no such user")), to=first)
    assert len(reports(office)) == 2
    assert office.ticket().version == version


def test_a_mail_that_was_sent_again_may_fail_again(office: PostOffice) -> None:
    message_id = office.reply()
    office.work()
    comes(office, dsn(block()))
    jana = viewer_of(office.world.runtime, office.world.cast.jana)
    send_again(office.world.runtime, jana, office.ticket_id, message_id)
    office.work(after_seconds=60)
    assert office.mail().state is OutboxState.SENT
    comes(office, dsn(block(diagnosis="550 5.1.1 Again")))
    assert office.mail().state is OutboxState.FAILED
    told = [kind for kind, _ in events_of(office.world.runtime, office.ticket_id)]
    assert told.count(EventKind.SEND_FAILED) == 2


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (dsn(block(action="delayed", status="4.4.1")), ReportKind.DELAYED),
        (dsn(block(action="delivered", status="2.0.0")), ReportKind.DELIVERED),
        (
            multipart(
                "report",
                "Content-Type: text/plain\n\nRead.",
                "Content-Type: message/disposition-notification\n\n"
                f"Final-Recipient: rfc822;{EKONOM}\n"
                "Disposition: manual-action/MDN-sent-manually; displayed\n",
                base=f"From: {EKONOM}\nTo: business@example.com\n",
            ),
            ReportKind.READ,
        ),
    ],
)
def test_what_is_no_failure_is_noted_and_changes_nothing(
    office: PostOffice, raw: bytes, kind: ReportKind
) -> None:
    office.reply(then_state=State.RESOLVED)
    office.work()
    comes(office, raw)
    assert [one.kind for one in reports(office)] == [kind]
    assert office.mail().state is OutboxState.SENT
    assert (office.ticket().state, office.ticket().is_answered) == (State.RESOLVED, True)
    assert count(office.world, Suppression) == 0
    assert count(office.world, Ticket) == 1


def test_the_same_report_twice_counts_once(office: PostOffice) -> None:
    office.reply()
    office.work()
    raw = dsn(block())
    comes(office, raw)
    comes(office, raw + b"\r\n")
    comes(office, raw)
    assert len({one.report_id for one in reports(office)}) == len(reports(office))
    told = [kind for kind, _ in events_of(office.world.runtime, office.ticket_id)]
    assert told.count(EventKind.SEND_FAILED) == 1


def test_an_address_that_does_not_exist_gets_no_automatic_mail_any_more(
    office: PostOffice,
) -> None:
    office.reply()
    office.work()
    comes(office, dsn(block()))
    assert suppressed(office.world) == [EKONOM]
    office.world.arrives(mail(EKONOM), at=office.world.clock.now)
    assert count(office.world, Ticket) == 2
    assert acknowledgements(office.world) == 0


def test_another_failure_suppresses_only_after_several_within_a_month(office: PostOffice) -> None:
    for number in range(1, 4):
        office.reply()
        office.work(after_seconds=60)
        comes(office, dsn(block(status="5.2.2", diagnosis=f"552 5.2.2 Full {number}")))
        assert suppressed(office.world) == ([EKONOM] if number == 3 else [])


def test_failures_of_long_ago_do_not_count(office: PostOffice) -> None:
    for number in range(1, 4):
        office.reply()
        office.work(after_seconds=60)
        comes(office, dsn(block(status="5.2.2", diagnosis=f"552 5.2.2 Full {number}")))
        office.world.clock.now += timedelta(days=20)
    assert suppressed(office.world) == []


def test_a_complaint_suppresses_at_once_and_reopens_nothing(office: PostOffice) -> None:
    office.reply(then_state=State.RESOLVED)
    office.work()
    raw = multipart(
        "report",
        "Content-Type: text/plain\n\nThis is an abuse report.",
        "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
        f"Original-Rcpt-To: {EKONOM}\n",
        base="From: staff@provider.example\nTo: business@example.com\n",
    )
    comes(office, raw)
    assert suppressed(office.world) == [EKONOM]
    assert office.ticket().state is State.RESOLVED


def test_lifting_lets_machines_write_again_and_counts_anew(office: PostOffice) -> None:
    world = office.world
    office.reply()
    office.work()
    comes(office, dsn(block()))
    with world.runtime.database.read() as session:
        (entry,) = list_suppressed(session)
    with pytest.raises(NotAllowed):
        lift_suppression(world.runtime, viewer_of(world.runtime, world.cast.tomas), entry.id)
    jana = viewer_of(world.runtime, world.cast.jana)
    assert lift_suppression(world.runtime, jana, entry.id) == EKONOM
    with pytest.raises(Conflict):
        lift_suppression(world.runtime, jana, entry.id)
    assert suppressed(world) == []
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(AuditEntry.action)).all()[-1] == "suppression_lifted"
    world.arrives(mail(EKONOM), at=world.clock.now)
    assert acknowledgements(world) == 1
    office.reply()
    office.work(after_seconds=60)
    comes(office, dsn(block(status="5.2.2")))
    assert suppressed(world) == []
    office.reply()
    office.work(after_seconds=60)
    comes(office, dsn(block(diagnosis="550 5.1.1 He left")))
    assert suppressed(world) == [EKONOM]


def test_automatic_mail_has_no_return_path(office: PostOffice) -> None:
    office.world.arrives(mail(EKONOM), at=office.world.clock.now)
    office.work()
    assert office.relay.mails[-1].mail_from == ""


def acknowledgements(world: World) -> int:
    """Count the automatic answers to mails."""
    with world.runtime.database.read() as session:
        return (
            session.scalar(
                sa.select(sa.func.count())
                .select_from(Message)
                .where(Message.automatic == Automatic.REPLY)
            )
            or 0
        )


def test_a_storm_of_bounces_does_not_fill_the_ticket_that_they_are_about(
    database: Database, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    world = make_world(
        database,
        tmp_path,
        smtp_host="localhost",
        smtp_port=smtp_receiver.port,
        automatic_per_sender_an_hour=3,
    )
    office = open_post_office(world, smtp_receiver)
    office.reply()
    office.work()
    for number in range(8):
        comes(office, dsn(block(diagnosis=f"550 5.1.1 No such user {number}")))
    assert len(reports(office)) == 3
    with world.runtime.database.read() as session:
        waiting = list_quarantined(session)
    assert waiting[0].alike == 5
    assert str(office.ticket_id) in (waiting[0].problem or "")
