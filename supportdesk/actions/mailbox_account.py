"""How the service gets into one of our mailboxes: by a password, or by access tokens (OAuth 2)."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.keys import seal, unseal
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap_connection import Account
from supportdesk.channels.email.oauth import Grant, Tokens, renew
from supportdesk.db.models import Mailbox, MailboxGrant
from supportdesk.errors import ChannelError, NotFound

_EARLY = timedelta(minutes=3)
"""So long before its end an access token is renewed: a poll that begins now goes on for a while."""

_RENEWING = timedelta(minutes=2)
"""Whoever renews longer than this was killed at it."""


def account_of(runtime: Runtime, session: Session, mailbox_id: int) -> Account:
    """Give the account of a mailbox with what is stored; an access token may have ended.

    Raises:
        NotFound: it is not polled.
        SettingsError: a secret of it was sealed with another secret key.
    """
    mailbox = session.get(Mailbox, mailbox_id)
    if mailbox is None or mailbox.imap_host is None:
        raise NotFound(
            "Mailbox {mailbox} is not polled; give it an IMAP host first.", mailbox=mailbox_id
        )
    grant = session.get(MailboxGrant, mailbox_id)
    return Account(
        host=mailbox.imap_host,
        port=mailbox.imap_port,
        security=mailbox.imap_security,
        username=mailbox.imap_username,
        password=unseal(runtime.secret_key, mailbox.imap_password),
        folder=mailbox.imap_folder,
        access_token=unseal(runtime.secret_key, grant.access_token) if grant else None,
    )


def usable_account(runtime: Runtime, mailbox_id: int, *, refused: str | None = None) -> Account:
    """Give the account of a mailbox with an access token that lasts, where it needs one.

    One that ends soon, or that the mail server `refused`, is replaced by a new one.

    Raises:
        ChannelError: there is no new one; permanent when a person has to sign in again.
        NotFound, SettingsError: as in `account_of`.
    """
    with runtime.database.read() as session:
        account = account_of(runtime, session, mailbox_id)
        grant = session.get(MailboxGrant, mailbox_id)
    if grant is None:
        return account
    lasts = grant.access_until is not None and grant.access_until > runtime.clock() + _EARLY
    if not lasts or account.access_token == refused:
        _renew(runtime, mailbox_id)
        with runtime.database.read() as session:
            return account_of(runtime, session, mailbox_id)
    return account


def _renew(runtime: Runtime, mailbox_id: int) -> None:
    """Get and store a new access token, and a new refresh token together with it.

    One at a time: some servers take a refresh token that is used twice for stolen.
    """
    sealed = _begin(runtime, mailbox_id)
    key = runtime.secret_key
    try:
        tokens = renew(
            Grant(
                token_url=sealed.token_url,
                client_id=sealed.client_id,
                client_secret=unseal(key, sealed.client_secret),
                refresh_token=unseal(key, sealed.refresh_token),
            )
        )
    except Exception:
        _end(runtime, sealed, None)
        raise
    _end(runtime, sealed, tokens)


def _begin(runtime: Runtime, mailbox_id: int) -> MailboxGrant:
    now = runtime.clock()
    with runtime.database.write() as session:
        grant = session.get_one(MailboxGrant, mailbox_id, with_for_update=True)
        if not grant.refresh_token:
            raise ChannelError(
                "There is no refresh token for this mailbox and its server; sign in and store one.",
                permanent=True,
            )
        if grant.renewing_until is not None and grant.renewing_until > now:
            raise ChannelError(
                "Somebody else is just getting an access token for this mailbox; it is tried again"
                " in a moment.",
                permanent=False,
            )
        grant.renewing_until = now + _RENEWING
    return grant


def _end(runtime: Runtime, used: MailboxGrant, tokens: Tokens | None) -> None:
    """Store what came, unless a person stored another refresh token meanwhile."""
    values: dict[str, object] = {"renewing_until": None}
    if tokens is not None:
        values["access_token"] = seal(runtime.secret_key, tokens.access_token)
        values["access_until"] = runtime.clock() + timedelta(seconds=tokens.lasts_seconds)
        if tokens.refresh_token is not None:
            values["refresh_token"] = seal(runtime.secret_key, tokens.refresh_token)
    with runtime.database.write() as session:
        session.execute(
            sa.update(MailboxGrant)
            .where(MailboxGrant.mailbox_id == used.mailbox_id)
            .where(MailboxGrant.refresh_token == used.refresh_token)
            .values(**values)
        )
