"""Putting mails into the outbox, in the transaction that decides to send them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from supportdesk.actions.keys import THREADS, key_for
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email import tokens
from supportdesk.channels.email.compose import is_identifier
from supportdesk.db.bulk import insert_returning_ids
from supportdesk.db.models import Author, OutboxMail
from supportdesk.db.search_index import insert_messages
from supportdesk.db.work import Kind, enqueue_many
from supportdesk.messages import Automatic, Channel


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail of ours; recipients are final and normalised.

    `agent_id` None means that the service itself writes: an automatic answer.
    """

    ticket_id: int
    mailbox_id: int
    mailbox_address: str
    sender_name: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    cc: tuple[str, ...] = ()
    agent_id: int | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()


def queue_mails(
    session: Session, runtime: Runtime, mails: Sequence[Outgoing], *, now: datetime
) -> list[int]:
    """Store mails, each with its Message-ID, and the work to send them; give the message ids."""
    key = key_for(runtime.secret_key, THREADS)
    messages = insert_messages(session, [_message_row(mail, key, now) for mail in mails])
    outbox = insert_returning_ids(
        session,
        OutboxMail,
        [
            {
                "message_id": message_id,
                "envelope_from": mail.mailbox_address if mail.agent_id else "",
                "recipients": list(dict.fromkeys([*mail.to, *mail.cc])),
                "queued_at": now,
            }
            for mail, message_id in zip(mails, messages, strict=True)
        ],
    )
    enqueue_many(
        session,
        Kind.SEND,
        [{"outbox_id": outbox_id} for outbox_id in outbox],
        now=now,
        max_attempts=runtime.settings.send_attempts,
    )
    return messages


def _message_row(mail: Outgoing, key: bytes, now: datetime) -> dict[str, Any]:
    domain = mail.mailbox_address.rpartition("@")[2]
    return {
        "ticket_id": mail.ticket_id,
        "author": Author.AGENT if mail.agent_id else Author.SYSTEM,
        "channel": Channel.EMAIL,
        "agent_id": mail.agent_id,
        "mailbox_id": mail.mailbox_id,
        "created_at": now,
        "sender_name": mail.sender_name,
        "sender_address": mail.mailbox_address,
        "recipients": list(mail.to),
        "cc": list(mail.cc),
        "subject": mail.subject,
        "text": mail.text,
        "reply_text": mail.text,
        "html": mail.html,
        "rfc_message_id": tokens.message_id(mail.ticket_id, key, domain, secrets.token_hex(8)),
        # What a customer's program wrote there may be nothing that a header can carry.
        "in_reply_to": mail.in_reply_to if is_identifier(mail.in_reply_to or "") else None,
        "references": [one for one in mail.references if is_identifier(one)],
        "automatic": Automatic.NO if mail.agent_id else Automatic.REPLY,
    }
