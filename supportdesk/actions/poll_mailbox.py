"""Fetch what is new in a polled mailbox and keep it, mail by mail."""

import logging
import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.ask_for_work import ask_for_work
from supportdesk.actions.mailbox_account import usable_account
from supportdesk.actions.receive_mail import Fetched, imap_identity, receive_fetched
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap import Cursor, FetchedMail, Polled, poll
from supportdesk.channels.email.imap_connection import Account, LogInRefused
from supportdesk.db.models import Mailbox, Receipt
from supportdesk.db.queries.mailboxes import DueMailbox, due_mailboxes
from supportdesk.db.work import Kind
from supportdesk.errors import ChannelError, SettingsError, write_down
from supportdesk.messages import Channel

log = logging.getLogger(__name__)

_AT_ONCE = 500
_LONGEST_WAIT_SECONDS = 600


def poll_mailbox(runtime: Runtime, mailbox_id: int) -> Polled:
    """Fetch and keep what is new, then remember how far we are; give what was done.

    Raises:
        ChannelError: the mailbox cannot be reached or opened, or there is no access token for it;
            the reason is kept with it.
        SettingsError: its password was sealed with another secret key; that is kept as well.
        NotFound: it is not polled (any more).
    """
    try:
        account = usable_account(runtime, mailbox_id)
        cursor = cursor_of(runtime, mailbox_id)
        polled = _fetch_new(runtime, mailbox_id, account, cursor)
    except (ChannelError, SettingsError) as error:
        _remember_failure(runtime, mailbox_id, write_down(error))
        raise
    _remember(runtime, mailbox_id, account, cursor, polled)
    return polled


def mailboxes_to_poll(runtime: Runtime) -> list[DueMailbox]:
    """List the mailboxes that are to be polled now."""
    with runtime.database.read() as session:
        return due_mailboxes(session, now=runtime.clock())


def ask_for_poll(runtime: Runtime, mailbox_id: int, *, is_failing: bool = False) -> bool:
    """Ask for a poll of this mailbox; False when one was asked for and is not yet done.

    One that `is_failing` is polled by threads of their own, so that it holds up no other.
    """
    return ask_for_work(
        runtime,
        Kind.POLL_AGAIN if is_failing else Kind.POLL,
        {"mailbox_id": mailbox_id},
        name=f"poll:{mailbox_id}",
    )


def seconds_until_next_try(failures: int, *, poll_seconds: int) -> float:
    """Give how long to leave a mailbox alone after so many failures in a row.

    The time between polls, doubling, at most ten minutes; a fifth of it is left to chance, so that
    many mailboxes of one server do not come back to it together.
    """
    longest = min(_LONGEST_WAIT_SECONDS, poll_seconds << min(failures - 1, 10))
    return longest * (1 - secrets.randbelow(201) / 1000)


def cursor_of(runtime: Runtime, mailbox_id: int) -> Cursor | None:
    """Tell how far we are in a mailbox, None for not yet begun."""
    with runtime.database.read() as session:
        return _cursor(session.get_one(Mailbox, mailbox_id))


def _fetch_new(
    runtime: Runtime, mailbox_id: int, account: Account, cursor: Cursor | None
) -> Polled:
    def attempt(account: Account) -> Polled:
        return poll(
            account,
            cursor,
            max_bytes=runtime.settings.mail_max_bytes,
            known=lambda uidvalidity, uids: known_uids(runtime, mailbox_id, uidvalidity, uids),
            store=lambda mail: receive_fetched(runtime, _fetched(mailbox_id, mail)),
            now=runtime.clock(),
            limit=_AT_ONCE,
        )

    try:
        return attempt(account)
    except LogInRefused:
        if account.access_token is None:
            raise
        # Access tokens can be withdrawn before their end; a new one shows whether that is all.
        return attempt(usable_account(runtime, mailbox_id, refused=account.access_token))


def known_uids(
    runtime: Runtime, mailbox_id: int, uidvalidity: int, uids: Sequence[int]
) -> Collection[int]:
    """Give those of a mailbox's UIDs of which we have a receipt."""
    identities = {imap_identity(mailbox_id, uidvalidity, uid): uid for uid in uids}
    with runtime.database.read() as session:
        found = session.scalars(
            sa.select(Receipt.external_id).where(
                Receipt.channel == Channel.EMAIL, Receipt.external_id.in_(list(identities))
            )
        ).all()
    return [identities[identity] for identity in found]


def _fetched(mailbox_id: int, mail: FetchedMail) -> Fetched:
    return Fetched(
        mailbox_id=mailbox_id,
        uidvalidity=mail.uidvalidity,
        uid=mail.uid,
        raw=mail.raw,
        received_at=mail.received_at,
        size_bytes=mail.size,
        is_truncated=mail.is_truncated,
    )


def _remember(
    runtime: Runtime, mailbox_id: int, account: Account, cursor: Cursor | None, polled: Polled
) -> None:
    now = runtime.clock()
    is_rescan = cursor is not None and cursor.uidvalidity != polled.cursor.uidvalidity
    if is_rescan:
        log.warning(
            "%s was made anew (its UIDVALIDITY is %d now): all its mails are looked at again, and"
            " those that are tickets already become no second ones.",
            account,
            polled.cursor.uidvalidity,
        )
    with runtime.database.write() as session:
        mailbox = session.get_one(Mailbox, mailbox_id, with_for_update=True)
        if not _is_where(mailbox, account) or _cursor(mailbox) != cursor:
            # Changed meanwhile: our cursor tells nothing about another folder, nor about mails
            # that somebody wants to be read again.
            return
        mailbox.uidvalidity = polled.cursor.uidvalidity
        mailbox.last_uid = polled.cursor.last_uid
        mailbox.last_success_at = now
        mailbox.last_error = _problem(polled)
        mailbox.failures, mailbox.failing_since, mailbox.next_try_at = 0, None, None
        mailbox.tells_news = polled.tells_news
        if is_rescan:
            mailbox.rescanned_at = now


def _cursor(mailbox: Mailbox) -> Cursor | None:
    if mailbox.uidvalidity is None:
        return None
    return Cursor(mailbox.uidvalidity, mailbox.last_uid)


def _is_where(mailbox: Mailbox, account: Account) -> bool:
    return (mailbox.imap_host, mailbox.imap_username, mailbox.imap_folder) == (
        account.host,
        account.username,
        account.folder,
    )


def _problem(polled: Polled) -> str | None:
    if not polled.failures:
        return None
    return write_down(
        ChannelError(
            "Some mails could not be taken over and are tried again at the next poll: {mails}.",
            permanent=False,
            mails=[f"UID {one.uid} ({one.reason})" for one in polled.failures],
        )
    )


def _remember_failure(runtime: Runtime, mailbox_id: int, problem: str) -> None:
    now = runtime.clock()
    poll_seconds = runtime.settings.imap_poll_seconds
    with runtime.database.write() as session:
        mailbox = session.get_one(Mailbox, mailbox_id)
        mailbox.last_error = problem
        mailbox.failures += 1
        mailbox.failing_since = mailbox.failing_since or now
        mailbox.next_try_at = now + timedelta(
            seconds=seconds_until_next_try(mailbox.failures, poll_seconds=poll_seconds)
        )
