"""How the service gets into one of our mailboxes."""

from supportdesk.actions.keys import unseal
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap_connection import Account
from supportdesk.db.models import Mailbox
from supportdesk.errors import NotFound


def account_of(runtime: Runtime, mailbox: Mailbox) -> Account:
    """Give the account of a mailbox.

    Raises:
        NotFound: it is not polled.
        SettingsError: its password was sealed with another secret key.
    """
    if mailbox.imap_host is None:
        raise NotFound(
            "Mailbox {mailbox} is not polled; give it an IMAP host first.", mailbox=mailbox.id
        )
    return Account(
        host=mailbox.imap_host,
        port=mailbox.imap_port,
        security=mailbox.imap_security,
        username=mailbox.imap_username,
        password=unseal(runtime.secret_key, mailbox.imap_password),
        folder=mailbox.imap_folder,
    )
