"""Our own addresses and mailboxes."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Mailbox
from supportdesk.db.queries.prepared import AnySelect, fetch


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox with how its polling goes; the password stays where it is."""

    id: int
    address: str
    name: str
    topic: str | None
    is_active: bool
    imap_host: str | None
    imap_port: int
    imap_security: str
    imap_username: str
    imap_folder: str
    has_password: bool
    last_success_at: datetime | None
    last_error: str | None


def our_addresses(session: Session) -> frozenset[str]:
    """Give every address of ours, normalised."""
    return frozenset(row.address for row in fetch(session, _addresses()))


@cache
def _addresses() -> AnySelect:
    return sa.select(Mailbox.address)


def list_mailboxes(session: Session) -> list[MailboxRow]:
    """Give all mailboxes by address."""
    return [MailboxRow(*row) for row in session.execute(_rows().order_by(Mailbox.address))]


def find_mailbox(session: Session, mailbox_id: int) -> MailboxRow | None:
    """Give one mailbox, None when there is no such."""
    row = session.execute(_rows().where(Mailbox.id == mailbox_id)).one_or_none()
    return MailboxRow(*row) if row else None


def _rows() -> AnySelect:
    return sa.select(
        Mailbox.id,
        Mailbox.address,
        Mailbox.name,
        Mailbox.topic,
        Mailbox.is_active,
        Mailbox.imap_host,
        Mailbox.imap_port,
        Mailbox.imap_security,
        Mailbox.imap_username,
        Mailbox.imap_folder,
        (Mailbox.imap_password != "").label("has_password"),
        Mailbox.last_success_at,
        Mailbox.last_error,
    )
