"""Reading posted forms: every field by name, typed, or a sentence that says what is wrong."""

from enum import StrEnum
from typing import TypeVar

from flask import request

from supportdesk.errors import InvalidInput
from supportdesk.tickets import Desk
from supportdesk.web.language import later as _l
from supportdesk.web.words import Words, word

Choice = TypeVar("Choice", bound=StrEnum)
LARGEST_ID = 2**63 - 1

# What people see beside the fields; the rest are hidden ones.
LABELS: Words = {
    "text": _l("Text"),
    "reason": _l("Reason"),
    "override_reason": _l("Reason"),
    "to": _l("To"),
    "cc": _l("Copy"),
    "then_state": _l("Afterwards"),
    "state": _l("State"),
    "topic": _l("Topic"),
    "priority": _l("Priority"),
    "activity": _l("What is asked for"),
    "object": _l("Number, document or service"),
    "sender": _l("Who answers"),
    "username": _l("User name"),
    "name": _l("Name"),
    "email": _l("Email"),
    "phone": _l("Phone"),
    "language": _l("Language"),
    "password": _l("Password"),
    "current_password": _l("Present password"),
    "address": _l("Address"),
    "imap_host": _l("Server"),
    "imap_port": _l("Port"),
    "imap_security": _l("Security"),
    "imap_username": _l("User name"),
    "imap_password": _l("Password"),
    "imap_folder": _l("Folder"),
    "token_url": _l("Token server"),
    "client_id": _l("Client ID"),
    "client_secret": _l("Client secret"),
    "refresh_token": _l("Refresh token"),
    **{f"team_{desk}": _l("Desks, and experience there") for desk in Desk},
}


def text_of(name: str, *, most: int = 200_000) -> str:
    """Give a text field, "" when it is absent; line ends become single newlines."""
    value = request.form.get(name, "").replace("\r\n", "\n")
    if len(value) > most:
        raise InvalidInput(
            "The field {field!r} has {length} characters; at most {most} fit.",
            field=word(LABELS, name),
            length=len(value),
            most=most,
        )
    if "\x00" in value:
        raise InvalidInput(
            "The field {field!r} contains a character that no text has.", field=word(LABELS, name)
        )
    return value


def number_of(name: str) -> int:
    """Give a whole number that has to be there."""
    found = optional_number_of(name)
    if found is None:
        raise InvalidInput("The field {field!r} is missing; fill it in.", field=word(LABELS, name))
    return found


def is_number(raw: str) -> bool:
    """Tell whether `raw` is a whole number no larger than the database's ids can be."""
    # Without isascii "²" is a digit; without a length int() takes its time, or refuses.
    is_short = raw.isascii() and raw.isdigit() and len(raw) <= len(str(LARGEST_ID))
    return is_short and int(raw) <= LARGEST_ID


def optional_number_of(name: str) -> int | None:
    """Give a whole number, None when the field is absent or empty."""
    raw = request.form.get(name, "").strip()
    if not raw:
        return None
    if not is_number(raw):
        raise InvalidInput(
            "The field {field!r} needs a whole number, not {value!r}.",
            field=word(LABELS, name),
            value=raw[:40],
        )
    return int(raw)


def choice_of(name: str, kind: type[Choice]) -> Choice:
    """Give one of the values of `kind`."""
    raw = request.form.get(name, "")
    try:
        return kind(raw)
    except ValueError:
        raise InvalidInput(
            "The field {field!r} cannot be {value!r}; possible is: {allowed}.",
            field=word(LABELS, name),
            value=raw[:40],
            allowed=list(kind),
        ) from None


def addresses_of(name: str) -> tuple[str, ...]:
    """Give the mail addresses of a field, separated by commas, semicolons or white space."""
    raw = text_of(name, most=10_000).replace(";", " ").replace(",", " ")
    return tuple(dict.fromkeys(raw.split()))
