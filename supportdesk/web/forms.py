"""Reading posted forms: every field by name, typed, or a sentence that says what is wrong."""

from enum import StrEnum
from typing import TypeVar

from flask import request

from supportdesk.errors import InvalidInput

Choice = TypeVar("Choice", bound=StrEnum)
LARGEST_ID = 2**63 - 1


def text_of(name: str, *, most: int = 200_000) -> str:
    """Give a text field, "" when it is absent; line ends become single newlines."""
    value = request.form.get(name, "").replace("\r\n", "\n")
    if len(value) > most:
        raise InvalidInput(f"The field {name} has {len(value)} characters; at most {most} fit.")
    if "\x00" in value:
        raise InvalidInput(f"The field {name} contains a character that no text has.")
    return value


def number_of(name: str) -> int:
    """Give a whole number that has to be there."""
    found = optional_number_of(name)
    if found is None:
        raise InvalidInput(f"The field {name} is missing; fill it in.")
    return found


def optional_number_of(name: str) -> int | None:
    """Give a whole number, None when the field is absent or empty."""
    raw = request.form.get(name, "").strip()
    if not raw:
        return None
    if not (raw.isascii() and raw.isdigit() and int(raw[:20]) <= LARGEST_ID):
        raise InvalidInput(f"The field {name} needs a whole number, not {raw[:40]!r}.")
    return int(raw)


def choice_of(name: str, kind: type[Choice]) -> Choice:
    """Give one of the values of `kind`."""
    raw = request.form.get(name, "")
    try:
        return kind(raw)
    except ValueError:
        allowed = ", ".join(kind)
        raise InvalidInput(
            f"The field {name} cannot be {raw[:40]!r}; possible is: {allowed}."
        ) from None


def addresses_of(name: str) -> tuple[str, ...]:
    """Give the mail addresses of a field, separated by commas, semicolons or white space."""
    raw = text_of(name, most=10_000).replace(";", " ").replace(",", " ")
    return tuple(dict.fromkeys(raw.split()))
