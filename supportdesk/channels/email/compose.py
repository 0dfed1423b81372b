"""An `OutboundMessage` becomes the bytes that go to the relay.

The body is the standard library's EmailMessage. The header fields of the mail itself are written
here: EmailMessage turns long References into encoded words, which no other mail program can thread
by, leaves an "=?…?=" typed by a person to be decoded by its reader, and puts spaces into long
names.
"""

import re
import unicodedata
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from supportdesk.channels.email.addresses import is_address
from supportdesk.channels.email.automatic import INSTANCE_HEADER
from supportdesk.errors import InvalidInput
from supportdesk.messages import Address, Attachment, OutboundMessage

MAX_REFERENCES = 30
_BODY = SMTP.clone(cte_type="7bit")  # passes every relay, 8BITMIME or not
_PLAIN_LIMIT = 900  # longer ASCII is encoded, because a line may have 998 octets (RFC 5322 s2.1.1)
_SPECIALS = re.compile(r'[()<>@,;:\\".\[\]]')
_CONTENT_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9!#$&^_.+-]+")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,900}>")


def compose(message: OutboundMessage, *, instance_id: str) -> bytes:
    """Write the mail with CRLF line ends; pure ASCII unless an address itself needs SMTPUTF8.

    Bcc recipients are not part of it: they belong to the envelope.

    Raises:
        InvalidInput: a header value holds a line break or another control character, an address
            or message identifier cannot be used, or nobody is addressed.
    """
    if not message.to:
        raise InvalidInput("The message has no recipient; name at least one.")
    head = "".join(f"{name}: {value}\r\n" for name, value in _header(message, instance_id) if value)
    return head.encode("utf-8") + _body(message).as_bytes(policy=_BODY)


def _header(message: OutboundMessage, instance_id: str) -> list[tuple[str, str]]:
    return [
        ("Message-ID", _identifier("Message-ID", message.message_id)),
        ("Date", _date(message.sent_at)),
        ("From", _addresses("From", (message.sender,))),
        ("To", _addresses("To", message.to)),
        ("Cc", _addresses("Cc", message.cc)),
        ("Reply-To", _addresses("Reply-To", (message.reply_to,) if message.reply_to else ())),
        ("Subject", _text("Subject", message.subject)),
        ("In-Reply-To", _identifier("In-Reply-To", message.in_reply_to or "")),
        ("References", _references(message)),
        ("Auto-Submitted", _text("Auto-Submitted", message.auto_submitted or "")),
        ("X-Auto-Response-Suppress", "All" if message.auto_submitted else ""),
        (INSTANCE_HEADER, _text(INSTANCE_HEADER, instance_id)),
    ]


def _date(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise InvalidInput("The time of sending has no zone; times are aware and in UTC.")
    return format_datetime(instant)


def _text(name: str, value: str) -> str:
    _refuse_controls(name, value)
    return _encoded(name, value) if _needs_encoding(value) else value


def _encoded(name: str, value: str) -> str:
    return Header(value, "utf-8", header_name=name).encode(linesep="\r\n")


def _needs_encoding(value: str) -> bool:
    return not value.isascii() or "=?" in value or len(value) > _PLAIN_LIMIT


def _addresses(name: str, addresses: tuple[Address, ...]) -> str:
    return ",\r\n ".join(_mailbox(name, address) for address in addresses)


def _mailbox(name: str, mailbox: Address) -> str:
    _refuse_controls(name, mailbox.name)
    address = _addr_spec(name, mailbox.address)
    if not mailbox.name.strip():
        return address
    if _needs_encoding(mailbox.name):
        return f"{_encoded(name, mailbox.name)}\r\n <{address}>"
    if _SPECIALS.search(mailbox.name) or mailbox.name != mailbox.name.strip():
        quoted = re.sub(r'(["\\])', r"\\\1", mailbox.name)
        return f'"{quoted}" <{address}>'
    return f"{mailbox.name} <{address}>"


def _addr_spec(name: str, address: str) -> str:
    _refuse_controls(name, address)
    if not is_address(address):
        raise InvalidInput(
            "{header}: {address!r} is no mail address; write name@domain.",
            header=name,
            address=address,
        )
    local, _, domain = address.rpartition("@")
    return f"{local}@{_ascii_domain(name, domain)}"


def _ascii_domain(name: str, domain: str) -> str:
    try:
        return domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidInput(
            "{header}: {domain!r} is no domain name.", header=name, domain=domain
        ) from None


def is_identifier(value: str) -> bool:
    """Tell whether `value` is a message identifier, with its brackets, that a header can carry."""
    return value.isascii() and value.isprintable() and _MESSAGE_ID.fullmatch(value) is not None


def _identifier(name: str, value: str) -> str:
    _refuse_controls(name, value)
    if value and not is_identifier(value):
        raise InvalidInput(
            "{header}: {value!r} is no message identifier; write <unique@domain>.",
            header=name,
            value=value,
        )
    return value


def _references(message: OutboundMessage) -> str:
    """Keep the first and the newest ones when the conversation is long (RFC 5537 s3.4.4)."""
    known = [
        _identifier("References", reference)
        for reference in dict.fromkeys((*message.references, message.in_reply_to or ""))
        if reference
    ]
    if len(known) > MAX_REFERENCES:
        known = [known[0], *known[-(MAX_REFERENCES - 1) :]]
    return "\r\n ".join(known)


def _refuse_controls(name: str, value: str) -> None:
    # Cc: controls, CR and LF among them; Zl and Zp: U+2028 and U+2029; Cs: lone surrogates.
    if any(unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"} for char in value):
        raise InvalidInput(
            "{header}: {value!r} holds a line break or another control character; remove it.",
            header=name,
            value=value,
        )


def _body(message: OutboundMessage) -> EmailMessage:
    body = EmailMessage(policy=_BODY)
    body.set_content(_clean(message.text))
    if message.html:
        body.add_alternative(_clean(message.html), subtype="html")
    for attachment in message.attachments:
        _attach(body, attachment)
    return body


def _clean(text: str) -> str:
    """Leave nothing that a mail cannot carry: NUL, lone surrogates, line ends of other systems."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return lines.encode("utf-8", "replace").decode("utf-8")


def _attach(body: EmailMessage, attachment: Attachment) -> None:
    _refuse_controls("attachment name", attachment.filename)
    identifier = f"<{attachment.content_id}>" if attachment.content_id else ""
    maintype, _, subtype = _content_type(attachment).partition("/")
    body.add_attachment(
        attachment.content,
        maintype=maintype,
        subtype=subtype,
        filename=attachment.filename,
        disposition="inline" if attachment.is_inline else "attachment",
        cid=_identifier("Content-ID", identifier) or None,
    )


def _content_type(attachment: Attachment) -> str:
    # A forwarded mail stays a file too: message/rfc822 may not be base64 (RFC 2046 s5.2.1).
    found = _CONTENT_TYPE.fullmatch(attachment.content_type.lower())
    return found[0] if found else "application/octet-stream"
