"""The frozen facts of one situation: all that a decision may look at.

The live service fills in names and dates so that the trace can show them; no rule depends on a
name. Facts are stored beside the decision, so that it can be replayed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from cattrs.errors import BaseValidationError
from cattrs.preconf.json import make_converter

from supportdesk.errors import InvalidInput
from supportdesk.messages import Channel

_converter = make_converter()


class CallerKind(StrEnum):
    """Who asks, as far as we can tell."""

    TECHNICAL = "technical"  # a contact whom the customer named as technical
    CONTACT = "contact"  # any other contact, known for certain
    AMBIGUOUS = "ambiguous"  # several contacts or organisations fit
    UNKNOWN = "unknown"
    HIDDEN = "hidden"  # withheld number, no usable sender


class TopicKind(StrEnum):
    """What the request is about."""

    TECHNICAL = "technical"
    BUSINESS = "business"
    UNSPECIFIED = "unspecified"
    BLOCK = "block"  # loss, theft or abuse of a SIM


class TopicSource(StrEnum):
    """What told us the topic, the strongest first; TICKET is what an earlier message settled."""

    STAFF = "staff"
    LOSS_WORDS = "loss_words"
    MAILBOX = "mailbox"
    FORM = "form"
    WORDS = "words"
    TICKET = "ticket"
    NOTHING = "nothing"


class ClosedReason(StrEnum):
    """Why the personal consultants are not at their desks."""

    BEFORE_OPENING = "before_opening"
    AFTER_CLOSING = "after_closing"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    CLOSING_DAY = "closing_day"


class ConsultantState(StrEnum):
    """What can be expected of the personal consultant now, opening hours apart."""

    FREE = "free"
    BUSY = "busy"
    AWAY_WITH_DEPUTY = "away_with_deputy"
    AWAY = "away"
    NONE = "none"  # nobody is assigned


class AgentStatus(StrEnum):
    """What an agent says of himself; absences come on top."""

    AVAILABLE = "available"
    AWAY = "away"


class AbsenceKind(StrEnum):
    """Why an agent is absent."""

    LEAVE = "leave"
    ILLNESS = "illness"
    TRAINING = "training"
    OTHER = "other"


class SubstituteOutcome(StrEnum):
    """What was found when a substitute was looked at."""

    AVAILABLE = "available"
    ABSENT = "absent"
    AWAY = "away"  # present by the plan, but the status says away
    INACTIVE = "inactive"  # does not work here any more
    CYCLE = "cycle"  # already looked at: the chain bites its tail


@dataclass(frozen=True, slots=True)
class Person:
    """An agent by name; a bare situation of the command line has neither identifier nor name."""

    id: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Absence:
    """A half-open interval of absence, with the agent who stands in (None when nobody is named)."""

    starts_at: datetime
    ends_at: datetime
    kind: AbsenceKind = AbsenceKind.OTHER
    substitute_id: int | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """What substitution needs to know of one agent; input of `resolve_consultant`."""

    id: int
    name: str
    is_active: bool = True
    status: AgentStatus = AgentStatus.AVAILABLE
    is_busy: bool = False
    absences: tuple[Absence, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; several names or organisations when the caller is ambiguous."""

    kind: CallerKind
    names: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()

    @property
    def is_identified(self) -> bool:
        """Tell whether exactly one known contact asks."""
        return self.kind in _IDENTIFIED


_IDENTIFIED = frozenset({CallerKind.TECHNICAL, CallerKind.CONTACT})


@dataclass(frozen=True, slots=True)
class Topic:
    """What the request is about, what told us, and the words that matched as they were written.

    `detail` names the source where it has a name: the mailbox, the form, the member of staff.
    """

    kind: TopicKind
    source: TopicSource = TopicSource.NOTHING
    words: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """Whether the consultants' desk is open at the instant of the decision.

    `opens_at` and `closes_at` bound the present opening when open, else the next one.
    `closed_because` is None when open. The day's name, in both languages, comes with public
    holidays and the operator's closing days only. `local_on` is the date in the operator's zone.
    """

    is_open: bool
    local_on: date
    opens_at: datetime
    closes_at: datetime
    closed_because: ClosedReason | None = None
    name_cs: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class Substitute:
    """One link of the chain of substitutes: who, named by whom, and what was found.

    `named_by` is None for the deputy whom the assignment names.
    """

    person: Person
    outcome: SubstituteOutcome
    named_by: Person | None = None
    absence: Absence | None = None


@dataclass(frozen=True, slots=True)
class Consultant:
    """The personal consultant's state, and the chain of substitutes with the deputy it led to.

    `absence` is the one that covers the instant; None when only the status says away.
    `deputy` is None when nobody in the chain is available.
    """

    state: ConsultantState
    person: Person | None = None
    absence: Absence | None = None
    substitutes: tuple[Substitute, ...] = ()
    deputy: Person | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """One situation, complete: `at` is the aware instant at which the decision is made.

    `is_automatic` tells that a machine wrote the message.
    Raises InvalidInput for the one impossible situation: the web knows who is logged in.
    """

    channel: Channel
    at: datetime
    caller: Caller
    topic: Topic
    hours: Hours
    consultant: Consultant
    is_automatic: bool = False

    def __post_init__(self) -> None:
        if self.channel is Channel.WEB and self.caller.kind is CallerKind.HIDDEN:
            raise InvalidInput(
                "A hidden caller cannot come by web, where people log in;"
                " use another channel or another caller."
            )
        if self.at.tzinfo is None:
            raise InvalidInput(
                "The instant {at} has no time zone; give one with an offset.",
                at=self.at.isoformat(),
            )

    def to_json(self) -> dict[str, Any]:
        """Give the facts as plain values for storing; instants in ISO 8601 with offset."""
        data: dict[str, Any] = _converter.unstructure(self)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Facts":
        """Read facts stored by `to_json`. Raises InvalidInput when they are not such."""
        try:
            return _converter.structure(data, cls)
        except (BaseValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInput(
                "Stored facts cannot be read ({reason}); they need to come from Facts.to_json.",
                reason=str(error),
            ) from error


def resolve_consultant(
    consultant_id: int | None,
    deputy_id: int | None,
    agents: Mapping[int, Agent],
    at: datetime,
) -> Consultant:
    """Find out what the assigned consultant can do at `at`, and who stands in.

    The assignment gives the first link of the chain (`deputy_id`; when it names nobody, the
    consultant's own substitute does), the absent agent's own substitute each next; a cycle ends
    the chain. A consultant who is inactive or missing from `agents` counts as not assigned;
    a missing substitute ends the chain.
    """
    consultant = agents.get(consultant_id) if consultant_id is not None else None
    if consultant is None or not consultant.is_active:
        return Consultant(ConsultantState.NONE)
    absence = absence_at(consultant, at)
    first_id = deputy_id
    if first_id is None and absence is not None:
        first_id = absence.substitute_id
    links = _follow_substitutes(consultant, first_id, agents, at)
    deputy = next((s.person for s in links if s.outcome is SubstituteOutcome.AVAILABLE), None)
    is_away = absence is not None or consultant.status is AgentStatus.AWAY
    if is_away:
        state = ConsultantState.AWAY_WITH_DEPUTY if deputy else ConsultantState.AWAY
    else:
        state = ConsultantState.BUSY if consultant.is_busy else ConsultantState.FREE
    return Consultant(state, _person(consultant), absence, links, deputy)


def absence_at(agent: Agent, at: datetime) -> Absence | None:
    """Give the absence that covers `at`: one with a substitute first, then the longest lasting."""
    covering = [a for a in agent.absences if a.starts_at <= at < a.ends_at]
    return max(covering, key=lambda a: (a.substitute_id is not None, a.ends_at), default=None)


def _follow_substitutes(
    consultant: Agent, first_id: int | None, agents: Mapping[int, Agent], at: datetime
) -> tuple[Substitute, ...]:
    links: list[Substitute] = []
    seen = {consultant.id}
    named_by: Person | None = None
    next_id = first_id
    while next_id is not None and next_id in agents:
        agent = agents[next_id]
        absence = absence_at(agent, at)
        outcome = _outcome(agent, absence, is_repeated=agent.id in seen)
        links.append(Substitute(_person(agent), outcome, named_by, absence))
        if outcome in {SubstituteOutcome.AVAILABLE, SubstituteOutcome.CYCLE}:
            break
        seen.add(agent.id)
        named_by = _person(agent)
        next_id = absence.substitute_id if absence else None
    return tuple(links)


def _outcome(agent: Agent, absence: Absence | None, *, is_repeated: bool) -> SubstituteOutcome:
    if is_repeated:
        return SubstituteOutcome.CYCLE
    if not agent.is_active:
        return SubstituteOutcome.INACTIVE
    if absence is not None:
        return SubstituteOutcome.ABSENT
    if agent.status is AgentStatus.AWAY:
        return SubstituteOutcome.AWAY
    return SubstituteOutcome.AVAILABLE


def _person(agent: Agent) -> Person:
    return Person(agent.id, agent.name)
