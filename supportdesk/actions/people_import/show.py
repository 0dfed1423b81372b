"""Showing what an import would do or did, for people and for other programs. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from supportdesk.actions.mailboxes import password_is_for
from supportdesk.actions.people_import.file import Problem
from supportdesk.actions.people_import.plan import Change, Plan
from supportdesk.actions.people_import.records import KINDS
from supportdesk.routing.calendar import local_time

_MAX_LINES = 200


def plan_in_words(plan: Plan) -> Iterator[str]:
    """Give a line for each change, at most 200 of them, and a count for each kind of record."""
    for change in plan.changes[:_MAX_LINES]:
        yield _change_in_words(change)
    if len(plan.changes) > _MAX_LINES:
        yield f"… and {len(plan.changes) - _MAX_LINES} more"
    new = Counter(change.record for change in plan.changes if change.before is None)
    changed = Counter(change.record for change in plan.changes if change.before is not None)
    for kind in KINDS:
        if new[kind] or changed[kind] or plan.unchanged.get(kind):
            yield (
                f"{kind}: {new[kind]} to add, {changed[kind]} to change,"
                f" {plan.unchanged.get(kind, 0)} as they are"
            )


def change_as_json(change: Change) -> dict[str, Any]:
    """Give a change as one JSON object."""
    return {
        "type": "change",
        "record": change.record,
        "key": [_plain(part) for part in change.key],
        "place": change.place,
        "action": "add" if change.before is None else "change",
        "forgets_password": _forgets_password(change),
        "fields": {
            name: {"before": _plain(before), "after": _plain(after)}
            for name, before, after in _differences(change)
        },
    }


def problem_as_json(problem: Problem) -> dict[str, Any]:
    """Give a problem as one JSON object."""
    return {
        "type": "problem",
        "place": problem.place,
        "column": problem.column,
        "value": problem.value,
        "allowed": problem.allowed,
    }


def _change_in_words(change: Change) -> str:
    key = " / ".join(str(_plain(part)) for part in change.key)
    if change.before is None:
        name = change.after.get("name")
        return f"+ {change.record} {key}" + (f" ({name})" if name else "")
    differences = "; ".join(
        f"{column} {_short(before)} → {_short(after)}"
        for column, before, after in _differences(change)
    )
    warning = " (the stored password does not hold for it any more; set it again)"
    return f"~ {change.record} {key}: {differences}" + warning * _forgets_password(change)


def _forgets_password(change: Change) -> bool:
    """Tell whether a mailbox gets another server or user, to whom its secrets are not told."""
    if change.record != "mailbox" or change.before is None or not change.before["imap_host"]:
        return False
    return password_is_for(**_login(change.before)) != password_is_for(**_login(change.after))


def _login(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: values[f"imap_{name}"] for name in ("host", "port", "username", "security")}


def _differences(change: Change) -> Iterator[tuple[str, Any, Any]]:
    """Give what changes as the file would have it: with last days, which are included."""
    for name, (before, after) in change.differences.items():
        match name:
            case "valid_until":
                yield "valid_to", _last_day(before), _last_day(after)
            case "roles":
                yield "roles", _last_days(before), _last_days(after)
            case _:
                yield name, before, after


def _last_days(roles: Mapping[str, tuple[date, date | None]] | None) -> Mapping[str, Any]:
    return {role: (begins, _last_day(until)) for role, (begins, until) in (roles or {}).items()}


def _last_day(until: date | None) -> date | None:
    return until - timedelta(days=1) if until else None


def _short(value: Any) -> str:
    plain = _plain(value)
    if plain in (None, "", [], {}):
        return "–"
    if isinstance(plain, list):
        return " ".join(_short(part) for part in plain)
    if isinstance(plain, dict):
        return ", ".join(f"{name} {_short(part)}" for name, part in plain.items())
    return str(plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return local_time(value).isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
