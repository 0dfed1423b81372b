"""Situations of the command line: one JSON object a line in, one decision or error a line out.

A situation has no names, so it presumes that a deputy exists for a free and a busy consultant.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from supportdesk.errors import InvalidInput
from supportdesk.messages import Channel
from supportdesk.routing.calendar import BusinessCalendar
from supportdesk.routing.decide import decide
from supportdesk.routing.decision import Decision
from supportdesk.routing.facts import (
    Caller,
    CallerKind,
    Consultant,
    ConsultantState,
    Facts,
    Person,
    Topic,
    TopicKind,
)

_KEYS = ("channel", "at", "caller", "topic", "consultant")
_WITH_DEPUTY = frozenset(
    {ConsultantState.FREE, ConsultantState.BUSY, ConsultantState.AWAY_WITH_DEPUTY}
)
_Choice = TypeVar("_Choice", bound=StrEnum)


def decide_lines(
    lines: Iterable[str], calendar: BusinessCalendar
) -> Iterator[Decision | InvalidInput]:
    """Decide situation after situation; a line that cannot be used gives its error instead.

    Blank lines give nothing.
    """
    for line in lines:
        if line.strip():
            try:
                yield decide(read_situation(line, calendar))
            except InvalidInput as error:
                yield error


def read_situation(line: str, calendar: BusinessCalendar) -> Facts:
    """Read one situation. Raises InvalidInput that says what is wrong with it."""
    situation = _read_object(line)
    state = _choice(situation, "consultant", ConsultantState)
    at = _instant(situation["at"])
    return Facts(
        channel=_choice(situation, "channel", Channel),
        at=at,
        caller=Caller(_choice(situation, "caller", CallerKind)),
        topic=Topic(_choice(situation, "topic", TopicKind)),
        hours=calendar.hours_at(at),
        consultant=Consultant(
            state,
            person=None if state is ConsultantState.NONE else Person(),
            deputy=Person() if state in _WITH_DEPUTY else None,
        ),
    )


def to_json(answer: Decision | InvalidInput) -> dict[str, Any]:
    """Give a decision, or the error of its line, as the plain values of one output line."""
    if isinstance(answer, InvalidInput):
        return {"error": str(answer)}
    return {
        "rule": answer.rule,
        "target": answer.target,
        "then": list(answer.then),
        "owner": answer.owner,
        "priority": answer.priority,
        "followers": list(answer.followers),
        "hold": answer.hold,
        "callback": answer.callback,
        "alert_supervisor": answer.alert_supervisor,
        "decided_at": answer.decided_at.isoformat(),
        "rules_version": answer.rules_version,
        "trace": list(answer.trace),
    }


def _read_object(line: str) -> Mapping[str, Any]:
    try:
        situation = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            "The line is not JSON ({reason}); write one object a line.", reason=error
        ) from None
    if not isinstance(situation, dict):
        raise InvalidInput("The line is not a JSON object; write one object a line.")
    missing = [key for key in _KEYS if key not in situation]
    if missing:
        raise InvalidInput(
            "The situation lacks {missing}; it needs {needed}.", missing=missing, needed=_KEYS
        )
    unknown = sorted(situation.keys() - set(_KEYS))
    if unknown:
        raise InvalidInput(
            "Unknown key {key}; allowed are {allowed}.", key=_shown(unknown[0]), allowed=_KEYS
        )
    return situation


def _choice(situation: Mapping[str, Any], key: str, choices: type[_Choice]) -> _Choice:
    value = situation[key]
    try:
        return choices(value)
    except ValueError:
        raise InvalidInput(
            "{key} is {value}; allowed are {allowed}.",
            key=key,
            value=_shown(value),
            allowed=list(choices),
        ) from None


def _instant(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.utcoffset() is None:
        raise InvalidInput(
            "at is {value}; write an ISO 8601 instant with an offset,"
            " such as 2026-04-02T15:59:59+02:00.",
            value=_shown(value),
        )
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise InvalidInput("at is {value}, which lies outside the calendar.", value=value) from None


def _shown(value: Any) -> str:
    # ASCII, because an unpaired surrogate could not be printed; short, because a line may be long.
    return json.dumps(value)[:80]
