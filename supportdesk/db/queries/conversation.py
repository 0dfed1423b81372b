"""The conversation of one ticket: messages with files and deliveries, and what else happened."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from supportdesk.db.models import (
    Agent,
    Author,
    DeliveryReport,
    Event,
    Mailbox,
    Message,
    MessageMailbox,
    OutboxMail,
    OutboxState,
    StoredAttachment,
)
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.messages import Assurance, Automatic, Channel, ReportKind
from supportdesk.tickets import EventKind


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; its address is made of the token."""

    message_id: int
    token: str
    filename: str
    content_type: str
    size_bytes: int
    is_inline: bool
    invitation: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a mail of ours got."""

    state: OutboxState
    attempts: int
    sent_at: datetime | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Reported:
    """What was reported of one recipient of a mail of ours; `report_id` is the mail that said it.

    `words` are those of that mail.
    """

    message_id: int
    report_id: int
    recipient: str
    kind: ReportKind
    status: str | None
    detail: str
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A message or note of the conversation; `reports` tell what became of a mail of ours."""

    id: int
    author: Author
    is_internal: bool
    channel: Channel
    agent: str | None
    agent_id: int | None
    contact_id: int | None
    sender_name: str
    sender_address: str
    recipients: list[str]
    cc: list[str]
    text: str
    reply_text: str
    has_html: bool
    automatic: Automatic
    assurance: Assurance
    created_at: datetime
    files: tuple[File, ...]
    mailboxes: tuple[str, ...]
    delivery: Delivery | None
    reports: tuple[Reported, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to the ticket, for a line in the conversation."""

    id: int
    kind: EventKind
    at: datetime
    agent: str | None
    data: dict[str, Any]


def list_entries(session: Session, ticket_id: int, *, latest: int | None = None) -> list[Entry]:
    """Give the messages and notes of a ticket, oldest first; only the `latest` when given.

    A report about a mail of ours stands with that mail.
    """
    rows = fetch(session, _entries(latest), ticket_id=ticket_id).all()[::-1]
    files: dict[int, list[File]] = defaultdict(list)
    if any(row.has_files for row in rows):
        for row in fetch(session, _files(), ticket_id=ticket_id):
            files[row.message_id].append(File(*row))
    reports: dict[int, list[Reported]] = defaultdict(list)
    if any(row.has_reports for row in rows):
        for row in fetch(session, _reports(), ticket_id=ticket_id):
            reports[row.message_id].append(Reported(*row))
    return [_entry(row, tuple(files[row.id]), tuple(reports[row.id])) for row in rows]


def _entry(row: Any, files: tuple[File, ...], reports: tuple[Reported, ...]) -> Entry:
    *plain, _has_files, _has_reports, mailboxes, state, attempts, sent_at, problem = row
    delivery = Delivery(state, attempts, sent_at, problem) if state is not None else None
    return Entry(*(*plain, files, tuple(sorted((mailboxes or "").split())), delivery, reports))


def list_happenings(session: Session, ticket_id: int, after: datetime) -> list[Happening]:
    """Give what happened to a ticket since `after`, oldest first, messages and notes left out."""
    return [
        Happening(*row) for row in fetch(session, _happenings(), ticket_id=ticket_id, after=after)
    ]


@cache
def _entries(latest: int | None) -> AnySelect:
    """Ask for messages, the mailboxes they came to, and how far our mail got the last time."""
    mailboxes = (
        sa.select(sa.func.aggregate_strings(Mailbox.address.cast(sa.Text), " "))
        .join(MessageMailbox, MessageMailbox.mailbox_id == Mailbox.id)
        .where(MessageMailbox.message_id == Message.id)
        .scalar_subquery()
    )
    later = aliased(OutboxMail)
    last_sending = (
        sa.select(sa.func.max(later.id)).where(later.message_id == Message.id).scalar_subquery()
    )
    return (
        sa.select(
            Message.id,
            Message.author,
            Message.is_internal,
            Message.channel,
            Agent.name.label("agent"),
            Message.agent_id,
            Message.contact_id,
            Message.sender_name,
            Message.sender_address,
            Message.recipients,
            Message.cc,
            Message.text,
            Message.reply_text,
            (Message.html != "").label("has_html"),
            Message.automatic,
            Message.assurance,
            Message.created_at,
            sa.exists().where(StoredAttachment.message_id == Message.id).label("has_files"),
            sa.exists().where(DeliveryReport.message_id == Message.id).label("has_reports"),
            mailboxes,
            OutboxMail.state,
            OutboxMail.attempts,
            OutboxMail.sent_at,
            OutboxMail.problem,
        )
        .outerjoin(Agent, Agent.id == Message.agent_id)
        .outerjoin(OutboxMail, OutboxMail.id == last_sending)
        .where(Message.ticket_id == sa.bindparam("ticket_id"))
        .where(~sa.exists().where(DeliveryReport.report_id == Message.id))
        .order_by(Message.id.desc())
        .limit(latest)
    )


@cache
def _files() -> AnySelect:
    return (
        sa.select(
            StoredAttachment.message_id,
            StoredAttachment.token,
            StoredAttachment.filename,
            StoredAttachment.content_type,
            StoredAttachment.size_bytes,
            StoredAttachment.is_inline,
            StoredAttachment.invitation,
        )
        .join(Message, Message.id == StoredAttachment.message_id)
        .where(Message.ticket_id == sa.bindparam("ticket_id"))
        .order_by(StoredAttachment.id)
    )


@cache
def _reports() -> AnySelect:
    report = aliased(Message)
    return (
        sa.select(
            DeliveryReport.message_id,
            DeliveryReport.report_id,
            DeliveryReport.recipient,
            DeliveryReport.kind,
            DeliveryReport.status,
            DeliveryReport.detail,
            DeliveryReport.at,
            report.text,
        )
        .join(Message, Message.id == DeliveryReport.message_id)
        .join(report, report.id == DeliveryReport.report_id)
        .where(Message.ticket_id == sa.bindparam("ticket_id"))
        .order_by(DeliveryReport.id)
    )


@cache
def _happenings() -> AnySelect:
    told_elsewhere = [
        EventKind.CREATED,
        EventKind.MESSAGE_RECEIVED,
        EventKind.DECIDED,
        EventKind.REPLIED,
        EventKind.ACKNOWLEDGED,
        EventKind.NOTE_ADDED,
        EventKind.SENT,
        EventKind.LINE_PROPOSED,
    ]
    return (
        sa.select(Event.id, Event.kind, Event.at, Agent.name, Event.data)
        .outerjoin(Agent, Agent.id == Event.agent_id)
        .where(Event.ticket_id == sa.bindparam("ticket_id"), Event.at >= sa.bindparam("after"))
        .where(sa.and_(*(Event.kind != kind for kind in told_elsewhere)))
        .order_by(Event.id)
    )
