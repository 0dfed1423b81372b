"""What a file would change: records compared with what is stored. Pure.

Both sides are given in natural keys and plain values, so that they can be compared and shown.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from supportdesk.actions.people_import import records as rec
from supportdesk.actions.people_import.file import Problem
from supportdesk.routing.calendar import day_bounds

Key = tuple[str | date | datetime, ...]
Values = Mapping[str, Any]
Snapshot = Mapping[str, Mapping[Key, Values]]
"""What is stored: kind of record -> key -> values."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line of the file wants to be stored."""

    record: str
    key: Key
    values: Values
    place: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to add (`before` None) or to change."""

    record: str
    key: Key
    place: str
    before: Values | None
    after: Values

    @property
    def differences(self) -> Mapping[str, tuple[Any, Any]]:
        """Give what changes: column -> what it was (None for something new) and will be."""
        before = self.before or {}
        return {
            name: (before.get(name), value)
            for name, value in self.after.items()
            if before.get(name) != value
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and how many records of each kind are stored as the file has them."""

    changes: tuple[Change, ...]
    unchanged: Mapping[str, int]


def entries_of(
    records: Sequence[rec.Record], stored: Snapshot, *, today: date
) -> tuple[list[Entry], list[Problem]]:
    """Turn records into what they want to be stored; a second line on one thing is a problem."""
    entries: dict[tuple[str, Key], Entry] = {}
    problems: list[Problem] = []
    for entry in _plain_entries(records):
        first = entries.setdefault((entry.record, entry.key), entry)
        if first is not entry:
            problems.append(_said_twice(entry, first.place))
    memberships, wrong = _memberships(records, stored, today)
    return [*entries.values(), *memberships], problems + wrong


def compare(entries: Iterable[Entry], stored: Snapshot) -> Plan:
    """Find what has to be added and changed, in an order in which it can be written."""
    changes: list[Change] = []
    unchanged: Counter[str] = Counter()
    assignments = _by_capacity(stored["assignment"])
    for entry in entries:
        before = stored[entry.record].get(entry.key)
        if before == entry.values:
            unchanged[entry.record] += 1
        else:
            changes.append(Change(entry.record, entry.key, entry.place, before, entry.values))
        if entry.record == "assignment" and before is None:
            changes += _ended_by(entry, assignments.get(entry.key[:-1], {}))
    order = {record: number for number, record in enumerate(rec.KINDS)}
    return Plan(tuple(sorted(changes, key=lambda change: order[change.record])), unchanged)


def _plain_entries(records: Iterable[rec.Record]) -> Iterator[Entry]:
    for record in records:
        match record:
            case rec.Contract():
                yield _entry("contract", record, record.key, name=record.name)
            case rec.Organisation():
                yield _entry(
                    "organisation",
                    record,
                    record.key,
                    name=record.name,
                    registration_number=record.registration_number,
                    contract=record.contract,
                    authority=record.authority,
                    note=record.note,
                )
            case rec.SharedNumber():
                yield _entry(
                    "shared_number", record, record.number, organisation=record.organisation
                )
            case rec.Contact():
                yield _entry(
                    "contact",
                    record,
                    record.key,
                    name=record.name,
                    language=record.language,
                    addresses=tuple(sorted(record.addresses)),
                    numbers=tuple(sorted(record.numbers)),
                )
            case rec.Membership():
                continue  # several lines make one membership
            case rec.Agent() | rec.Assignment() | rec.Absence():
                yield _entry_of_staff(record)
            case rec.ClosingDay():
                yield _entry("closing_day", record, record.on, name=record.name)
            case rec.Mailbox():
                yield _entry(
                    "mailbox",
                    record,
                    record.address,
                    name=record.name or record.address,
                    topic=record.topic,
                    imap_host=record.imap_host,
                    imap_port=record.imap_port,
                    imap_security=record.imap_security,
                    imap_username=record.imap_username,
                    imap_folder=record.imap_folder,
                )


def _entry_of_staff(record: rec.Agent | rec.Assignment | rec.Absence) -> Entry:
    match record:
        case rec.Agent():
            return _entry(
                "agent",
                record,
                record.username,
                name=record.name,
                email=record.email,
                phone=record.phone,
                language=record.language,
                teams=dict(record.teams),
                rights=tuple(sorted(record.rights)),
            )
        case rec.Assignment():
            side = "organisation" if record.organisation else "contract"
            customer = record.organisation or record.contract or ""
            return _entry(
                "assignment",
                record,
                *(record.service, side, customer, record.valid_from),
                agent=record.agent,
                valid_until=record.valid_until,
            )
        case rec.Absence():
            return _entry(
                "absence",
                record,
                *(record.agent, day_bounds(record.first_on)[0]),
                ends_at=day_bounds(record.until)[0],
                kind=record.kind,
                substitute=record.substitute,
            )


def _entry(kind: str, record: rec.Record, /, *key: str | date | datetime, **values: Any) -> Entry:
    return Entry(kind, key, values, record.place)


def _memberships(
    records: Iterable[rec.Record], stored: Snapshot, today: date
) -> tuple[list[Entry], list[Problem]]:
    lines: dict[Key, list[rec.Membership]] = {}
    for line in rec.of_kind(records, rec.Membership):
        lines.setdefault((line.contact, line.organisation), []).append(line)
    entries: list[Entry] = []
    problems: list[Problem] = []
    for key, mine in lines.items():
        roles: dict[str, tuple[date, date | None]] = {}
        for line in mine:
            for role in line.roles:
                if role in roles:
                    problems.append(Problem(line.place, "roles", role, "a role stands there once"))
                roles[role] = (line.valid_from, line.valid_until)
        before = stored["membership"].get(key, {})
        values = {
            "valid_from": min(line.valid_from for line in mine),
            "valid_until": _latest(line.valid_until for line in mine),
            "roles": {**_ended_roles(before.get("roles", {}), today), **roles},
        }
        entries.append(Entry("membership", key, values, mine[0].place))
    return entries, problems


def _ended_roles(
    roles: Mapping[str, tuple[date, date | None]], today: date
) -> dict[str, tuple[date, date | None]]:
    """End today what is stored: what the file does not say any more stays as history."""
    return {
        role: (begins, until if until is not None and until <= today else today)
        for role, (begins, until) in roles.items()
        if begins < today
    }


def _latest(ends: Iterable[date | None]) -> date | None:
    known = list(ends)
    return None if None in known else max(end for end in known if end is not None)


def _by_capacity(assignments: Mapping[Key, Values]) -> Mapping[Key, Mapping[Key, Values]]:
    """Group assignments by whom they serve in what capacity, whatever day they begin."""
    grouped: dict[Key, dict[Key, Values]] = {}
    for key, values in assignments.items():
        grouped.setdefault(key[:-1], {})[key] = values
    return grouped


def _ended_by(entry: Entry, others: Mapping[Key, Values]) -> Iterator[Change]:
    """End the assignment that a new one takes over from; `check` refuses any other overlap."""
    begins = begins_on(entry.key)
    for key, before in others.items():
        if begins_on(key) < begins and overlaps(before["valid_until"], begins):
            yield Change("assignment", key, entry.place, before, {**before, "valid_until": begins})


def begins_on(key: Key) -> date:
    """Give the first day of an assignment, the last part of its key."""
    begins = key[-1]
    assert isinstance(begins, date)  # noqa: S101 - by construction
    return begins


def overlaps(until: date | None, begins: date) -> bool:
    """Tell whether what lasts until (not including) `until` goes on when the other begins."""
    return until is None or until > begins


def _said_twice(entry: Entry, first_place: str) -> Problem:
    key = " / ".join(str(part) for part in entry.key)
    return Problem(entry.place, "", key, f"{first_place} says something of it already")
