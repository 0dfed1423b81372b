"""What a calendar part invites to, read without trusting or running anything in it.

Source: RFC 5545; only the first event counts, and what cannot be read is left out.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime

from supportdesk.channels.email.headers import clean, parse_parameters
from supportdesk.messages import Invitation

MAX_CHARS = 64 * 1024
MAX_VALUE_CHARS = 200

FOLD = re.compile(r"\r?\n[ \t]")
# A parameter holds no semicolon outside quotes: with one there would be endless ways to read a row.
PROPERTY = re.compile(r"([A-Z-]{1,40})((?:;[^:;\"\n]{0,200}(?:\"[^\"\n]{0,200}\")?){0,10}):(.*)")
ESCAPED = re.compile(r"\\([,;\\nN])")


def read_invitation(text: str) -> Invitation | None:
    """Read the first event of a calendar, None when there is none."""
    calendar = FOLD.sub("", text[:MAX_CHARS])
    before, begun, rest = calendar.partition("BEGIN:VEVENT")
    if not begun:
        return None
    event = _properties(rest.partition("END:VEVENT")[0].partition("BEGIN:VALARM")[0])
    _, title = event.get("SUMMARY", ("", ""))
    by_parameters, by = event.get("ORGANIZER", ("", ""))
    name = parse_parameters(f"x{by_parameters}")[1].get("cn", "")
    start_parameters, start = event.get("DTSTART", ("", ""))
    _, status = event.get("STATUS", ("", ""))
    _, method = _properties(before).get("METHOD", ("", ""))
    return Invitation(
        title=_words(title),
        starts=_instant(start),
        ends=_instant(event.get("DTEND", ("", ""))[1]),
        zone=_words(parse_parameters(f"x{start_parameters}")[1].get("tzid", "")),
        organiser=_words(name or re.sub(r"(?i)^mailto:", "", by.strip())),
        is_cancelled="CANCEL" in method.upper() or status.strip().upper() == "CANCELLED",
    )


def _properties(text: str) -> dict[str, tuple[str, str]]:
    """Give the first value of each property, with its parameters as written."""
    found: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        if match := PROPERTY.fullmatch(line.rstrip()):
            found.setdefault(match[1], (match[2], match[3]))
    return found


def _words(value: str) -> str:
    unescaped = ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value)
    return clean(unescaped)[:MAX_VALUE_CHARS]


def _instant(value: str) -> str:
    """Give a day, a local time, or an instant in UTC in ISO form; "" for anything else."""
    text = value.strip()
    with suppress(ValueError):
        if text.endswith("Z"):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).isoformat()
        if "T" in text:
            return datetime.strptime(text, "%Y%m%dT%H%M%S").isoformat()  # noqa: DTZ007 - local
        return date.fromisoformat(text).isoformat()
    return ""
