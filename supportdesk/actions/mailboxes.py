"""Setting up our mailboxes. Every change is written to the audit log; passwords never are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.agents import must_administer
from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.keys import seal
from supportdesk.actions.poll_mailbox import ask_for_poll
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.addresses import is_address, normalise_address
from supportdesk.db.models import Mailbox, MailboxGrant
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotFound
from supportdesk.routing.facts import TopicKind

Security = Literal["tls", "starttls", "none"]
SECURITY: Mapping[str, Security] = {"tls": "tls", "starttls": "starttls", "none": "none"}
TOPICS = (TopicKind.TECHNICAL, TopicKind.BUSINESS)


@dataclass(frozen=True, slots=True)
class MailboxDetails:
    """A mailbox as an administrator sets it up; without a host it is not polled.

    `topic` is what writing to this address tells, None for nothing.
    """

    address: str
    name: str = ""
    topic: TopicKind | None = None
    is_active: bool = True
    imap_host: str | None = None
    imap_port: int = 993
    imap_security: str = "tls"
    imap_username: str = ""
    imap_folder: str = "INBOX"


def save_mailbox(
    runtime: Runtime,
    viewer: Viewer | None,
    details: MailboxDetails,
    *,
    mailbox_id: int | None = None,
    password: str | None = None,
) -> int:
    """Add a mailbox, or change the one with `mailbox_id`, and give its id.

    A `password` of None keeps the one that is stored, for the server and user it is for.

    Raises:
        InvalidInput: a field cannot be used; the text says which.
        Conflict: the address is another mailbox's.
    """
    must_administer(viewer)
    check_mailbox(details)
    with runtime.database.write() as session:
        mailbox = _mailbox(session, mailbox_id)
        had_password = bool(mailbox.imap_password)
        apply_mailbox(session, mailbox, details, now=runtime.clock())
        try_at_once(mailbox)
        if password is not None:
            _store_password(runtime, session, mailbox, password)
        elif had_password and mailbox.imap_host and not mailbox.imap_password:
            raise InvalidInput("Another server or user name needs the password again.")
        record_audit(
            session,
            "mailbox_saved",
            actor=actor_of(viewer),
            at=runtime.clock(),
            subject=f"mailbox:{mailbox.id}",
            detail={**asdict(details), "password_changed": password is not None},
        )
        return mailbox.id


def set_mailbox_password(
    runtime: Runtime, viewer: Viewer | None, address: str, password: str
) -> None:
    """Store, sealed, the password with which a mailbox is polled; OAuth 2 tokens are forgotten."""
    must_administer(viewer)
    with runtime.database.write() as session:
        mailbox = mailbox_at(session, address)
        _store_password(runtime, session, mailbox, password)
        try_at_once(mailbox)
        record_audit(
            session,
            "mailbox_password_set",
            actor=actor_of(viewer),
            at=runtime.clock(),
            subject=f"mailbox:{mailbox.id}",
        )


def try_mailbox_now(runtime: Runtime, viewer: Viewer, mailbox_id: int) -> None:
    """Poll a mailbox at once, however long it was to be left alone after its failures.

    Raises:
        Conflict: it is not polled at all.
    """
    must_administer(viewer)
    with runtime.database.write() as session:
        mailbox = _mailbox(session, mailbox_id)
        if mailbox.imap_host is None or not mailbox.is_active:
            raise Conflict(
                "The mailbox {address} is not polled; give it a server and take it into use first.",
                address=mailbox.address,
            )
        try_at_once(mailbox)
        is_failing = mailbox.failing_since is not None
    ask_for_poll(runtime, mailbox_id, is_failing=is_failing)


def check_mailbox(details: MailboxDetails) -> None:
    """Raise InvalidInput, naming the field, unless the details can be stored."""
    if not is_address(details.address.strip()):
        raise InvalidInput("{address!r} is not an email address.", address=details.address)
    if details.topic is not None and details.topic not in TOPICS:
        raise InvalidInput(
            "The topic {topic} cannot be used; use technical or business.", topic=details.topic
        )
    if details.imap_security not in SECURITY:
        raise InvalidInput(
            "The security {security!r} is unknown; use one of: {allowed}.",
            security=details.imap_security,
            allowed=list(SECURITY),
        )
    if not 1 <= details.imap_port <= 65535:
        raise InvalidInput(
            "The port {port} cannot be used; it goes from 1 to 65535.", port=details.imap_port
        )
    if details.imap_host and not details.imap_username:
        raise InvalidInput("A mailbox that is polled needs a user name for its server.")


def apply_mailbox(
    session: Session, mailbox: Mailbox, details: MailboxDetails, *, now: datetime
) -> None:
    """Write checked details to the row, inside the caller's transaction.

    Another server, user or folder is another mailbox: it is read from its beginning. A password is
    never told to another server than the one that it was given for.

    Raises:
        Conflict: the address is another mailbox's.
    """
    address = normalise_address(details.address)
    holder = session.scalar(sa.select(Mailbox.id).where(Mailbox.address == address))
    if holder not in {None, mailbox.id}:
        raise Conflict("There is a mailbox {address} already; change that one.", address=address)
    before, account_before, was_active = _place(mailbox), _account(mailbox), mailbox.is_active
    mailbox.address = address
    mailbox.name = details.name.strip() or address
    mailbox.topic = details.topic
    mailbox.is_active = details.is_active
    mailbox.imap_host = details.imap_host or None
    mailbox.imap_port = details.imap_port
    mailbox.imap_security = SECURITY[details.imap_security]
    mailbox.imap_username = details.imap_username
    mailbox.imap_folder = details.imap_folder or "INBOX"
    if _place(mailbox) != before:
        mailbox.uidvalidity, mailbox.last_uid = None, 0
        mailbox.polled_since, mailbox.last_success_at, mailbox.last_error = now, None, None
        mailbox.failing_since, mailbox.rescanned_at = None, None
        mailbox.tells_news = False
        mailbox.reconciled_at, mailbox.missing_count = None, 0
        mailbox.first_missing_uid = None
    if mailbox.is_active and not was_active:
        mailbox.polled_since = now
    session.add(mailbox)
    if _account(mailbox) != account_before:
        _forget_secrets(session, mailbox)
    session.flush()


def try_at_once(mailbox: Mailbox) -> None:
    """Have the next slot poll the mailbox again, inside the caller's transaction."""
    mailbox.failures, mailbox.next_try_at = 0, None


def _store_password(runtime: Runtime, session: Session, mailbox: Mailbox, password: str) -> None:
    mailbox.imap_password = seal(runtime.secret_key, password)
    session.execute(sa.delete(MailboxGrant).where(MailboxGrant.mailbox_id == mailbox.id))


def _forget_secrets(session: Session, mailbox: Mailbox) -> None:
    """Forget password and tokens; where the tokens came from stays, for whoever signs in anew."""
    mailbox.imap_password = ""
    session.execute(
        sa.update(MailboxGrant)
        .where(MailboxGrant.mailbox_id == mailbox.id)
        .values(client_secret="", refresh_token="", access_token="", access_until=None)
    )


def _place(mailbox: Mailbox) -> tuple[object, ...]:
    return mailbox.imap_host, mailbox.imap_username, mailbox.imap_folder


def password_is_for(
    *, host: str | None, port: int, username: str, security: str
) -> tuple[object, ...]:
    """Give what a password is for; less protection on the way makes it another account, too."""
    return host, port, username, security == "none"


def _account(mailbox: Mailbox) -> tuple[object, ...]:
    return password_is_for(
        host=mailbox.imap_host,
        port=mailbox.imap_port,
        username=mailbox.imap_username,
        security=mailbox.imap_security,
    )


def mailbox_at(session: Session, address: str) -> Mailbox:
    """Give the mailbox of an address, held until the end of the caller's transaction.

    Raises:
        NotFound: there is none.
    """
    mailbox = session.scalar(
        sa.select(Mailbox).where(Mailbox.address == normalise_address(address)).with_for_update()
    )
    if mailbox is None:
        raise NotFound("There is no mailbox {address}; import or add it first.", address=address)
    return mailbox


def _mailbox(session: Session, mailbox_id: int | None) -> Mailbox:
    if mailbox_id is None:
        return Mailbox()
    mailbox = session.get(Mailbox, mailbox_id, with_for_update=True)
    if mailbox is None:
        raise NotFound("There is no mailbox {mailbox}.", mailbox=mailbox_id)
    return mailbox
