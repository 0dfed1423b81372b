"""What must hold between records: references, intervals, and who can serve whom. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date
from itertools import pairwise
from typing import Any

from supportdesk.actions.people_import import records as rec
from supportdesk.actions.people_import.file import Problem
from supportdesk.actions.people_import.plan import (
    Entry,
    Key,
    Snapshot,
    Values,
    begins_on,
    overlaps,
)
from supportdesk.db.models import Right, Service
from supportdesk.tickets import Desk

_ANSWERS_CUSTOMERS = frozenset({Desk.CUSTOMER_CENTRE, Desk.POOL})


def check_records(records: Sequence[rec.Record]) -> Iterator[Problem]:
    """Find what is wrong within single records."""
    for record in records:
        match record:
            case rec.Organisation() if bool(record.contract) != bool(record.authority):
                column = "authority" if record.contract else "contract"
                allowed = "an authority needs its contract, and a contract the authority's kind"
                yield Problem(record.place, column, "", allowed)
            case rec.Membership() | rec.Assignment():
                yield from _check_interval(record.place, record.valid_from, record.valid_until)
                if isinstance(record, rec.Assignment) and bool(record.organisation) == bool(
                    record.contract
                ):
                    allowed = "exactly one of organisation and contract has to be filled"
                    yield Problem(record.place, "organisation", record.organisation or "", allowed)
            case rec.Absence():
                yield from _check_interval(record.place, record.first_on, record.until)
                if record.substitute == record.agent:
                    allowed = "the substitute has to be somebody else"
                    yield Problem(record.place, "substitute", record.agent, allowed)
            case rec.Mailbox() if record.imap_host and not record.imap_username:
                allowed = "a mailbox that is polled needs a user name for its server"
                yield Problem(record.place, "imap_username", "", allowed)
            case _:
                pass


def check_references(
    entries: Sequence[Entry], stored: Snapshot, mentioned: Mapping[str, Set[str]]
) -> Iterator[Problem]:
    """Find references to what is neither in the file nor stored, and agents who cannot serve.

    `mentioned` gives the keys of all rows, those with problems of their own included.
    """
    known = {
        kind: {key[0] for key in stored[kind]} | mentioned.get(kind, set())
        for kind in ("contract", "organisation", "contact", "agent")
    }
    for entry in entries:
        for column, kind, value in _references(entry):
            if value and value not in known[kind]:
                allowed = f"no such {kind} is in the file or stored; add it or correct the key"
                yield Problem(entry.place, column, str(value), allowed)
    yield from _check_service(entries, stored)


def check_overlaps(entries: Sequence[Entry], stored: Snapshot) -> Iterator[Problem]:
    """Find assignments to one customer in one capacity that overlap and do not follow on."""
    mine: dict[Key, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.record == "assignment":
            mine[entry.key[:-1]].append(entry)
    later: dict[Key, list[date]] = defaultdict(list)
    for key in stored["assignment"]:
        later[key[:-1]].append(begins_on(key))
    for capacity, group in mine.items():
        group.sort(key=lambda entry: begins_on(entry.key))
        for first, second in pairwise(group):
            if overlaps(first.values["valid_until"], begins_on(second.key)):
                allowed = f"it overlaps with {second.place}; give it a last day before that"
                yield Problem(first.place, "valid_to", "", allowed)
        in_file = {begins_on(entry.key) for entry in group}
        for begins in sorted(set(later[capacity]) - in_file):
            yield from _check_against_stored(group, begins)


def _check_against_stored(group: Sequence[Entry], begins: date) -> Iterator[Problem]:
    for entry in group:
        if begins_on(entry.key) < begins and overlaps(entry.values["valid_until"], begins):
            allowed = f"a stored assignment begins on {begins}; give this one a last day before"
            yield Problem(entry.place, "valid_to", "", allowed)


def _check_interval(place: str, begins: date, until: date | None) -> Iterator[Problem]:
    if until is not None and until <= begins:
        yield Problem(place, "valid_to", "", "the last day must not be before the first")


def _references(entry: Entry) -> Iterator[tuple[str, str, Any]]:
    """Give (column, kind of record, key) of all that an entry refers to."""
    match entry.record:
        case "organisation":
            yield "contract", "contract", entry.values["contract"]
        case "shared_number":
            yield "organisation", "organisation", entry.values["organisation"]
        case "membership":
            yield "contact", "contact", entry.key[0]
            yield "organisation", "organisation", entry.key[1]
        case "assignment":
            yield "agent", "agent", entry.values["agent"]
            side = str(entry.key[1])
            yield side, side, entry.key[2]
        case "absence":
            yield "agent", "agent", entry.key[0]
            yield "substitute", "agent", entry.values["substitute"]


def _check_service(entries: Sequence[Entry], stored: Snapshot) -> Iterator[Problem]:
    agents: dict[Key, Values] = dict(stored["agent"])
    agents |= {entry.key: entry.values for entry in entries if entry.record == "agent"}
    for entry in entries:
        agent = agents.get((entry.values.get("agent", ""),))
        if entry.record == "assignment" and agent is not None:
            allowed = _cannot_serve(str(entry.key[0]), agent)
            if allowed:
                yield Problem(entry.place, "agent", entry.values["agent"], allowed)


def _cannot_serve(service: str, agent: Mapping[str, Any]) -> str:
    if service == Service.ACCOUNT_MANAGER:
        if Right.ACCOUNT_MANAGER not in agent["rights"]:
            return "an account manager needs the right account_manager"
    elif not _ANSWERS_CUSTOMERS & set(agent["teams"]):
        return f"a {service} has to belong to the team customer_centre or pool"
    return ""
