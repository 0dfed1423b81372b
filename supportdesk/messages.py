"""Values that all channels share: what came in, what goes out, how sure we are of the sender."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Channel(StrEnum):
    """How a request reaches us."""

    EMAIL = "email"
    PHONE = "phone"
    FAX = "fax"
    WEB = "web"


class Assurance(StrEnum):
    """How sure we are who asks. W is a signed document; see `routing.authority` for the order."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    W = "W"


class Verdict(StrEnum):
    """Outcome of one sender check (SPF, DKIM or DMARC)."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NONE = "none"


class Automatic(StrEnum):
    """Whether a person wrote the message, and if not, what kind of machine did."""

    NO = "no"
    REPLY = "reply"  # out of office, receipts: an automatic answer to something
    GENERATED = "generated"  # newsletters, monitoring, no-reply notices
    BOUNCE = "bounce"  # a mail of ours could not be delivered
    REPORT = "report"  # delays, deliveries, read receipts (MDN) and complaints (ARF)
    LOOP = "loop"  # our own mail coming back


class ReportKind(StrEnum):
    """What became of a mail of ours at one recipient."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    READ = "read"
    COMPLAINT = "complaint"  # the recipient called it spam


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a report says of one recipient.

    `addresses` are all names that it gives to the recipient, as written; there may be none.
    `status` is such as "5.1.1", None when not told; `detail` is the other server's answer.
    """

    kind: ReportKind
    addresses: tuple[str, ...] = ()
    status: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: display name as sent (may be empty, never trusted) and addr-spec as sent."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class SenderAuth:
    """What our mail host, or our own check, found out about the sender.

    `trusted` is False when nobody whom we trust found out anything.
    """

    spf: Verdict = Verdict.NONE
    dkim: Verdict = Verdict.NONE
    dmarc: Verdict = Verdict.NONE
    trusted: bool = False
    aligned: bool = False


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a calendar part invites to; "" for what it does not say.

    `starts` and `ends` are in ISO form: a day, an instant in UTC, or a local time in `zone`, which
    is the sender's word for it.
    """

    title: str
    starts: str
    ends: str
    zone: str
    organiser: str
    is_cancelled: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with a message; `content_id` without angle brackets, None if absent."""

    filename: str
    content_type: str
    content: bytes
    content_id: str | None = None
    is_inline: bool = False
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A request as its sender meant it, whatever channel it came by.

    Message identifiers keep their angle brackets. `sent_at` is what the sender claims (aware UTC),
    None when absent or unreadable. `text` is the whole readable text; `reply_text` is the part
    above the quoted history. `html` is sanitised, "" when there is none. `content_hash` is the hex
    SHA-256 over date, sender, subject and body, the same for one message arriving in two mailboxes.
    `reports` and `reported_message_id` come with reports about a mail of ours only; `dsn_status`,
    such as "5.1.1", with those that it could not be delivered. `wants_no_answer` forbids automatic
    answers, though a person may have written it.
    """

    channel: Channel
    content_hash: str
    sender: Address | None
    subject: str
    text: str
    reply_text: str
    html: str = ""
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    sent_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    automatic: Automatic = Automatic.NO
    dsn_status: str | None = None
    reported_message_id: str | None = None
    reports: tuple[RecipientReport, ...] = ()
    wants_no_answer: bool = False
    auth: SenderAuth = SenderAuth()


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message about to be written for the outside world; recipients are final.

    `message_id` is ours and stored before anything is sent. `envelope_from` is "" for automatic
    answers (null return path). `auto_submitted` is the RFC 3834 value, None for a person's mail.
    """

    message_id: str
    sender: Address
    to: tuple[Address, ...]
    subject: str
    text: str
    html: str
    sent_at: datetime
    envelope_from: str
    cc: tuple[Address, ...] = ()
    reply_to: Address | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    auto_submitted: str | None = None
