"""Have a mailbox polled with OAuth 2 tokens in place of a password."""

from supportdesk.actions.agents import must_administer
from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.keys import seal
from supportdesk.actions.mailboxes import mailbox_at, try_at_once
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.oauth import Grant, check_token_url
from supportdesk.db.models import MailboxGrant
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput


def set_mailbox_grant(runtime: Runtime, viewer: Viewer | None, address: str, grant: Grant) -> None:
    """Store, sealed, what the access tokens of a mailbox are got with; a password is forgotten.

    Raises:
        InvalidInput: something is missing, or secrets may not be sent to such an address.
        NotFound: there is no such mailbox.
    """
    must_administer(viewer)
    check_token_url(grant.token_url)
    if not grant.client_id or not grant.refresh_token:
        raise InvalidInput("A client ID and a refresh token are needed; fill them in.")
    key = runtime.secret_key
    with runtime.database.write() as session:
        mailbox = mailbox_at(session, address)
        mailbox.imap_password = ""
        session.merge(
            MailboxGrant(
                mailbox_id=mailbox.id,
                token_url=grant.token_url,
                client_id=grant.client_id,
                client_secret=seal(key, grant.client_secret),
                refresh_token=seal(key, grant.refresh_token),
                access_token="",
                access_until=None,
                renewing_until=None,
            )
        )
        try_at_once(mailbox)
        record_audit(
            session,
            "mailbox_grant_set",
            actor=actor_of(viewer),
            at=runtime.clock(),
            subject=f"mailbox:{mailbox.id}",
            detail={"token_url": grant.token_url, "client_id": grant.client_id},
        )
