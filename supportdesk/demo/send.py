"""Sending the demo's fresh mails through the door of the running service, and watching them routed.

It is a customer's side of the world: a mail program that knows nothing of the database until it
looks what became of its mails.
"""

import secrets
import smtplib
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Contact, Message, StoredDecision, Ticket
from supportdesk.db.queries.service import load_calendar
from supportdesk.demo.days import Days
from supportdesk.demo.mails import Draft, write
from supportdesk.demo.staff import address_of
from supportdesk.demo.story import text_of
from supportdesk.errors import ChannelError
from supportdesk.settings import Settings

MAILBOX = "business@severohora.example"
WATCH_SECONDS = 15.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Fresh:
    """A mail to send; `rule_when_open` and `rule_when_closed` say what will decide it."""

    what: str
    rule_when_open: str
    rule_when_closed: str
    sender: str
    subject: str
    text: str
    dmarc: str

    def rule(self, *, is_open: bool) -> str:
        """Name the rule that will decide it."""
        return self.rule_when_open if is_open else self.rule_when_closed


@dataclass(frozen=True, slots=True)
class Routed:
    """What a mail became."""

    ticket_id: int
    rule: str
    target: str


def fresh_mails() -> list[Fresh]:
    """Read the mails that can be sent, in their order."""
    return [
        Fresh(
            what=one["what"],
            rule_when_open=one["open"],
            rule_when_closed=one["closed"],
            sender=one["sender"],
            subject=one["subject"],
            text=one["text"],
            dmarc=one.get("dmarc", "pass"),
        )
        for one in tomllib.loads(text_of("fresh.toml"))["mail"]
    ]


def compose(runtime: Runtime, mail: Fresh, message_id: str) -> bytes:
    """Write a mail as it arrives now, from the contact's address on file."""
    with runtime.database.read() as session:
        sender = _sender(session, mail.sender)
    now = runtime.clock()
    days = Days(now)
    return write(
        Draft(
            sender=sender,
            to=(MAILBOX,),
            subject=mail.subject,
            text=days.fill_in(mail.text),
            at=now,
            message_id=message_id,
            dmarc=mail.dmarc,
        )
    )


def send_fresh(
    runtime: Runtime, door: smtplib.SMTP, count: int, say: Callable[[str], None]
) -> None:
    """Send `count` mails through the open door, then tell what each became.

    Raises:
        ChannelError: the door refused a mail.
    """
    mails = _some(fresh_mails(), count)
    sent = [(mail, f"<{secrets.token_hex(12)}@demo.example>") for mail in mails]
    for mail, message_id in sent:
        _hand_over(door, compose(runtime, mail, message_id))
    say(f"Sent {len(sent)} mails to {MAILBOX}; this is what the service made of them:")
    with runtime.database.read() as session:
        is_open = load_calendar(session).is_open(runtime.clock())
    for mail, message_id in sent:
        routed = _watch(runtime, message_id)
        say(f"- {mail.what}: “{mail.subject}”")
        say(f"    {_outcome(mail, routed, runtime, is_open=is_open)}")


def open_door(settings: Settings) -> smtplib.SMTP:
    """Connect to the mail door of the running service.

    Raises:
        ChannelError: it is not open.
    """
    kind = smtplib.LMTP if settings.door_protocol == "lmtp" else smtplib.SMTP
    try:
        door = kind(settings.door_host, settings.door_port)
        door.ehlo_or_helo_if_needed()
    except (OSError, smtplib.SMTPException) as error:
        raise ChannelError(
            "The mail door {host}:{port} is not open;"
            " start `make run` first (or `supportdesk run --demo`) and repeat.",
            permanent=False,
            host=settings.door_host,
            port=settings.door_port,
        ) from error
    return door


def _some(mails: Sequence[Fresh], count: int) -> Iterator[Fresh]:
    """Give `count` mails, from the beginning again when there are fewer."""
    return (mails[number % len(mails)] for number in range(count))


def _sender(session: Session, written: str) -> str:
    if "@" in written:
        return written
    name = session.scalar(sa.select(Contact.name).where(Contact.key == written))
    return f"{name} <{address_of(session, written)}>"


def _hand_over(door: smtplib.SMTP, raw: bytes) -> None:
    try:
        door.sendmail("", [MAILBOX], raw)
    except (OSError, smtplib.SMTPException) as error:
        raise ChannelError(
            "The mail door did not take the mail: {reason}. It has to be the demo region's service;"
            " start it with `make run` on an empty data directory.",
            permanent=True,
            reason=error,
        ) from error


def _watch(runtime: Runtime, message_id: str) -> Routed | None:
    """Wait until a mail is a routed ticket; None when that takes too long."""
    until = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        with runtime.database.read() as session:
            row = session.execute(
                sa.select(Ticket.id, StoredDecision.rule, StoredDecision.target)
                .join(Message, Message.ticket_id == Ticket.id)
                .join(StoredDecision, StoredDecision.message_id == Message.id)
                .where(Message.rfc_message_id == message_id)
            ).one_or_none()
        if row is not None:
            return Routed(row.id, row.rule, row.target)
        time.sleep(_LOOK_SECONDS)
    return None


def _outcome(mail: Fresh, routed: Routed | None, runtime: Runtime, *, is_open: bool) -> str:
    if routed is None:
        return "stored, but not routed so far; is the worker running? Look into the inbox later."
    expected = mail.rule(is_open=is_open)
    surprise = "" if routed.rule == expected else f" (expected was {expected})"
    address = f"{runtime.settings.web_address}/tickets/{routed.ticket_id}"
    return f"ticket {routed.ticket_id}: rule {routed.rule}{surprise} -> {routed.target}, {address}"
