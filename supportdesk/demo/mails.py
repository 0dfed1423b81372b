"""Writing the demo's mails: the bytes that the operator's mail host hands over. Pure."""

import mimetypes
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from supportdesk.demo.story import bytes_of
from supportdesk.routing.calendar import local_time

AUTHSERV_ID = "mx.severohora.example"
"""The mail host in front of the demo's door, whose verdicts on senders are trusted."""

PICTURE_ID = "obrazek"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail to be written; addresses as they stand in a header.

    `in_reply_to` is "" for a mail that answers none; `references` end with it.
    """

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    at: datetime
    message_id: str
    cc: tuple[str, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    dmarc: str = "pass"
    headers: tuple[tuple[str, str], ...] = ()
    html: str = ""
    inline: str = ""
    attach: str = ""


def write(draft: Draft) -> bytes:
    """Write a mail, with the verdict of the operator's mail host on top."""
    message = _head(draft)
    message.set_content(draft.text + "\n")
    if draft.html:
        message.add_alternative(draft.html, subtype="html")
        _add_picture(message, draft.inline)
    if draft.attach:
        main, sub = _type_of(draft.attach)
        message.add_attachment(
            bytes_of(draft.attach), maintype=main, subtype=sub, filename=draft.attach
        )
    return message.as_bytes(policy=SMTP)


def write_bounce(draft: Draft, address: str) -> bytes:
    """Write a delivery status notification: our mail did not reach `address`. Source: RFC 3464."""
    returned = f"Message-ID: {draft.in_reply_to}\nTo: {address}\n"
    status = (
        f"Reporting-MTA: dns; {AUTHSERV_ID}\n\nFinal-Recipient: rfc822; {address}\n"
        "Action: failed\nStatus: 5.1.2\nDiagnostic-Code: X-Postfix; Host not found\n"
    )
    parts = (
        ("text/plain; charset=utf-8", draft.text),
        ("message/delivery-status", status),
        ("text/rfc822-headers", returned),
    )
    head = _head(draft).as_string(policy=SMTP.clone(linesep="\n")).rstrip()
    body = "".join(f"--=zpet=\nContent-Type: {kind}\n\n{text}\n" for kind, text in parts)
    text = (
        f"{head}\nMIME-Version: 1.0\nContent-Type: multipart/report;"
        f' report-type=delivery-status; boundary="=zpet="\n\n{body}--=zpet=--\n'
    )
    return text.encode().replace(b"\n", b"\r\n")


def write_unreadable(text: str) -> bytes:
    """Write what a broken device sends: bytes that are no mail at all."""
    return text.encode().replace(b"\n", b"\r\n")


def _head(draft: Draft) -> EmailMessage:
    address = parseaddr(draft.sender)[1]
    domain = address.rpartition("@")[2]
    message = EmailMessage()
    message["Authentication-Results"] = (
        f"{AUTHSERV_ID}; dmarc={draft.dmarc} header.from={domain};"
        f" spf={draft.dmarc} smtp.mailfrom={address}"
    )
    message["From"] = draft.sender
    message["To"] = ", ".join(draft.to)
    if draft.cc:
        message["Cc"] = ", ".join(draft.cc)
    message["Subject"] = draft.subject
    message["Date"] = format_datetime(local_time(draft.at))
    message["Message-ID"] = draft.message_id
    if draft.in_reply_to:
        message["In-Reply-To"] = draft.in_reply_to
        message["References"] = " ".join(draft.references)
    for name, value in draft.headers:
        message[name] = value
    return message


def _add_picture(message: EmailMessage, name: str) -> None:
    page = message.get_body(("html",))
    if name and isinstance(page, EmailMessage):
        main, sub = _type_of(name)
        page.add_related(
            bytes_of(name), maintype=main, subtype=sub, cid=f"<{PICTURE_ID}>", filename=name
        )


def _type_of(name: str) -> tuple[str, str]:
    main, _, sub = (mimetypes.guess_type(name)[0] or "application/octet-stream").partition("/")
    return main, sub
