"""Mail on its way: our mailboxes, what was received, and what waits to be sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from supportdesk.db.base import Base, Id
from supportdesk.db.types import enum_text
from supportdesk.messages import Channel, ReportKind


class Mailbox(Base):
    """One of our addresses. Without an IMAP host its mail comes through the door only.

    `topic` is the topic that writing to this address tells (technical, business), None for none.
    `imap_password` is sealed with the service's secret key. `polled_since` is when polling was set
    up, None when that was before anybody noted it; `failures` counts those in a row, and before
    `next_try_at` there is no further attempt. `listener` names the process that holds a connection
    on which the server tells of news, and lets go of it unless it says so again before
    `listened_until`. `rescanned_at` is when a new UIDVALIDITY was last found.
    `reconciled_at` is when the mails there were last compared with our receipts, None when they
    are to be soon; `missing_count` of those that we passed had none, from `first_missing_uid` on.
    """

    __tablename__ = "mailbox"

    id: Mapped[Id]
    address: Mapped[str] = mapped_column(unique=True)  # normalised
    name: Mapped[str]
    topic: Mapped[str | None] = mapped_column(sa.String(20))
    is_active: Mapped[bool] = mapped_column(default=True)

    imap_host: Mapped[str | None]
    imap_port: Mapped[int] = mapped_column(default=993)
    imap_security: Mapped[Literal["none", "starttls", "tls"]] = mapped_column(
        sa.String(10), default="tls"
    )
    imap_username: Mapped[str] = mapped_column(default="")
    imap_password: Mapped[str] = mapped_column(default="")
    imap_folder: Mapped[str] = mapped_column(default="INBOX")
    uidvalidity: Mapped[int | None]
    last_uid: Mapped[int] = mapped_column(default=0)
    polled_since: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    rescanned_at: Mapped[datetime | None]
    tells_news: Mapped[bool] = mapped_column(default=False)
    listener: Mapped[str | None] = mapped_column(sa.String(40))
    listened_until: Mapped[datetime | None]
    reconciled_at: Mapped[datetime | None]
    missing_count: Mapped[int] = mapped_column(default=0, server_default="0")
    first_missing_uid: Mapped[int | None]


class MailboxGrant(Base):
    """What a mailbox is polled with in place of a password: OAuth 2 tokens, all secrets sealed.

    `access_until` is when the access token ends, None before there was one. Before `renewing_until`
    somebody is getting a new one, and nobody else may.
    """

    __tablename__ = "mailbox_grant"

    mailbox_id: Mapped[int] = mapped_column(sa.ForeignKey("mailbox.id"), primary_key=True)
    token_url: Mapped[str]
    client_id: Mapped[str]
    client_secret: Mapped[str] = mapped_column(default="")
    refresh_token: Mapped[str] = mapped_column(default="")
    access_token: Mapped[str] = mapped_column(default="")
    access_until: Mapped[datetime | None]
    renewing_until: Mapped[datetime | None]


class ReceiptState(StrEnum):
    """What became of a received request."""

    RECEIVED = "received"
    PROCESSED = "processed"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


class Receipt(Base):
    """Proof that a request reached us, stored before it is understood.

    `external_id` is unique within its channel: mailbox + UIDVALIDITY + UID, mailbox + SHA-256 of
    the raw bytes, CallSid, and so on. `envelope` holds what the transport said: sender, recipients.
    `is_duplicate` when the message was there before, from another mailbox or the same one.
    Of a mail that `is_truncated` only the header was fetched.
    """

    __tablename__ = "receipt"
    __table_args__ = (
        sa.UniqueConstraint("channel", "external_id"),
        sa.Index(
            "ix_receipt_unfinished",
            "state",
            "id",
            postgresql_where=sa.text("state IN ('received', 'quarantined')"),
            sqlite_where=sa.text("state IN ('received', 'quarantined')"),
        ),
        sa.Index(
            "ix_receipt_ledger", "channel", "mailbox_id", "state", "is_duplicate", "received_at"
        ),
    )

    id: Mapped[Id]
    channel: Mapped[Channel] = mapped_column(enum_text(Channel))
    external_id: Mapped[str] = mapped_column(sa.String(300))
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id"))
    received_at: Mapped[datetime]
    stored_at: Mapped[datetime]
    blob_key: Mapped[str] = mapped_column(sa.String(64))
    size_bytes: Mapped[int]
    is_truncated: Mapped[bool] = mapped_column(default=False)
    envelope: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[ReceiptState] = mapped_column(
        enum_text(ReceiptState), default=ReceiptState.RECEIVED
    )
    problem: Mapped[str | None]
    message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"), index=True)
    is_duplicate: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


class OutboxState(StrEnum):
    """How far an outgoing mail got. `sending` seen after a crash means: may have been delivered."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class OutboxMail(Base):
    """A mail to send: recipients frozen and Message-ID fixed before the first attempt.

    What it says is the message it belongs to; the bytes are composed from that when it is sent.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index(
            "ix_outbox_unsent",
            "state",
            "queued_at",
            postgresql_where=sa.text("state IN ('queued', 'sending', 'failed')"),
            sqlite_where=sa.text("state IN ('queued', 'sending', 'failed')"),
        ),
    )

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    envelope_from: Mapped[str]
    recipients: Mapped[list[str]]
    state: Mapped[OutboxState] = mapped_column(enum_text(OutboxState), default=OutboxState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime]
    send_started_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    problem: Mapped[str | None]


class DeliveryReport(Base):
    """What another server, or the recipient, reported of one recipient of a mail of ours.

    `report_id` is the mail that told it; it is shown with the mail that it is about. None when our
    own relay told it while the mail was handed over.
    """

    __tablename__ = "delivery_report"
    __table_args__ = (sa.Index("ix_delivery_report_recipient", "recipient", "at"),)

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    report_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"), index=True)
    recipient: Mapped[str]  # normalised
    kind: Mapped[ReportKind] = mapped_column(enum_text(ReportKind))
    status: Mapped[str | None] = mapped_column(sa.String(12))
    detail: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


class Suppression(Base):
    """An address that gets no automatic mail any more; people may still write to it.

    A lifted one stays as the place from which failures are counted anew.
    """

    __tablename__ = "suppression"

    id: Mapped[Id]
    address: Mapped[str] = mapped_column(unique=True)  # normalised
    kind: Mapped[ReportKind] = mapped_column(enum_text(ReportKind))  # failed or complaint
    detail: Mapped[str] = mapped_column(default="")
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"))
    since: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
