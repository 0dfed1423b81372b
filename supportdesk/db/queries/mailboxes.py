"""Our own addresses and mailboxes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Mailbox, MailboxGrant
from supportdesk.db.queries.prepared import AnySelect, fetch

IS_POLLED = sa.and_(Mailbox.is_active, Mailbox.imap_host.is_not(None))


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox with how its polling goes; the secrets stay where they are.

    Without OAuth 2 the last three are None.
    """

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
    failing_since: datetime | None
    next_try_at: datetime | None
    rescanned_at: datetime | None
    listened_until: datetime | None
    reconciled_at: datetime | None
    missing_count: int
    token_url: str | None
    client_id: str | None
    has_refresh_token: bool | None

    def is_heard(self, now: datetime) -> bool:
        """Tell whether somebody listens to what the server tells of new mail."""
        return self.listened_until is not None and self.listened_until > now


@dataclass(frozen=True, slots=True)
class DueMailbox:
    """A mailbox to poll; `is_failing` when the last attempt failed."""

    id: int
    is_failing: bool


@dataclass(frozen=True, slots=True)
class SilentMailbox:
    """A polled mailbox that could not be read for a while; None for a success means never."""

    id: int
    address: str
    last_success_at: datetime | None
    last_error: str | None


def our_addresses(session: Session) -> frozenset[str]:
    """Give every address of ours, normalised."""
    return frozenset(row.address for row in fetch(session, _addresses()))


@cache
def _addresses() -> AnySelect:
    return sa.select(Mailbox.address)


def due_mailboxes(session: Session, *, now: datetime) -> list[DueMailbox]:
    """Give the mailboxes to poll now: those that are in use, have a host, and wait for no retry."""
    rows = session.execute(
        sa.select(Mailbox.id, Mailbox.failing_since.is_not(None))
        .where(IS_POLLED)
        .where(sa.or_(Mailbox.next_try_at.is_(None), Mailbox.next_try_at <= now))
        .order_by(Mailbox.id)
    )
    return [DueMailbox(*row) for row in rows]


def silent_mailboxes(session: Session, *, now: datetime, minutes: int) -> list[SilentMailbox]:
    """Give the polled mailboxes without a success for so many minutes, by address.

    For one that never succeeded, or was changed since, they count from when it was set up.
    """
    limit = now - timedelta(minutes=minutes)
    rows = session.execute(
        sa.select(Mailbox.id, Mailbox.address, Mailbox.last_success_at, Mailbox.last_error)
        .where(IS_POLLED)
        .where(sa.or_(Mailbox.last_success_at.is_(None), Mailbox.last_success_at <= limit))
        .where(sa.or_(Mailbox.polled_since.is_(None), Mailbox.polled_since <= limit))
        .order_by(Mailbox.address)
    )
    return [SilentMailbox(*row) for row in rows]


def mailboxes_with_gaps(session: Session) -> list[MailboxRow]:
    """Give the polled mailboxes that held mails without a receipt when last compared."""
    rows = session.execute(
        _rows().where(IS_POLLED, Mailbox.missing_count > 0).order_by(Mailbox.address)
    )
    return [MailboxRow(*row) for row in rows]


def polled_mailboxes(session: Session) -> list[MailboxRow]:
    """Give the mailboxes that are polled, by address."""
    rows = session.execute(_rows().where(IS_POLLED).order_by(Mailbox.address))
    return [MailboxRow(*row) for row in rows]


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
        Mailbox.failing_since,
        Mailbox.next_try_at,
        Mailbox.rescanned_at,
        Mailbox.listened_until,
        Mailbox.reconciled_at,
        Mailbox.missing_count,
        MailboxGrant.token_url,
        MailboxGrant.client_id,
        (MailboxGrant.refresh_token != "").label("has_refresh_token"),
    ).outerjoin(MailboxGrant, MailboxGrant.mailbox_id == Mailbox.id)
