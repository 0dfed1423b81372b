"""What travels in a mail in forms that we do not open, each told in one line."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _

from supportdesk.db.queries.conversation import Entry
from supportdesk.web import times

_SEALED = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_SIGNATURES = {
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
}
_TNEF = {"application/ms-tnef", "application/vnd.ms-tnef"}


def tell_enclosures(entry: Entry) -> list[str]:
    """Tell what a mail holds besides its words: sealed parts, signatures, invitations."""
    return list(dict.fromkeys(_told(entry)))


def _told(entry: Entry) -> Iterator[str]:
    types = {file.content_type for file in entry.files}
    if types & _SEALED:
        yield _("Encrypted or signed as a whole (S/MIME). Open it in your mail program.")
    if "application/pgp-encrypted" in types or "-----BEGIN PGP MESSAGE-----" in entry.text:
        yield _("Encrypted (PGP). Open it in your mail program.")
    if types & _SIGNATURES or "-----BEGIN PGP SIGNED MESSAGE-----" in entry.text:
        yield _("Digitally signed. The signature is not checked here.")
    if types & _TNEF:
        yield _("Outlook packed files into winmail.dat. Open it in Outlook.")
    for file in entry.files:
        if file.invitation:
            yield _invitation(file.invitation)


def _invitation(told: dict[str, Any]) -> str:
    what = _("Meeting cancelled") if told["is_cancelled"] else _("Meeting invitation")
    start, end = _when(told["starts"]), _when(told["ends"])
    on, _comma, ends_at = end.rpartition(", ")
    if on and start.startswith(f"{on}, "):
        end = ends_at  # the same day needs not be said twice
    if told["zone"] and "T" in told["starts"] and "+" not in told["starts"]:
        end = f"{end} ({told['zone']})" if end else end
        start = start if end else f"{start} ({told['zone']})"
    span = f"{start} – {end}" if start and end else start
    return f"{what}: {', '.join(filter(None, (told['title'], span, told['organiser'])))}"


def _when(text: str) -> str:
    with suppress(ValueError):
        if "T" not in text:
            return times.calendar_day(date.fromisoformat(text))
        then = datetime.fromisoformat(text)
        if then.tzinfo is not None:
            return times.long_time(then)
        return f"{times.calendar_day(then)}, {then.hour}:{then.minute:02}"
    return ""
