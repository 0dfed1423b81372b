"""Whether a machine wrote the mail, and which kind of machine.

Source: RFC 3834 (automatic responses), RFC 3464 (delivery status), RFC 8098 (read receipts),
RFC 5965 (abuse reports).
"""

import re
from dataclasses import dataclass

from supportdesk.channels.email.headers import Headers, split_header
from supportdesk.channels.email.mime import Part
from supportdesk.messages import Automatic

INSTANCE_HEADER = "X-Supportdesk-Instance"

MAX_NOTICE_CHARS = 64 * 1024
MESSAGE_ID = re.compile(r"<([^<>]{1,998})>")
RETURNED_ID = re.compile(r"^message-id:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
FAILURE_STATUS = re.compile(r"\b([45]\.\d{1,3}\.\d{1,3})\b")
REPORTS = {"message/disposition-notification", "message/feedback-report"}
POSTMASTERS = {"mailer-daemon", "postmaster", "mail-daemon", "maildaemon"}
NO_REPLY = re.compile(
    r"(?:.*[-_.+])?(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|neodpovidat|neodpovidej(?:te)?|bounces?|"
    r"notifications?)(?:[-_.+].*)?",
    re.IGNORECASE,
)
REPLY_SUBJECT = re.compile(
    r"\s*(?:automatic reply|auto(?:matic)?[- ]?reply|auto[- ]?response|out of (?:the )?office|"
    r"automatická odpověď|automatická odpoveď|mimo kancelář|nepřítomnost|odpověď v nepřítomnosti|"
    r"abwesenheitsnotiz|automatische antwort)\s*(?:re\s*)?:",
    re.IGNORECASE,
)
DELAY_SUBJECT = re.compile(r"delay|warning|zpožděn|still being retried", re.IGNORECASE)
REPLY_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "x-autoresponder",
    "x-mail-autoreply",
)
LIST_HEADERS = ("list-id", "list-unsubscribe", "list-post", "list-help", "feedback-id")


@dataclass(frozen=True, slots=True)
class Origin:
    """What kind of writer a mail has; `dsn_status` and `bounced_message_id` for a bounce only."""

    automatic: Automatic
    dsn_status: str | None = None
    bounced_message_id: str | None = None


def origin_of(root: Part, sender_address: str, text: str, instance_id: str) -> Origin:
    """Say what kind of writer the header and the structure of a mail show."""
    headers = root.headers
    instance = headers.text(INSTANCE_HEADER.lower())
    if instance_id and instance == instance_id:
        return Origin(Automatic.LOOP)
    if report := _report(root, sender_address):
        return report
    if _is_plain_bounce(headers, sender_address):
        if DELAY_SUBJECT.search(headers.text("subject")):
            return Origin(Automatic.REPORT)
        status = FAILURE_STATUS.search(text[:MAX_NOTICE_CHARS])
        return Origin(Automatic.BOUNCE, status[1] if status else None, _returned_id(root, text))
    if _is_reply(headers):
        return Origin(Automatic.REPLY)
    return Origin(Automatic.GENERATED if _is_generated(headers, sender_address) else Automatic.NO)


def _report(root: Part, sender_address: str) -> Origin | None:
    """Read a delivery status, read receipt or abuse report that is the mail itself.

    A report that a person attached or forwarded is not: it lies in another message or the mail
    is no multipart/report.
    """
    if root.content_type != "multipart/report" and not _is_postmaster(root.headers, sender_address):
        return None
    parts = list(root.walk())
    if any(part.content_type in REPORTS for part in parts):
        return Origin(Automatic.REPORT)
    status_parts = [part for part in parts if part.content_type == "message/delivery-status"]
    if status_parts:
        return _delivery(status_parts[0], root)
    kind = root.parameters.get("report-type", "").lower()
    is_other_report = kind in {"disposition-notification", "feedback-report"}
    return Origin(Automatic.REPORT) if is_other_report else None


def _delivery(status_part: Part, root: Part) -> Origin:
    """Find the first recipient for whom delivery failed; a delay is a report, not a bounce."""
    for recipient in _recipient_fields(status_part.content):
        action = recipient.text("action").lower().split(" ")[0]
        found = STATUS.search(recipient.text("status")) or STATUS.search(
            recipient.text("diagnostic-code")
        )
        status = found[1] if found else None
        if action == "failed" or (not action and status and status.startswith("5")):
            return Origin(Automatic.BOUNCE, status, _returned_id(root, ""))
    return Origin(Automatic.REPORT)


def _recipient_fields(content: bytes) -> list[Headers]:
    """Split a delivery status into its per-recipient blocks."""
    blocks: list[Headers] = []
    position = 0
    while position < len(content) and len(blocks) < 200:
        headers, after = split_header(content, position)
        blocks.append(headers)
        position = max(after, position + 1)
    return [block for block in blocks if block.has("action") or block.has("status")]


def _returned_id(root: Part, text: str) -> str | None:
    """Find the Message-ID of the mail that came back."""
    for part in root.walk():
        if part.content_type in {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"}:
            returned, _ = split_header(part.content)
            if found := MESSAGE_ID.search(returned.text("message-id")):
                return f"<{found[1]}>"
    if found := RETURNED_ID.search(text[:MAX_NOTICE_CHARS]):
        return found[1]
    answered = MESSAGE_ID.search(root.headers.text("in-reply-to"))
    return f"<{answered[1]}>" if answered else None


def _is_postmaster(headers: Headers, sender_address: str) -> bool:
    local = sender_address.rpartition("@")[0].lower()
    return local in POSTMASTERS or _has_null_return_path(headers)


def _has_null_return_path(headers: Headers) -> bool:
    return headers.raw("return-path").replace(b" ", b"") == b"<>"


def _is_plain_bounce(headers: Headers, sender_address: str) -> bool:
    """Recognise bounces from before, or without, RFC 3464."""
    if headers.has("x-failed-recipients"):
        return True
    local = sender_address.rpartition("@")[0].lower()
    is_daemon = local in POSTMASTERS - {"postmaster"}
    answers_nobody = _has_null_return_path(headers)
    return is_daemon or (local == "postmaster" and answers_nobody)


def _is_reply(headers: Headers) -> bool:
    submitted = headers.text("auto-submitted").lower()
    precedence = headers.text("precedence").lower()
    if submitted.startswith("auto-replied") or precedence in {"auto_reply", "auto-reply"}:
        return True
    if any(headers.has(name) for name in REPLY_HEADERS):
        return True
    if REPLY_SUBJECT.match(headers.text("subject")):
        return True
    answers = headers.has("in-reply-to") or headers.has("references")
    return answers and (_has_null_return_path(headers) or submitted.startswith("auto-generated"))


def _is_generated(headers: Headers, sender_address: str) -> bool:
    submitted = headers.text("auto-submitted").lower().split(";")[0].strip()
    if submitted not in {"", "no"} or _has_null_return_path(headers):
        return True
    if headers.text("precedence").lower() in {"bulk", "list", "junk"}:
        return True
    suppress = headers.text("x-auto-response-suppress").lower()
    if suppress not in {"", "none"} or any(headers.has(name) for name in LIST_HEADERS):
        return True
    return NO_REPLY.fullmatch(sender_address.rpartition("@")[0]) is not None
