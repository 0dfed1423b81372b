"""Bringing a file of customers, contacts and staff into the service, all of it or nothing."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from sqlalchemy.orm import Session

from supportdesk.actions.history import SYSTEM, record_audit
from supportdesk.actions.owners import move_open_tickets
from supportdesk.actions.people_import.check import (
    check_overlaps,
    check_records,
    check_references,
)
from supportdesk.actions.people_import.file import Problem, read_rows
from supportdesk.actions.people_import.plan import Plan, compare, entries_of
from supportdesk.actions.people_import.records import (
    COLUMNS,
    Record,
    keys_mentioned,
    read_records,
)
from supportdesk.actions.people_import.stored import load_snapshot
from supportdesk.actions.people_import.write import write_plan
from supportdesk.actions.runtime import Runtime
from supportdesk.errors import InvalidInput
from supportdesk.routing.calendar import local_date


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a file would change, or what is wrong with it: with any problem nothing is done."""

    plan: Plan
    problems: tuple[Problem, ...]
    is_applied: bool = False


def preview_import(runtime: Runtime, content: bytes) -> ImportReport:
    """Tell what importing a file would do; nothing is written.

    Raises:
        InvalidInput: the file as a whole cannot be read.
    """
    content_read = _read(content)
    with runtime.database.read() as session:
        return _prepare(session, content_read, runtime)


def import_people(runtime: Runtime, content: bytes, *, filename: str) -> ImportReport:
    """Import a file in one transaction, unless anything is wrong with it.

    Raises:
        InvalidInput: the file as a whole cannot be read.
        Conflict: the file would leave the service without an administrator.
    """
    content_read = _read(content)
    now = runtime.clock()
    with runtime.database.write() as session:
        report = _prepare(session, content_read, runtime)
        if report.problems or not report.plan.changes:
            return report
        write_plan(session, report.plan, now=now)
        move_open_tickets(session, now=now)
        record_audit(
            session,
            "people_imported",
            actor=SYSTEM,
            at=now,
            subject=filename,
            detail={
                "sha256": hashlib.sha256(content).hexdigest(),
                "changes": dict(Counter(change.record for change in report.plan.changes)),
            },
        )
    return ImportReport(report.plan, (), is_applied=True)


@dataclass(frozen=True, slots=True)
class _Content:
    records: Sequence[Record]
    problems: Sequence[Problem]
    mentioned: Mapping[str, Set[str]]


def _read(content: bytes) -> _Content:
    rows = read_rows(content, COLUMNS)
    if not rows:
        raise InvalidInput("The file has no records under its header; nothing was changed.")
    records, problems = read_records(rows)
    return _Content(records, [*problems, *check_records(records)], keys_mentioned(rows))


def _prepare(session: Session, content: _Content, runtime: Runtime) -> ImportReport:
    stored = load_snapshot(session)
    entries, wrong = entries_of(content.records, stored, today=local_date(runtime.clock()))
    problems = [
        *content.problems,
        *wrong,
        *check_references(entries, stored, content.mentioned),
        *check_overlaps(entries, stored),
    ]
    problems.sort(key=lambda problem: _natural(problem.place))
    return ImportReport(compare(entries, stored), tuple(problems))


def _natural(place: str) -> list[tuple[int, str]]:
    """Sort line 9 before line 10."""
    parts = re.split(r"(\d+)", place)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
