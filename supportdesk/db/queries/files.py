"""Attachments and HTML bodies, found only through a ticket that the viewer may see."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Message, StoredAttachment, Ticket
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.queries.visibility import visible_tickets


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where an attachment's content is, and what it says of itself."""

    filename: str
    content_type: str
    size_bytes: int
    blob_key: str


@dataclass(frozen=True, slots=True)
class HtmlBody:
    """A message's HTML and the tokens of the pictures it may show, by content id."""

    html: str
    pictures: dict[str, str]


def find_file(session: Session, viewer: Viewer, token: str) -> StoredFile | None:
    """Give the attachment of this token, None when the viewer may not see its ticket."""
    row = session.execute(
        sa.select(
            StoredAttachment.filename,
            StoredAttachment.content_type,
            StoredAttachment.size_bytes,
            StoredAttachment.blob_key,
        )
        .join(Message, Message.id == StoredAttachment.message_id)
        .join(Ticket, Ticket.id == Message.ticket_id)
        .where(StoredAttachment.token == token, visible_tickets(viewer))
    ).one_or_none()
    return StoredFile(*row) if row else None


def find_html(session: Session, viewer: Viewer, message_id: int) -> HtmlBody | None:
    """Give the HTML of a message, None when it has none or the viewer may not see its ticket."""
    html = session.scalar(
        sa.select(Message.html)
        .join(Ticket, Ticket.id == Message.ticket_id)
        .where(Message.id == message_id, Message.html != "", visible_tickets(viewer))
    )
    if html is None:
        return None
    pictures = session.execute(
        sa.select(StoredAttachment.content_id, StoredAttachment.token).where(
            StoredAttachment.message_id == message_id, StoredAttachment.content_id.is_not(None)
        )
    )
    return HtmlBody(html, {row.content_id or "": row.token for row in pictures})
