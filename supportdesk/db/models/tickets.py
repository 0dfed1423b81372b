"""The ticket and all that hangs on it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from supportdesk.db.base import Base, Id
from supportdesk.db.types import enum_text
from supportdesk.messages import Assurance, Automatic, Channel
from supportdesk.routing.facts import TopicKind
from supportdesk.tickets import Desk, State


class Ticket(Base):
    """One request and its life. Its number is its id.

    `owner_id` is the customer's personal consultant whoever works on it; `desk` is where it lies;
    `handler_id` is who works on it now. `preview`, `last_message_at` and `is_answered` repeat the
    newest message so that the list needs no look at messages. `version` grows with every change a
    person makes, for optimistic locking.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        sa.Index("ix_ticket_desk_list", "desk", "is_active", "last_message_at", "id"),
        sa.Index("ix_ticket_owner_list", "owner_id", "is_active", "last_message_at", "id"),
        sa.Index("ix_ticket_handler_list", "handler_id", "is_active", "last_message_at", "id"),
        sa.Index("ix_ticket_list", "is_active", "last_message_at", "id"),
        sa.Index("ix_ticket_organisation_history", "organisation_id", "last_message_at", "id"),
        sa.Index("ix_ticket_contact_history", "contact_id", "last_message_at", "id"),
        sa.Index(
            "ix_ticket_resolved",
            "resolved_at",
            postgresql_where=sa.text("state = 'resolved'"),
            sqlite_where=sa.text("state = 'resolved'"),
        ),
        sa.Index(
            "ix_ticket_triage",
            "desk",
            "is_active",
            "last_message_at",
            "id",
            postgresql_where=sa.text("needs_identification"),
            sqlite_where=sa.text("needs_identification = 1"),
        ),
    )

    id: Mapped[Id]
    subject: Mapped[str]
    preview: Mapped[str] = mapped_column(sa.String(200), default="")
    state: Mapped[State] = mapped_column(enum_text(State), default=State.NEW)
    is_active: Mapped[bool] = mapped_column(
        sa.Computed("state NOT IN ('resolved', 'closed')", persisted=True)
    )
    channel: Mapped[Channel] = mapped_column(enum_text(Channel))
    topic: Mapped[TopicKind] = mapped_column(enum_text(TopicKind), default=TopicKind.UNSPECIFIED)
    is_topic_by_staff: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(sa.SmallInteger, default=3)
    language: Mapped[str] = mapped_column(sa.String(2), default="cs")
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organisation.id"))
    contact_id: Mapped[int | None] = mapped_column(sa.ForeignKey("contact.id"))
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id"))
    desk: Mapped[Desk] = mapped_column(enum_text(Desk))
    needs_identification: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))
    handler_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))
    possibly_about_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    follows_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    created_at: Mapped[datetime]
    last_message_at: Mapped[datetime]
    is_answered: Mapped[bool] = mapped_column(default=False)
    last_staff_message_at: Mapped[datetime | None]
    replying_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))
    replying_until: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class Author(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"


class Message(Base):
    """A message or note in a ticket. `is_internal` is never shown to the customer.

    `rfc_message_id` is "" for mail that came without one, None for what never was a mail; together
    with `content_hash` it is unique, so that one mail is one message however many mailboxes got it.
    """

    __tablename__ = "message"
    __table_args__ = (
        sa.UniqueConstraint("rfc_message_id", "content_hash"),
        sa.Index("ix_message_ticket_id", "ticket_id", "id"),
    )

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    author: Mapped[Author] = mapped_column(enum_text(Author))
    is_internal: Mapped[bool] = mapped_column(default=False)
    channel: Mapped[Channel] = mapped_column(enum_text(Channel))
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))
    contact_id: Mapped[int | None] = mapped_column(sa.ForeignKey("contact.id"))
    mailbox_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mailbox.id"))
    created_at: Mapped[datetime]
    sender_name: Mapped[str] = mapped_column(default="")
    sender_address: Mapped[str] = mapped_column(default="")
    recipients: Mapped[list[str]] = mapped_column(default=list)
    cc: Mapped[list[str]] = mapped_column(default=list)
    subject: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(default="")
    reply_text: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")
    rfc_message_id: Mapped[str | None]
    content_hash: Mapped[str] = mapped_column(sa.String(64), default="")
    in_reply_to: Mapped[str | None]
    references: Mapped[list[str]] = mapped_column(default=list)
    automatic: Mapped[Automatic] = mapped_column(enum_text(Automatic), default=Automatic.NO)
    assurance: Mapped[Assurance] = mapped_column(enum_text(Assurance), default=Assurance.L0)
    sender_checks: Mapped[dict[str, Any]] = mapped_column(default=dict)


class SearchBacklog(Base):
    """One row as long as messages older than `before_id` are not indexed yet, None for all."""

    __tablename__ = "search_backlog"

    id: Mapped[Id]
    before_id: Mapped[int | None]


class MessageMailbox(Base):
    """A mailbox that got this message; one mail to two of ours is one message with two rows."""

    __tablename__ = "message_mailbox"

    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(sa.ForeignKey("mailbox.id"), primary_key=True)


class StoredAttachment(Base):
    """A file of a message. `token` is what its address on the web is made of.

    `invitation` is what a calendar part says: title, start, end, organiser; None for other files.
    """

    __tablename__ = "attachment"

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    token: Mapped[str] = mapped_column(sa.String(43), unique=True)
    filename: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int]
    blob_key: Mapped[str] = mapped_column(sa.String(64))
    content_id: Mapped[str | None]
    is_inline: Mapped[bool] = mapped_column(default=False)
    invitation: Mapped[dict[str, Any] | None]


class StoredDecision(Base):
    """A routing decision as it was made: its facts, its trace, the versions that made it."""

    __tablename__ = "decision"
    __table_args__ = (
        sa.Index(
            "ix_decision_of_tdms",
            "ticket_id",
            postgresql_where=sa.text("target = 'tdms'"),
            sqlite_where=sa.text("target = 'tdms'"),
        ),
    )

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"), index=True)
    decided_at: Mapped[datetime]
    rule: Mapped[str] = mapped_column(sa.String(10))
    target: Mapped[str] = mapped_column(sa.String(20))
    priority: Mapped[int] = mapped_column(sa.SmallInteger)
    facts: Mapped[dict[str, Any]]
    decision: Mapped[dict[str, Any]]
    rules_version: Mapped[str] = mapped_column(sa.String(20))
    kept_for_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))


class LineState(StrEnum):
    """The life of a request line: words propose, staff confirm, authority lets carry out."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    AWAITING_APPROVAL = "awaiting_approval"
    CARRIED_OUT = "carried_out"
    REFUSED = "refused"
    DISMISSED = "dismissed"


class RequestLine(Base):
    """One thing that a ticket asks for."""

    __tablename__ = "request_line"

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    activity: Mapped[str] = mapped_column(sa.String(30))
    object: Mapped[str] = mapped_column(default="")  # a number, a document, a service
    state: Mapped[LineState] = mapped_column(enum_text(LineState), default=LineState.PROPOSED)
    matched_words: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime]


class AuthorityCheck(Base):
    """An answer to "may this contact ask for this?", as given at that moment."""

    __tablename__ = "authority_check"

    id: Mapped[Id]
    request_line_id: Mapped[int] = mapped_column(sa.ForeignKey("request_line.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(sa.ForeignKey("contact.id"))
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organisation.id"))
    activity: Mapped[str] = mapped_column(sa.String(30))
    roles: Mapped[list[str]]
    assurance: Mapped[Assurance] = mapped_column(enum_text(Assurance))
    outcome: Mapped[str] = mapped_column(sa.String(30))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    matrix_version: Mapped[str] = mapped_column(sa.String(20))
    checked_at: Mapped[datetime]
    checked_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))
    overridden_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))
    override_reason: Mapped[str | None]


class HandOver(Base):
    """Work that somebody else did for the consultant, to be acknowledged from `due_at` on."""

    __tablename__ = "hand_over"
    __table_args__ = (
        sa.Index(
            "ix_hand_over_open",
            "due_at",
            "id",
            postgresql_where=sa.text("acknowledged_at IS NULL"),
            sqlite_where=sa.text("acknowledged_at IS NULL"),
        ),
        sa.Index(
            "uq_hand_over_one_open",
            "ticket_id",
            unique=True,
            postgresql_where=sa.text("acknowledged_at IS NULL"),
            sqlite_where=sa.text("acknowledged_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id"), index=True)
    from_desk: Mapped[Desk] = mapped_column(enum_text(Desk))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    handed_back_at: Mapped[datetime | None]
    recipient_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"), index=True)
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))


class DeadlineKind(StrEnum):
    """What must have happened by a deadline."""

    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"
    STATUTORY = "statutory"


class Deadline(Base):
    """An instant by which something is due; `met_at` None while it is not done."""

    __tablename__ = "deadline"
    __table_args__ = (sa.UniqueConstraint("ticket_id", "kind"),)

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    kind: Mapped[DeadlineKind] = mapped_column(enum_text(DeadlineKind))
    starts_at: Mapped[datetime]
    due_at: Mapped[datetime]
    met_at: Mapped[datetime | None]


class Event(Base):
    """Something that happened to a ticket: its history, and the news for live pages."""

    __tablename__ = "event"
    __table_args__ = (
        sa.Index("ix_event_ticket_id", "ticket_id", "id"),
        sa.Index(
            "ix_event_escalated",
            "ticket_id",
            postgresql_where=sa.text("kind = 'escalated'"),
            sqlite_where=sa.text("kind = 'escalated'"),
        ),
    )

    id: Mapped[Id]
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    kind: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime]
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
