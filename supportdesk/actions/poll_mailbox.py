"""Fetch what is new in a polled mailbox and keep it, mail by mail."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from supportdesk.actions.keys import unseal
from supportdesk.actions.receive_mail import Fetched, imap_identity, receive_fetched
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap import Cursor, FetchedMail, Polled, poll
from supportdesk.channels.email.imap_connection import Account
from supportdesk.db.models import Mailbox, Receipt
from supportdesk.errors import ChannelError, NotFound, SettingsError, write_down
from supportdesk.messages import Channel

_AT_ONCE = 500


def poll_mailbox(runtime: Runtime, mailbox_id: int) -> Polled:
    """Fetch and keep what is new, then remember how far we are; give what was done.

    Raises:
        ChannelError: the mailbox cannot be reached or opened; the reason is kept with it.
        SettingsError: its password was sealed with another secret key; that is kept as well.
        NotFound: it is not polled (any more).
    """
    try:
        account, cursor = _where(runtime, mailbox_id)
        polled = poll(
            account,
            cursor,
            max_bytes=runtime.settings.mail_max_bytes,
            known=lambda uidvalidity, uids: _known(runtime, mailbox_id, uidvalidity, uids),
            store=lambda mail: receive_fetched(runtime, _fetched(mailbox_id, mail)),
            now=runtime.clock(),
            limit=_AT_ONCE,
        )
    except (ChannelError, SettingsError) as error:
        _remember_failure(runtime, mailbox_id, write_down(error))
        raise
    _remember(runtime, mailbox_id, polled)
    return polled


def polled_mailboxes(runtime: Runtime) -> list[int]:
    """List the active mailboxes that have an IMAP host."""
    with runtime.database.read() as session:
        return list(
            session.scalars(
                sa.select(Mailbox.id).where(Mailbox.is_active, Mailbox.imap_host.is_not(None))
            )
        )


def _where(runtime: Runtime, mailbox_id: int) -> tuple[Account, Cursor | None]:
    with runtime.database.read() as session:
        mailbox = session.get(Mailbox, mailbox_id)
        if mailbox is None or mailbox.imap_host is None:
            raise NotFound(
                "Mailbox {mailbox} is not polled; give it an IMAP host first.", mailbox=mailbox_id
            )
        account = Account(
            host=mailbox.imap_host,
            port=mailbox.imap_port,
            security=mailbox.imap_security,
            username=mailbox.imap_username,
            password=unseal(runtime.secret_key, mailbox.imap_password),
            folder=mailbox.imap_folder,
        )
        if mailbox.uidvalidity is None:
            return account, None
        return account, Cursor(mailbox.uidvalidity, mailbox.last_uid)


def _known(
    runtime: Runtime, mailbox_id: int, uidvalidity: int, uids: Sequence[int]
) -> Collection[int]:
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


def _remember(runtime: Runtime, mailbox_id: int, polled: Polled) -> None:
    with runtime.database.write() as session:
        mailbox = session.get_one(Mailbox, mailbox_id)
        mailbox.uidvalidity = polled.cursor.uidvalidity
        mailbox.last_uid = polled.cursor.last_uid
        mailbox.last_success_at = runtime.clock()
        mailbox.last_error = _problem(polled)


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
    with runtime.database.write() as session:
        session.get_one(Mailbox, mailbox_id).last_error = problem
