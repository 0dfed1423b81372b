"""Telephone numbers in the one form in which they are stored and compared."""

import re
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat

REGION: Final = "CZ"

_LOOKS_LIKE_NUMBER = re.compile(r"\+?[\d\s()./-]{3,40}")

# Seen in the place of a withheld number: words, and the digits that spell them on a keypad.
# Some are valid numbers once a country code is presumed, so they are looked for before that.
_HIDDEN = frozenset(
    {
        "",
        "anonymous",
        "unavailable",
        "unknown",
        "restricted",
        "private",
        "blocked",
        "withheld",
        "266696687",  # ANONYMOUS
        "7378742833",  # RESTRICTED
        "2562533",  # BLOCKED
        "8656696",  # UNKNOWN
        "86282452253",  # UNAVAILABLE
    }
)


def normalise_number(raw: str) -> str | None:
    """Give a number in E.164, None when it is withheld, no valid number, or has an extension.

    Numbers without a country code are Czech. A SIP address stands for its user part.
    """
    text = _without_sip(raw)
    if is_hidden(text) or not _LOOKS_LIKE_NUMBER.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def spaced_number(number: str) -> str:
    """Give a stored number with the spaces that people read it by: +420 603 604 644."""
    return phonenumbers.format_number(
        phonenumbers.parse(number, REGION), PhoneNumberFormat.INTERNATIONAL
    )


def is_hidden(raw: str) -> bool:
    """Tell whether what stands in the place of a number says that the caller withheld it."""
    return _without_sip(raw).lower().removeprefix("+") in _HIDDEN


def _without_sip(raw: str) -> str:
    scheme, colon, rest = raw.strip().partition(":")
    if colon and scheme.lower() in {"sip", "sips", "tel"}:
        return re.split("[@;]", rest, maxsplit=1)[0].strip()
    return raw.strip()
