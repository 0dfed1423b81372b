"""What machines report about our mails: not delivered, late, delivered, read, marked as spam.

Source: RFC 3464 (delivery status), RFC 8098 (read receipts), RFC 5965 (complaints).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from supportdesk.channels.email.addresses import parse_addresses
from supportdesk.channels.email.headers import Headers, split_header
from supportdesk.channels.email.mime import Part
from supportdesk.messages import Automatic, RecipientReport, ReportKind

MAX_NOTICE_CHARS = 64 * 1024
MAX_DETAIL_CHARS = 300
MAX_BLOCKS = 200

MESSAGE_ID = re.compile(r"<([^<>]{1,998})>")
RETURNED_ID = re.compile(r"^message-id:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
FAILURE_STATUS = re.compile(r"\b([45]\.\d{1,3}\.\d{1,3})\b")
ADDRESS_LINE = re.compile(r"^<([^<>\s]{1,320}@[^<>\s]{1,320})>:", re.MULTILINE)
REPLY_LINE = re.compile(r"^.*\b[45]\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b.*$", re.MULTILINE)
TYPE_PREFIX = re.compile(r"^\s*[a-z0-9-]{1,30}\s*;\s*", re.IGNORECASE)
RETURNED = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global"}
POSTMASTERS = {"mailer-daemon", "postmaster", "mail-daemon", "maildaemon"}
DELAY_SUBJECT = re.compile(r"delay|warning|zpožděn|still being retried", re.IGNORECASE)
# What else a feedback report may say, such as "not-spam" or "auth-failure", is no complaint.
COMPLAINTS = {"abuse", "fraud", "opt-out", "opt-out-list"}


@dataclass(frozen=True, slots=True)
class Report:
    """A mail that reports about another; `automatic` is BOUNCE when it was not delivered.

    `status` is that of the first recipient who did not get it. `message_id` names the other mail.
    """

    automatic: Automatic
    recipients: tuple[RecipientReport, ...] = ()
    message_id: str | None = None

    @property
    def status(self) -> str | None:
        """Give the status of the first failure, such as "5.1.1"."""
        failed = (one for one in self.recipients if one.kind is ReportKind.FAILED)
        return next((one.status for one in failed), None)


def read_report(root: Part, sender_address: str, text: str) -> Report | None:
    """Read the report that a mail is, None when it is something else.

    A report that a person attached or forwarded is none: it lies in another message or the mail
    is no multipart/report.
    """
    return _structured(root, sender_address) or _plain(root, sender_address, text)


def has_null_return_path(headers: Headers) -> bool:
    """Tell whether the mail wants no answer from mail servers: only machines write so."""
    return headers.raw("return-path").replace(b" ", b"") == b"<>"


def _structured(root: Part, sender_address: str) -> Report | None:
    if root.content_type != "multipart/report" and not _is_postmaster(root.headers, sender_address):
        return None
    for part in root.walk():
        match part.content_type:
            case "message/disposition-notification" | "message/global-disposition-notification":
                return _read_receipt(part, root)
            case "message/feedback-report":
                return _complaint(part, root)
            case "message/delivery-status" | "message/global-delivery-status":
                return _delivery(part, root)
    kind = root.parameters.get("report-type", "").lower()
    is_other_report = kind in {"disposition-notification", "feedback-report"}
    return Report(Automatic.REPORT) if is_other_report else None


def _delivery(part: Part, root: Part) -> Report:
    found = [_delivered_to(block) for block in _blocks(part.content)]
    recipients = tuple(one for one in found if one is not None)
    has_failed = any(one.kind is ReportKind.FAILED for one in recipients)
    automatic = Automatic.BOUNCE if has_failed else Automatic.REPORT
    return Report(automatic, recipients, _returned_id(root))


def _delivered_to(block: Headers) -> RecipientReport | None:
    """Read what became of one recipient; "relayed" and "expanded" tell nothing in the end."""
    diagnosis = block.text("diagnostic-code")
    found = STATUS.search(block.text("status")) or STATUS.search(diagnosis)
    status = found[1] if found else None
    match block.text("action").lower().split(" ")[0]:
        case "failed":
            kind = ReportKind.FAILED
        case "delayed":
            kind = ReportKind.DELAYED
        case "delivered":
            kind = ReportKind.DELIVERED
        case "" if status and status.startswith("5"):
            kind = ReportKind.FAILED
        case _:
            return None
    addresses = _named(block, "original-recipient", "final-recipient")
    return RecipientReport(kind, addresses, status, _detail(diagnosis))


def _read_receipt(part: Part, root: Part) -> Report:
    fields, _ = split_header(part.content)
    disposition = fields.text("disposition").lower().partition(";")[2]
    original = MESSAGE_ID.search(fields.text("original-message-id"))
    message_id = f"<{original[1]}>" if original else _returned_id(root)
    if disposition.partition("/")[0].strip() != "displayed":
        return Report(Automatic.REPORT, (), message_id)  # deleted unread, for example
    addresses = _named(fields, "original-recipient", "final-recipient")
    return Report(Automatic.REPORT, (RecipientReport(ReportKind.READ, addresses),), message_id)


def _complaint(part: Part, root: Part) -> Report:
    fields, _ = split_header(part.content)
    if fields.text("feedback-type").lower().strip() not in COMPLAINTS:
        return Report(Automatic.REPORT, (), _returned_id(root))
    addresses = _named(fields, "original-rcpt-to")
    complaint = RecipientReport(ReportKind.COMPLAINT, addresses)
    return Report(Automatic.REPORT, (complaint,), _returned_id(root))


def _plain(root: Part, sender_address: str, text: str) -> Report | None:
    """Read a bounce from before, or without, RFC 3464."""
    headers = root.headers
    if not _is_plain_bounce(headers, sender_address):
        return None
    notice = text[:MAX_NOTICE_CHARS]
    is_delay = DELAY_SUBJECT.search(headers.text("subject")) is not None
    status = FAILURE_STATUS.search(notice)
    line = REPLY_LINE.search(notice)
    one = RecipientReport(
        ReportKind.DELAYED if is_delay else ReportKind.FAILED,
        (),
        status[1] if status else None,
        _detail(line[0]) if line else "",
    )
    addresses = _failed_addresses(headers, notice)
    recipients = tuple(replace(one, addresses=(address,)) for address in addresses) or (one,)
    automatic = Automatic.REPORT if is_delay else Automatic.BOUNCE
    return Report(automatic, recipients, _returned_id(root, notice))


def _failed_addresses(headers: Headers, notice: str) -> tuple[str, ...]:
    named = parse_addresses(headers.undecoded("x-failed-recipients"))
    if named:
        return tuple(one.address for one in named)
    return tuple(dict.fromkeys(found[1] for found in ADDRESS_LINE.finditer(notice)))[:MAX_BLOCKS]


def _blocks(content: bytes) -> list[Headers]:
    """Split a delivery status into its per-recipient blocks."""
    blocks: list[Headers] = []
    position = 0
    while position < len(content) and len(blocks) < MAX_BLOCKS:
        headers, after = split_header(content, position)
        blocks.append(headers)
        position = max(after, position + 1)
    return [block for block in blocks if block.has("action") or block.has("status")]


def _named(fields: Headers, *names: str) -> tuple[str, ...]:
    """Give the addresses that these fields name, without their type ("rfc822;")."""
    values = [value for name in names for value in _values(fields, name)]
    return tuple(dict.fromkeys(filter(None, values)))


def _values(fields: Headers, name: str) -> Iterable[str]:
    for value in fields.all(name):
        text = Headers(((name, value),)).text(name)
        yield TYPE_PREFIX.sub("", text).strip(" <>")[:320]


def _detail(diagnosis: str) -> str:
    return " ".join(TYPE_PREFIX.sub("", diagnosis).split())[:MAX_DETAIL_CHARS]


def _returned_id(root: Part, text: str = "") -> str | None:
    """Find the Message-ID of the mail that the report is about."""
    for part in root.walk():
        if part.content_type in RETURNED:
            returned, _ = split_header(part.content)
            if found := MESSAGE_ID.search(returned.text("message-id")):
                return f"<{found[1]}>"
    if found := RETURNED_ID.search(text):
        return found[1]
    answered = MESSAGE_ID.search(root.headers.text("in-reply-to"))
    return f"<{answered[1]}>" if answered else None


def _is_postmaster(headers: Headers, sender_address: str) -> bool:
    local = sender_address.rpartition("@")[0].lower()
    return local in POSTMASTERS or has_null_return_path(headers)


def _is_plain_bounce(headers: Headers, sender_address: str) -> bool:
    if headers.has("x-failed-recipients"):
        return True
    local = sender_address.rpartition("@")[0].lower()
    is_daemon = local in POSTMASTERS - {"postmaster"}
    return is_daemon or (local == "postmaster" and has_null_return_path(headers))
