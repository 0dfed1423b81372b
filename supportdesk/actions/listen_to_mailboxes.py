"""Which mailboxes a process listens to: each is listened to by one process at a time.

Two would do no harm, for all that listening leads to is a poll; they would only cost connections.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.mailbox_account import account_of
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap_connection import Account
from supportdesk.db.models import Mailbox
from supportdesk.db.queries.mailboxes import IS_POLLED

LEASE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Heard:
    """A mailbox to listen to; `mark` is another one once its account was changed."""

    id: int
    mark: tuple[Any, ...]


def take_mailboxes(runtime: Runtime, listener: str) -> list[Heard]:
    """Take, or keep, the mailboxes that `listener` listens to, and give all that are its own now.

    Only those are taken that were read the last time and whose server tells of news: polling finds
    out, and it waits longer after each failure. What is not taken again within a minute is free.
    """
    now = runtime.clock()
    soon = now + timedelta(seconds=LEASE_SECONDS / 2)
    with runtime.database.read() as session:
        free = [row for row in _candidates(session) if _is_free(row, listener, now)]
    expiring = [row.id for row in free if row.listener != listener or row.listened_until < soon]
    lost = set(expiring) - _take(runtime, listener, expiring, now) if expiring else set()
    return [_heard(row) for row in free if row.id not in lost]


def leave_mailboxes(runtime: Runtime, listener: str) -> None:
    """Let others listen to what `listener` listened to."""
    with runtime.database.write() as session:
        session.execute(
            sa.update(Mailbox)
            .where(Mailbox.listener == listener)
            .values(listener=None, listened_until=None)
        )


def account_to_hear(runtime: Runtime, mailbox_id: int) -> Account:
    """Give the account with which to listen to a mailbox; only polling renews its access token.

    Raises:
        NotFound: it is not polled any more.
        SettingsError: its password was sealed with another secret key.
    """
    with runtime.database.read() as session:
        return account_of(runtime, session, mailbox_id)


def _candidates(session: Session) -> list[Any]:
    return list(
        session.execute(
            sa.select(
                Mailbox.id,
                Mailbox.listener,
                Mailbox.listened_until,
                Mailbox.imap_host,
                Mailbox.imap_port,
                Mailbox.imap_security,
                Mailbox.imap_username,
                Mailbox.imap_password,
                Mailbox.imap_folder,
            ).where(IS_POLLED, Mailbox.tells_news, Mailbox.failing_since.is_(None))
        )
    )


def _is_free(row: Any, listener: str, now: datetime) -> bool:
    return row.listener == listener or row.listened_until is None or row.listened_until <= now


def _heard(row: Any) -> Heard:
    _id, _listener, _until, *account = row
    return Heard(row.id, tuple(account))


def _take(runtime: Runtime, listener: str, ids: list[int], now: datetime) -> set[int]:
    with runtime.database.write() as session:
        return set(
            session.scalars(
                sa.update(Mailbox)
                .where(Mailbox.id.in_(ids))
                .where(
                    sa.or_(
                        Mailbox.listener == listener,
                        Mailbox.listened_until.is_(None),
                        Mailbox.listened_until <= now,
                    )
                )
                .values(listener=listener, listened_until=now + timedelta(seconds=LEASE_SECONDS))
                .returning(Mailbox.id)
            )
        )
