"""Readers of cells: text to a value, or ValueError that says what is allowed. Pure."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar

from supportdesk.actions.agents import USERNAME
from supportdesk.channels.email.addresses import is_address, normalise_address
from supportdesk.channels.phone.numbers import normalise_number
from supportdesk.routing.calendar import FIRST_YEAR, LAST_YEAR

Kind = TypeVar("Kind", bound=StrEnum)
Value = TypeVar("Value")

_SEPARATORS = re.compile(r"[|,;\n]")
_CZECH_DATE = re.compile(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})")
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2)


def text(cell: str) -> str:
    """Read any text; control characters become spaces."""
    return "".join(char if char.isprintable() else " " for char in cell).strip()


def one_of(kind: type[Kind]) -> Callable[[str], Kind]:
    """Make a reader of one code."""

    def read(cell: str) -> Kind:
        try:
            return kind(cell.lower())
        except ValueError:
            raise ValueError(f"it has to be one of: {', '.join(kind)}") from None

    return read


def several(read_one: Callable[[str], Value]) -> Callable[[str], tuple[Value, ...]]:
    """Make a reader of several values, separated by |, comma, semicolon or a new line."""

    def read(cell: str) -> tuple[Value, ...]:
        parts = [part.strip() for part in _SEPARATORS.split(cell)]
        return tuple(dict.fromkeys(read_one(part) for part in parts if part))

    return read


def address(cell: str) -> str:
    """Read an email address."""
    if not is_address(cell):
        raise ValueError("it has to be an email address such as eva@example.org")
    return normalise_address(cell)


def number(cell: str) -> str:
    """Read a telephone number."""
    normalised = normalise_number(cell)
    if normalised is None:
        raise ValueError("it has to be a telephone number such as +420 603 604 644")
    return normalised


def registration_number(cell: str) -> str:
    """Read an IČO; spreadsheets drop its leading zeros. Source: Czech Statistical Office, IČO."""
    digits = cell.replace(" ", "").zfill(8)
    if len(digits) == 8 and digits.isascii() and digits.isdigit():
        total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits[:7], strict=True))
        if (11 - total % 11) % 10 == int(digits[7]):
            return digits
    raise ValueError("it has to be an IČO: 8 digits, the last one a check digit")


def day(cell: str) -> date:
    """Read a day, ISO or Czech."""
    allowed = f"it has to be a day such as 2026-11-24 or 24.11.2026, {FIRST_YEAR} to {LAST_YEAR}"
    czech = _CZECH_DATE.fullmatch(cell)
    try:
        if czech:
            found = date(int(czech[3]), int(czech[2]), int(czech[1]))
        else:
            found = date.fromisoformat(cell)
    except ValueError:
        raise ValueError(allowed) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(allowed)
    return found


def day_after(cell: str) -> date:
    """Read a last day, included, and give the day after it: the end of a half-open interval."""
    return day(cell) + timedelta(days=1)


def username(cell: str) -> str:
    """Read a user name."""
    name = cell.lower()
    if not USERNAME.fullmatch(name):
        raise ValueError("it needs 2 to 80 of a-z, 0-9, dot, dash and underscore")
    return name


def port(cell: str) -> int:
    """Read a port."""
    if cell.isascii() and cell.isdigit() and 1 <= int(cell) <= 65535:
        return int(cell)
    raise ValueError("it has to be a number from 1 to 65535")
