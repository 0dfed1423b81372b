"""Answering a mail of the sandbox as its recipient would, so that a demo needs no mail program."""

import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.compose import compose
from supportdesk.channels.email.parse import parse_message
from supportdesk.channels.email.sandbox import KeptMail, find_kept, read_kept
from supportdesk.db.models import Contact, ContactAddress
from supportdesk.errors import InvalidInput, NotAllowed
from supportdesk.messages import Address, InboundMessage, OutboundMessage
from supportdesk.routing.calendar import local_time

MAX_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class SandboxMail:
    """A mail of the sandbox, understood; `answer_to` is where a mail program sends answers."""

    kept: KeptMail
    message: InboundMessage

    @property
    def answer_to(self) -> str:
        """Give the address to answer to, "" when nobody is to be answered."""
        answered = (*self.message.reply_to, *filter(None, [self.message.sender]))
        return answered[0].address if answered else ""


def open_sandbox_mail(runtime: Runtime, name: str) -> SandboxMail:
    """Read one mail of the sandbox.

    Raises:
        NotFound: the sandbox holds no mail of that name.
        Unreadable: it is no mail at all.
    """
    folder = runtime.settings.sandbox_folder
    kept = find_kept(folder, name)
    return SandboxMail(kept, parse_message(read_kept(folder, name)))


def answer_sandbox_mail(runtime: Runtime, name: str, *, sender: str, text: str) -> None:
    """Deliver an answer to our door's address, from `sender`, who got the mail.

    Raises:
        NotAllowed: this service has no mail sandbox.
        InvalidInput: the text is empty or too long, or `sender` did not get the mail.
        NotFound: there is no such mail, or answers to it are not for us.
    """
    if not runtime.settings.mail_sandbox:
        raise NotAllowed("This service sends real mail; answer it from a mail program.")
    mail = open_sandbox_mail(runtime, name)
    body = text.strip()
    if not body:
        raise InvalidInput("The answer is empty; write what the customer says.")
    if len(body) > MAX_CHARS:
        raise InvalidInput(
            "The answer has {length} characters; {most} are allowed.",
            length=len(body),
            most=MAX_CHARS,
        )
    if sender not in mail.kept.recipients:
        raise InvalidInput(
            "{sender!r} did not get this mail; choose one of its recipients.", sender=sender
        )
    receive_mail(
        runtime,
        _write(runtime, mail, sender=sender, body=body),
        mail_from=sender,
        recipients=[mail.answer_to],
        received_at=runtime.clock(),
    )


def _write(runtime: Runtime, mail: SandboxMail, *, sender: str, body: str) -> bytes:
    message, domain = mail.message, sender.rpartition("@")[2]
    subject = message.subject
    answer = OutboundMessage(
        message_id=f"<{secrets.token_hex(12)}@{domain}>",
        sender=Address(_name_of(runtime, sender), sender),
        to=(Address("", mail.answer_to),),
        subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
        text=f"{body}\n\n{_quoted(runtime, message)}",
        html="",
        sent_at=runtime.clock(),
        envelope_from=sender,
        in_reply_to=message.message_id,
        references=(*message.references, *filter(None, [message.message_id])),
    )
    # Without the mark of this installation: as it stands it is the customer's mail, not ours.
    return _verdict(runtime, domain) + compose(answer, instance_id="")


def _name_of(runtime: Runtime, address: str) -> str:
    """Give the name that a contact's own mail program writes, "" for who is not on file."""
    with runtime.database.read() as session:
        return (
            session.scalar(
                sa.select(Contact.name)
                .join(ContactAddress, ContactAddress.contact_id == Contact.id)
                .where(ContactAddress.address == address)
                .order_by(Contact.id)
                .limit(1)
            )
            or ""
        )


def _verdict(runtime: Runtime, domain: str) -> bytes:
    """Say what the mail host in front of the door would say of an honest customer."""
    host = runtime.settings.authserv_id
    line = f"Authentication-Results: {host}; dmarc=pass header.from={domain}\r\n"
    return line.encode() if host else b""


def _quoted(runtime: Runtime, message: InboundMessage) -> str:
    """Quote a mail below the answer, as mail programs do."""
    author = message.sender.name or message.sender.address if message.sender else ""
    sent = local_time(message.sent_at or runtime.clock())
    day, clock = f"{sent.day}. {sent.month}. {sent.year}", f"{sent:%H:%M}"
    is_czech = runtime.settings.language == "cs"
    above = (
        f"Dne {day} v {clock} {author} napsal(a):"
        if is_czech
        else (f"On {sent:%d %b %Y} at {clock}, {author} wrote:")
    )
    return "\n".join([above, *(f"> {line}".rstrip() for line in message.text.splitlines())])
