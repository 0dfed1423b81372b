"""The mails of ours that a report can be about."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Message, OutboxMail


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail of ours and whom it went to, normalised."""

    outbox_id: int
    message_id: int
    ticket_id: int
    rfc_message_id: str | None
    recipients: frozenset[str]


def find_sent_mails(
    session: Session, outbox_ids: Collection[int], rfc_message_ids: Collection[str]
) -> list[SentMail]:
    """Find mails of ours by their place in the outbox or by their Message-ID."""
    if not outbox_ids and not rfc_message_ids:
        return []
    rows = session.execute(
        sa.select(
            OutboxMail.id,
            OutboxMail.message_id,
            Message.ticket_id,
            Message.rfc_message_id,
            OutboxMail.recipients,
        )
        .join(Message, Message.id == OutboxMail.message_id)
        .where(sa.or_(OutboxMail.id.in_(outbox_ids), Message.rfc_message_id.in_(rfc_message_ids)))
        .order_by(OutboxMail.id)
    )
    return [
        SentMail(
            row.id, row.message_id, row.ticket_id, row.rfc_message_id, frozenset(row.recipients)
        )
        for row in rows
    ]
