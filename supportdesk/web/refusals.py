"""Why something was refused, in the reader's language."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from supportdesk.db.models import LineState
from supportdesk.errors import SupportdeskError, fill_in, read_back
from supportdesk.messages import Assurance
from supportdesk.routing.authority import Activity, Circumstance, Role
from supportdesk.routing.authority_words import ACTIVITIES, LEVELS, PROOFS, ROLES
from supportdesk.routing.facts import AgentStatus, TopicKind
from supportdesk.routing.phrases import Text
from supportdesk.tickets import Desk, State
from supportdesk.web import times, words
from supportdesk.web.language import language, translated
from supportdesk.web.words import Words, word

_LABELS: dict[type[StrEnum], Words] = {
    State: words.STATES,
    Desk: words.DESKS,
    LineState: words.LINE_STATES,
    TopicKind: words.TOPICS,
    AgentStatus: words.STATUSES,
}
_PHRASES: dict[type[StrEnum], Mapping[Any, Text]] = {
    Activity: ACTIVITIES,
    Assurance: LEVELS,
    Circumstance: PROOFS,
    Role: ROLES,
}


def told(error: SupportdeskError) -> str:
    """Tell an error's sentence in the reader's language, its values in words."""
    return fill_in(translated(error.text), error.values, _in_words)


def told_later(written: str) -> str:
    """Tell an error that was written down, in the reader's language."""
    return told(read_back(written))


def _in_words(value: object) -> str:
    match value:
        case SupportdeskError():
            return told(value)
        case StrEnum():
            return _named(value)
        case datetime():
            return times.long_time(value)
        case date():
            return times.calendar_day(value)
        case tuple() | list():
            return ", ".join(map(_in_words, value))
        case _:
            return str(value)


def _named(code: StrEnum) -> str:
    found = _PHRASES.get(type(code), {}).get(code)
    if found is not None:
        return found.in_("en" if language() == "en" else "cs")
    return word(_LABELS.get(type(code), {}), code)
