"""What routing answers: a target, what follows it, and the trace that says why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from supportdesk.routing.facts import Person


class Target(StrEnum):
    """Where a request may go."""

    CONSULTANT = "consultant"
    DEPUTY = "deputy"
    POOL = "pool"
    POOL_TRIAGE = "pool_triage"  # the pool's view of requests whose sender has to be found out
    TDMS = "tdms"


class TraceStep(TypedDict):
    """One thing that was seen or concluded: a code of `sentences` and its JSON-able values."""

    code: str
    values: dict[str, Any]


Trace = tuple[TraceStep, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Who gets a request now, who next, and why.

    `then` lists further targets only, in the order in which they are tried. `owner` is
    Target.CONSULTANT, or None where no one customer's consultant can be named. `followers` see the
    request without having to act. `hold` and `callback` are offered to callers of a busy
    consultant. `consultant` and `deputy` are the people behind those targets, None when
    there is nobody; `person` is the one whom `target` means, None for a team.
    """

    rule: str
    target: Target
    then: tuple[Target, ...]
    owner: Target | None
    priority: int
    followers: tuple[Target, ...]
    hold: bool
    callback: bool
    alert_supervisor: bool
    consultant: Person | None
    deputy: Person | None
    decided_at: datetime
    rules_version: str
    trace: Trace

    @property
    def person(self) -> Person | None:
        """Give the person whom the target means; None when it is a team."""
        match self.target:
            case Target.CONSULTANT:
                return self.consultant
            case Target.DEPUTY:
                return self.deputy
            case Target.POOL | Target.POOL_TRIAGE | Target.TDMS:
                return None
