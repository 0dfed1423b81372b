"""The main job, end to end: real mail in by IMAP, the right desk, the answer out and back again."""

import email
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from supportdesk.actions.keys import seal
from supportdesk.actions.passwords import hash_password
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.pool import ParserPool
from supportdesk.db.database import Database
from supportdesk.db.models import Agent, Message, OutboxMail, Ticket
from supportdesk.db.models import Mailbox as OurMailbox
from supportdesk.jobs.schedule import hand_back_if_due, poll_all
from supportdesk.jobs.worker import work_off
from supportdesk.tickets import Desk, State
from supportdesk.web import create_web
from tests.servers.dovecot import PASSWORD, Mailbox
from tests.servers.smtp import ReceivedMail, SmtpReceiver
from tests.world import World, mail, make_world

BUSINESS = "business@example.com"
EKONOM = "Eva Ekonomová <ekonom@kraj.example>"
TECHNIK = "Ivan Technický <technik@kraj.example>"
LOG_IN = "velmi tajné heslo"


class Centre:
    """The service in this process, with the world around it real."""

    def __init__(self, world: World, mailbox: Mailbox, relay: SmtpReceiver, parser: ParserPool):
        self.world = world
        self.mailbox = mailbox
        self.relay = relay
        self.parser = parser

    @property
    def runtime(self) -> Runtime:
        """Give the running service's parts."""
        return self.world.runtime

    def arrives(self, raw: bytes, *, at: datetime) -> Ticket:
        """Have a mail arrive in the mailbox, and do all the work that follows; give its ticket."""
        self.mailbox.append(raw, at=at)
        self.work(at)
        with self.runtime.database.read() as session:
            newest = session.scalars(sa.select(Message).order_by(Message.id.desc())).all()
            received = next(one for one in newest if one.author == "customer")
            return session.get_one(Ticket, received.ticket_id)

    def work(self, at: datetime) -> None:
        """Tick and do all that is due at `at`."""
        self.world.clock.now = at
        poll_all(self.runtime)
        hand_back_if_due(self.runtime)
        work_off(self.runtime, self.parser)

    def sent(self) -> list[EmailMessage]:
        """Give what the relay took, parsed."""
        return [parsed(one) for one in self.relay.mails]


def parsed(received: ReceivedMail) -> EmailMessage:
    """Read a mail as any mail program would."""
    message = email.message_from_bytes(received.raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture
def centre(
    database: Database, tmp_path: Path, mailbox: Mailbox, smtp_receiver: SmtpReceiver
) -> Iterator[Centre]:
    """Make a centre whose business@ mailbox is polled and whose relay is real."""
    world = make_world(
        database,
        tmp_path,
        smtp_host="127.0.0.1",
        smtp_port=smtp_receiver.port,
    )
    account = mailbox.account
    with database.write() as session:
        ours = session.scalars(sa.select(OurMailbox).where(OurMailbox.address == BUSINESS)).one()
        ours.imap_host, ours.imap_port = account.host, account.port
        ours.imap_security, ours.imap_username = account.security, account.username
        ours.imap_password = seal(world.runtime.secret_key, PASSWORD)
        ours.imap_folder = account.folder
        session.get_one(Agent, world.cast.jana.id).password_hash = hash_password(LOG_IN)
    with ParserPool(processes=1) as parser:
        yield Centre(world, mailbox, smtp_receiver, parser)


@pytest.mark.parametrize(
    ("at", "desk"),
    [
        pytest.param(
            datetime(2026, 11, 24, 14, 59, 59, tzinfo=UTC), "customer_centre", id="15:59:59"
        ),
        pytest.param(datetime(2026, 11, 24, 15, 0, 0, tzinfo=UTC), "pool", id="16:00:00"),
        pytest.param(datetime(2026, 11, 17, 10, 0, tzinfo=UTC), "pool", id="public holiday"),
        pytest.param(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "pool", id="DST, first 02:30"),
        pytest.param(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "pool", id="DST, second 02:30"),
        pytest.param(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "pool", id="DST in spring"),
    ],
)
def test_a_mail_reaches_the_right_desk_at_any_minute(
    centre: Centre, at: datetime, desk: str
) -> None:
    ticket = centre.arrives(mail(EKONOM), at=at)
    assert ticket.desk == desk
    assert ticket.owner_id == centre.world.cast.jana.id


def test_a_technical_contact_reaches_tdms_at_night(centre: Centre) -> None:
    night = datetime(2026, 11, 25, 1, 12, tzinfo=UTC)
    ticket = centre.arrives(mail(TECHNIK, "Nejede nám APN."), at=night)
    assert (ticket.desk, ticket.priority) == (Desk.TDMS, 2)


def test_a_stranger_gets_a_ticket_in_triage_and_no_answer(centre: Centre) -> None:
    noon = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    ticket = centre.arrives(mail("kdosi@neznamy.example", dmarc="none"), at=noon)
    assert (ticket.desk, ticket.needs_identification) == (Desk.POOL, True)
    assert centre.relay.mails == []


def test_the_answer_goes_out_threads_and_the_customers_reply_comes_back(centre: Centre) -> None:
    night, morning = (
        datetime(2026, 11, 24, 20, 0, tzinfo=UTC),
        datetime(2026, 11, 25, 7, 0, tzinfo=UTC),
    )
    raw = mail(EKONOM, subject="Vyúčtování za říjen", Message_ID="<prvni@kraj.example>")

    ticket = centre.arrives(raw, at=night)
    assert ticket.desk is Desk.POOL
    (acknowledgement,) = centre.sent()
    assert acknowledgement["Auto-Submitted"] == "auto-replied"
    assert centre.relay.mails[0].mail_from == ""
    assert acknowledgement["In-Reply-To"] == "<prvni@kraj.example>"

    centre.work(morning - timedelta(seconds=1))
    assert stored(centre, ticket.id).desk is Desk.POOL
    centre.work(morning)
    assert stored(centre, ticket.id).desk is Desk.CUSTOMER_CENTRE
    assert stored(centre, ticket.id).handler_id == centre.world.cast.jana.id

    browser = logged_in(centre)
    page = browser.get(f"/tickets/{ticket.id}")
    assert "Vyúčtování za říjen" in page.text
    answered = browser.post(
        f"/tickets/{ticket.id}/reply",
        data=filled(
            page,
            "reply",
            text="Dobrý den, **posílám** kopii.\n\nJana Nováková",
            then_state="waiting_customer",
        ),
    )
    assert answered.status_code in {302, 303}, answered.text
    centre.work(morning + timedelta(minutes=1))
    reply = centre.sent()[-1]
    assert reply["To"] == "ekonom@kraj.example"
    assert reply["In-Reply-To"] == "<prvni@kraj.example>"
    assert "<prvni@kraj.example>" in reply["References"]
    assert reply["Subject"].startswith("Re: Vyúčtování za říjen")
    html = reply.get_body(("html",))
    assert html is not None
    assert "<strong>posílám</strong>" in html.get_content()
    assert stored(centre, ticket.id).state is State.WAITING_CUSTOMER

    back = mail(
        EKONOM,
        "Děkuji, to stačí.",
        subject=str(reply["Subject"]),
        to=str(reply["Reply-To"]),
        In_Reply_To=str(reply["Message-ID"]),
    )
    assert centre.arrives(back, at=morning + timedelta(hours=1)).id == ticket.id
    assert stored(centre, ticket.id).state is State.OPEN


def test_an_out_of_office_answer_changes_nothing(centre: Centre) -> None:
    noon = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    ticket = centre.arrives(mail(EKONOM), at=noon)
    with centre.runtime.database.write() as session:
        session.get_one(Ticket, ticket.id).state = State.WAITING_CUSTOMER
    before, sent = stored(centre, ticket.id), len(centre.relay.mails)
    acknowledgement = centre.sent()[0]
    away = mail(
        EKONOM,
        "Jsem mimo kancelář do pondělí.",
        subject="Automatická odpověď: Dotaz",
        Auto_Submitted="auto-replied",
        In_Reply_To=str(acknowledgement["Message-ID"]),
    )
    assert centre.arrives(away, at=noon + timedelta(hours=9)).id == ticket.id
    after = stored(centre, ticket.id)
    assert (after.state, after.desk, after.handler_id) == (
        before.state,
        before.desk,
        before.handler_id,
    )
    assert len(centre.relay.mails) == sent


def test_the_mailbox_is_left_as_it_was(centre: Centre) -> None:
    noon = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    centre.arrives(mail(EKONOM), at=noon)
    assert all(b"\\Seen" not in flags for flags in centre.mailbox.flags().values())
    centre.work(noon + timedelta(minutes=1))
    with centre.runtime.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1


def test_a_refused_reply_comes_back_before_the_consultants_eyes(centre: Centre) -> None:
    noon = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    ticket = centre.arrives(mail(EKONOM), at=noon)
    centre.relay.refuse("ekonom@kraj.example", "550 5.1.1 no such user")
    browser = logged_in(centre)
    page = browser.get(f"/tickets/{ticket.id}")
    browser.post(
        f"/tickets/{ticket.id}/reply",
        data=filled(page, "reply", text="Dobrý den.", then_state="waiting_customer"),
    )
    centre.work(noon + timedelta(minutes=2))
    assert stored(centre, ticket.id).state is State.OPEN
    assert "no such user" in browser.get(f"/tickets/{ticket.id}").text
    with centre.runtime.database.read() as session:
        failed = session.scalars(sa.select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert failed is not None
        assert failed.state == "failed"


def stored(centre: Centre, ticket_id: int) -> Ticket:
    """Read the ticket as it is now."""
    with centre.runtime.database.read() as session:
        return session.get_one(Ticket, ticket_id)


def logged_in(centre: Centre) -> Client:
    """Log Jana in as her browser would."""
    settings = replace(centre.runtime.settings, public_url="")
    browser = create_web(replace(centre.runtime, settings=settings)).test_client()
    page = browser.get("/log-in")
    answer = browser.post(
        "/log-in",
        data=filled(page, "log-in", username=centre.world.cast.jana.username, password=LOG_IN),
    )
    assert answer.status_code in {302, 303}, answer.text
    return browser


def filled(page: TestResponse, action: str, **values: str) -> dict[str, str]:
    """Fill in the form whose address ends in `action`, with what it holds already."""
    form = next(
        found
        for found in re.findall(r"<form\b.*?</form>", page.text, re.DOTALL)
        if re.search(rf'action="[^"]*{action}"', found)
    )
    held = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
    return {**held, **values}
