"""What a file of people may say: one class for each kind of record, one field for each column.

Pure. In the file `valid_to` is the last day, included; here `valid_until` is the day after it.
"""
# ruff: noqa: RUF009 - a column is a field

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from supportdesk.actions.agents import EXPERIENCE
from supportdesk.actions.people_import import cells
from supportdesk.actions.people_import.file import Problem, Row
from supportdesk.db.models import Right, Service
from supportdesk.routing.authority import Role
from supportdesk.routing.facts import AbsenceKind, TopicKind
from supportdesk.tickets import Desk


class Authority(StrEnum):
    """An organisation's place under a framework contract."""

    CENTRAL = "central"
    DELEGATING = "delegating"


class MailboxTopic(StrEnum):
    """What writing to a mailbox may tell."""

    TECHNICAL = TopicKind.TECHNICAL.value
    BUSINESS = TopicKind.BUSINESS.value


class MailboxSecurity(StrEnum):
    """How the connection to a mail server is secured."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


def _team(cell: str) -> tuple[Desk, int]:
    name, colon, experience = cell.partition(":")
    desk = cells.one_of(Desk)(name.strip())
    if not colon:
        return desk, 1
    if experience.strip() not in {str(level) for level in EXPERIENCE}:
        raise ValueError("the experience after the colon goes from 1 to 5, as in pool:5")
    return desk, int(experience)


def _language(cell: str) -> str:
    if cell.lower() not in {"cs", "en"}:
        raise ValueError("it has to be one of: cs, en")
    return cell.lower()


def _column(read: Callable[[str], Any], name: str = "", **kwargs: Any) -> Any:
    return field(metadata={"read": read, "column": name}, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A framework contract."""

    place: str
    key: str = _column(cells.text)
    name: str = _column(cells.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A customer; with a contract it is a central or a delegating authority."""

    place: str
    key: str = _column(cells.text)
    name: str = _column(cells.text)
    registration_number: str | None = _column(cells.registration_number, default=None)
    contract: str | None = _column(cells.text, default=None)
    authority: Authority | None = _column(cells.one_of(Authority), default=None)
    note: str = _column(cells.text, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedNumber:
    """A number that tells the organisation, never the person."""

    place: str
    number: str = _column(cells.number)
    organisation: str = _column(cells.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person on the customer's side."""

    place: str
    key: str = _column(cells.text)
    name: str = _column(cells.text)
    language: str = _column(_language, default="cs")
    addresses: tuple[str, ...] = _column(cells.several(cells.address), default=())
    numbers: tuple[str, ...] = _column(cells.several(cells.number), default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A contact's roles in an organisation; several lines may give roles of different validity."""

    place: str
    contact: str = _column(cells.text)
    organisation: str = _column(cells.text)
    roles: tuple[Role, ...] = _column(cells.several(cells.one_of(Role)), default=())
    valid_from: date = _column(cells.day)
    valid_until: date | None = _column(cells.day_after, "valid_to", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A member of staff; `teams` such as "customer_centre" or "pool:5", with the experience."""

    place: str
    username: str = _column(cells.username)
    name: str = _column(cells.text)
    email: str | None = _column(cells.address, default=None)
    phone: str | None = _column(cells.number, default=None)
    language: str = _column(_language, default="cs")
    teams: tuple[tuple[Desk, int], ...] = _column(cells.several(_team), default=())
    rights: tuple[Right, ...] = _column(cells.several(cells.one_of(Right)), default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Who serves an organisation, or every organisation under a contract."""

    place: str
    service: Service = _column(cells.one_of(Service))
    agent: str = _column(cells.username)
    organisation: str | None = _column(cells.text, default=None)
    contract: str | None = _column(cells.text, default=None)
    valid_from: date = _column(cells.day)
    valid_until: date | None = _column(cells.day_after, "valid_to", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Whole days on which an agent is away, both included in the file."""

    place: str
    agent: str = _column(cells.username)
    first_on: date = _column(cells.day, "valid_from")
    until: date = _column(cells.day_after, "valid_to")
    kind: AbsenceKind = _column(cells.one_of(AbsenceKind), default=AbsenceKind.LEAVE)
    substitute: str | None = _column(cells.username, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingDay:
    """A day on which the customer centre stays closed."""

    place: str
    on: date = _column(cells.day)
    name: str = _column(cells.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One of our addresses; its password never stands in a file."""

    place: str
    address: str = _column(cells.address)
    name: str = _column(cells.text, default="")
    topic: MailboxTopic | None = _column(cells.one_of(MailboxTopic), default=None)
    imap_host: str | None = _column(cells.text, default=None)
    imap_port: int = _column(cells.port, default=993)
    imap_security: MailboxSecurity = _column(
        cells.one_of(MailboxSecurity), default=MailboxSecurity.TLS
    )
    imap_username: str = _column(cells.text, default="")
    imap_folder: str = _column(cells.text, default="INBOX")


Record = (
    Contract
    | Organisation
    | SharedNumber
    | Contact
    | Membership
    | Agent
    | Assignment
    | Absence
    | ClosingDay
    | Mailbox
)
Some = TypeVar("Some", bound=Record)

KINDS: Mapping[str, type[Record]] = {
    "contract": Contract,
    "organisation": Organisation,
    "shared_number": SharedNumber,
    "contact": Contact,
    "membership": Membership,
    "agent": Agent,
    "assignment": Assignment,
    "absence": Absence,
    "closing_day": ClosingDay,
    "mailbox": Mailbox,
}


def columns_of(kind: type[Record]) -> dict[str, Any]:
    """Give the columns of a kind of record with the fields that they fill."""
    return {
        item.metadata["column"] or item.name: item for item in fields(kind) if item.name != "place"
    }


COLUMNS: Mapping[str, frozenset[str]] = {
    name: frozenset(columns_of(kind)) for name, kind in KINDS.items()
}


def read_records(rows: Iterable[Row | Problem]) -> tuple[list[Record], list[Problem]]:
    """Read rows into records; every problem of every row is told."""
    records: list[Record] = []
    problems: list[Problem] = []
    for row in rows:
        if isinstance(row, Problem):
            problems.append(row)
            continue
        values, wrong = _read_cells(row, KINDS[row.record])
        problems += wrong
        if not wrong:
            records.append(KINDS[row.record](place=row.place, **values))
    return records, problems


def keys_mentioned(rows: Iterable[Row | Problem]) -> dict[str, set[str]]:
    """Give, for each kind of record, the keys of its rows, readable or not."""
    keys: dict[str, set[str]] = {}
    for row in rows:
        if isinstance(row, Row):
            key = row.cells.get("key") or row.cells.get("username", "").lower()
            keys.setdefault(row.record, set()).add(cells.text(key))
    return keys


def of_kind(records: Iterable[Record], kind: type[Some]) -> Iterator[Some]:
    """Give the records of one kind, in the order of the file."""
    return (record for record in records if isinstance(record, kind))


def _read_cells(row: Row, kind: type[Record]) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems = []
    for column, item in columns_of(kind).items():
        cell = row.cells.get(column)
        if cell is None:
            if item.default is MISSING:
                problems.append(Problem(row.place, column, "", "it is empty but has to be filled"))
            continue
        try:
            values[item.name] = item.metadata["read"](cell)
        except ValueError as error:
            problems.append(Problem(row.place, column, cell, str(error)))
    return values, problems
