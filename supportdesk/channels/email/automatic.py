"""Whether a machine wrote the mail, which kind of machine, and whether it may be answered by one.

Source: RFC 3834 (automatic responses), RFC 2369 and 8058 (lists). Reports are read in `reports`.
"""

import re
from dataclasses import dataclass

from supportdesk.channels.email.headers import Headers
from supportdesk.channels.email.mime import Part
from supportdesk.channels.email.reports import Report, has_null_return_path, read_report
from supportdesk.messages import Automatic

INSTANCE_HEADER = "X-Supportdesk-Instance"

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
REPLY_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "x-autoresponder",
    "x-mail-autoreply",
)
LIST_HEADERS = ("list-id", "list-unsubscribe", "list-post", "list-help")
# Only those who send to thousands write these.
BULK_HEADERS = ("feedback-id", "list-unsubscribe-post")


@dataclass(frozen=True, slots=True)
class Origin:
    """What kind of writer a mail has; `report` when it reports about another mail.

    `wants_no_answer` tells that a machine must not answer it, though a person may have written it.
    """

    automatic: Automatic
    report: Report | None = None
    wants_no_answer: bool = True


def origin_of(root: Part, sender_address: str, text: str, instance_id: str) -> Origin:
    """Say what kind of writer the header and the structure of a mail show."""
    headers = root.headers
    instance = headers.text(INSTANCE_HEADER.lower())
    if instance_id and instance == instance_id:
        return Origin(Automatic.LOOP)
    if report := read_report(root, sender_address, text):
        return Origin(report.automatic, report)
    if _is_reply(headers):
        return Origin(Automatic.REPLY)
    if _is_generated(headers, sender_address):
        return Origin(Automatic.GENERATED)
    return Origin(Automatic.NO, wants_no_answer=_wants_no_answer(headers))


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
    return answers and (has_null_return_path(headers) or submitted.startswith("auto-generated"))


def _is_generated(headers: Headers, sender_address: str) -> bool:
    submitted = headers.text("auto-submitted").lower().split(";")[0].strip()
    if submitted not in {"", "no"} or has_null_return_path(headers):
        return True
    if headers.text("precedence").lower() in {"bulk", "junk"}:
        return True
    # A list that can be posted to carries letters of people.
    if not headers.has("list-post") and any(headers.has(name) for name in BULK_HEADERS):
        return True
    return NO_REPLY.fullmatch(sender_address.rpartition("@")[0]) is not None


def _wants_no_answer(headers: Headers) -> bool:
    """Tell whether a person wrote through a list, or by a program that refuses automatic answers.

    Such a mail must not be overlooked; only the acknowledgement stays away.
    """
    if headers.text("precedence").lower() == "list":
        return True
    suppress = headers.text("x-auto-response-suppress").lower()
    return suppress not in {"", "none"} or any(headers.has(name) for name in LIST_HEADERS)
