"""A received mail, from its bytes to what its sender meant.

Pure and linear; still run it through `pool.ParserPool`: no list of hazards is ever complete.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from supportdesk.channels.email.addresses import parse_addresses
from supportdesk.channels.email.authresults import sender_auth
from supportdesk.channels.email.automatic import origin_of
from supportdesk.channels.email.headers import Headers, split_header
from supportdesk.channels.email.invitations import read_invitation
from supportdesk.channels.email.mime import MAX_TEXT_BYTES, Part, name_for, parse_part
from supportdesk.channels.email.quotes import reply_text
from supportdesk.channels.email.sanitise import (
    is_too_costly,
    sanitise,
    text_of_html,
    text_without_tags,
)
from supportdesk.errors import Unreadable
from supportdesk.messages import Address, Attachment, Channel, InboundMessage

MAX_REFERENCES = 100
OCTETS = "application/octet-stream"
MAX_SUBJECT_CHARS = 1000
MAX_MESSAGE_ID_BYTES = 998

MESSAGE_ID = re.compile(r"<([^<>]{1,998})>")
BARE_MESSAGE_ID = re.compile(r"[^\s<>,;]{1,490}@[^\s<>,;]{1,490}")
WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class ReadableHeaders:
    """What can always be shown of a mail, even of one that cannot be parsed."""

    subject: str
    sender: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    sent_at: datetime | None


def readable_headers(raw: bytes) -> ReadableHeaders:
    """Read the header alone: bounded time and memory, and nothing raised, for any bytes."""
    headers, _ = split_header(raw)
    return _readable(headers)


def parse_message(raw: bytes, *, authserv_id: str = "", instance_id: str = "") -> InboundMessage:
    """Understand one mail. It says what the mail is and knows nothing of who is on file.

    `authserv_id` is the host whose Authentication-Results are trusted, "" for none;
    `instance_id` marks our own mail, which is a loop when it comes back.

    Raises Unreadable when the bytes are no mail at all.
    """
    root = parse_part(raw)
    headers = root.headers
    if not headers.fields:
        raise Unreadable("The mail has no header lines; look at the stored file.")
    readable = _readable(headers)
    body = _Body()
    body.add(root)
    text = body.joined_text()
    sender = readable.sender
    origin = origin_of(root, sender.address if sender else "", text, instance_id)
    report = origin.report
    domain = sender.address.rpartition("@")[2] if sender else ""
    return InboundMessage(
        channel=Channel.EMAIL,
        content_hash=_content_hash(raw, root, sender),
        sender=sender,
        subject=readable.subject,
        text=text,
        reply_text=reply_text(text, readable.subject),
        html=body.joined_html(),
        to=readable.to,
        cc=readable.cc,
        reply_to=readable.reply_to,
        message_id=readable.message_id,
        in_reply_to=readable.in_reply_to,
        references=readable.references,
        sent_at=readable.sent_at,
        attachments=tuple(body.attachments),
        automatic=origin.automatic,
        dsn_status=report.status if report else None,
        reported_message_id=report.message_id if report else None,
        reports=report.recipients if report else (),
        wants_no_answer=origin.wants_no_answer,
        auth=sender_auth(headers, authserv_id, domain),
    )


def _readable(headers: Headers) -> ReadableHeaders:
    in_reply_to = _message_ids(headers, "in-reply-to")
    references = _message_ids(headers, "references")
    message_ids = _message_ids(headers, "message-id")
    return ReadableHeaders(
        subject=headers.text("subject")[:MAX_SUBJECT_CHARS],
        sender=_sender(headers),
        to=_recipients(headers, "to"),
        cc=_recipients(headers, "cc"),
        reply_to=_recipients(headers, "reply-to"),
        message_id=message_ids[0] if message_ids else None,
        in_reply_to=in_reply_to[0] if in_reply_to else None,
        references=tuple(references[-MAX_REFERENCES:]),
        sent_at=_sent_at(headers),
    )


def _sender(headers: Headers) -> Address | None:
    """Read the author; two From fields, two authors or none at all are nobody."""
    if len(headers.all("from")) != 1:
        return None
    found = parse_addresses(headers.undecoded("from"), limit=2)
    return found[0] if len(found) == 1 else None


def _recipients(headers: Headers, name: str) -> tuple[Address, ...]:
    value = b", ".join(headers.all(name))
    return parse_addresses(Headers(((name, value),), headers.charset).undecoded(name))


def _message_ids(headers: Headers, name: str) -> list[str]:
    """Read message identifiers with their brackets; a long one may be folded inside."""
    value = headers.text(name)
    found = [WHITE.sub("", one) for one in MESSAGE_ID.findall(value)]
    found = found or BARE_MESSAGE_ID.findall(value)
    # A database's index has no room for more, and no honest one comes near.
    return [f"<{one}>" for one in found if len(one.encode()) <= MAX_MESSAGE_ID_BYTES]


def _sent_at(headers: Headers) -> datetime | None:
    try:
        sent = parsedate_to_datetime(headers.text("date")[:100])
        return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
    except Exception:  # the library raises half a dozen kinds on bad dates
        return None


def _content_hash(raw: bytes, root: Part, sender: Address | None) -> str:
    """Hash date, sender, subject and body, so that copies in two mailboxes are equal.

    The sender's line is used as sent when it names nobody or more than one. The subject tells two
    requests apart that a device without clock and Message-ID sent.
    """
    author = sender.address.lower().encode() if sender else b",".join(root.headers.all("from"))
    body = raw[root.start :].replace(b"\r\n", b"\n").rstrip()
    digest = hashlib.sha256()
    for piece in (root.headers.raw("date"), author, root.headers.raw("subject")):
        digest.update(len(piece).to_bytes(8) + piece)
    digest.update(body)
    return digest.hexdigest()


@dataclass(slots=True)
class _Body:
    """Collects what is to be read and what travels along."""

    texts: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    has_page: bool = False
    needs_text: bool = True

    def add(self, part: Part) -> None:
        """Take in a part of a mail in the order of its sender."""
        if part.content_type == "multipart/alternative":
            self._add_alternative(part)
        elif part.content_type == "multipart/encrypted":
            for child in part.children:  # never words to be read in place
                self._attach(child, "encrypted.asc" if child.content_type == OCTETS else "")
        elif part.children:
            for child in part.children:
                self.add(child)
        elif not _is_body(part):
            self._attach(part)
        elif part.content_type == "text/html":
            page, text = self._page(part)
            self.pages.append(page)
            self.texts.append(text)
        else:
            text = self._text(part)
            self.texts.append(text)
            self.pages.append(_as_html(text))

    def _add_alternative(self, part: Part) -> None:
        """Keep both the plain and the rich version of the same words."""
        sides = [(child, _has_page(child)) for child in part.children]
        plain = _Body()
        for child, has_page in sides:
            if not has_page:
                plain.add(child)
        rich = _Body(needs_text=self.needs_text and not plain.joined_text())
        for child, has_page in sides:
            if has_page:
                rich.add(child)
        self.texts += rich.texts if rich.needs_text else plain.texts
        self.pages += rich.pages if rich.has_page else plain.pages
        self.has_page |= rich.has_page
        self.attachments += plain.attachments + rich.attachments

    def _text(self, part: Part) -> str:
        if part.end - part.start > MAX_TEXT_BYTES and len(part.content) > MAX_TEXT_BYTES:
            self._attach(part)  # what is cut off stays within reach
        return part.text.strip("\n")

    def _page(self, part: Part) -> tuple[str, str]:
        source = self._text(part)
        if is_too_costly(source):
            self._attach(part)
            return "", text_without_tags(source)
        page = sanitise(source)
        self.has_page = True
        return page, text_of_html(page) if self.needs_text else ""

    def _attach(self, part: Part, name: str = "") -> None:
        content_type = part.content_type
        is_calendar = content_type == "text/calendar"
        self.attachments.append(
            Attachment(
                filename=part.filename or name or name_for(content_type, len(self.attachments) + 1),
                content_type=content_type,
                content=part.content,
                content_id=part.content_id,
                is_inline=part.disposition != "attachment" and part.content_id is not None,
                invitation=read_invitation(part.text) if is_calendar else None,
            )
        )

    def joined_text(self) -> str:
        return "\n\n".join(text for text in self.texts if text.strip()).strip()

    def joined_html(self) -> str:
        return "\n".join(page for page in self.pages if page) if self.has_page else ""


def _has_page(part: Part) -> bool:
    return any(leaf.content_type == "text/html" and _is_body(leaf) for leaf in part.walk())


def _is_body(part: Part) -> bool:
    """Tell whether a leaf is meant to be read in place."""
    if part.content_type not in {"text/plain", "text/html"} or part.children:
        return False
    return part.disposition != "attachment" and not part.filename


def _as_html(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<div style="white-space:pre-wrap">{escaped}</div>' if text.strip() else ""
