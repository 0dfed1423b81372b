"""THE rules: who gets a request. Read from the top; the first row whose conditions all hold wins.

`RULES` at the end of this page is the whole policy. A row says when it applies and whom the
request then goes to, first target first. The last row has no condition, so nobody is left without
a target, and every row ends with people who are there day and night.
"""

from collections.abc import Callable
from dataclasses import dataclass

from supportdesk.messages import Channel
from supportdesk.routing.decision import Target
from supportdesk.routing.facts import CallerKind, ConsultantState, Facts, TopicKind

# Stored with every decision; raise it whenever a decision could come out differently.
RULES_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Condition:
    """One question to the facts; `sees` gives the value that answered it, for the trace."""

    code: str
    holds: Callable[[Facts], bool]
    sees: Callable[[Facts], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: `says` is the rule in words, `goes_to` gives the targets in order."""

    code: str
    says: str
    when: tuple[Condition, ...]
    goes_to: Callable[[Facts], tuple[Target, ...]]
    base_priority: int


BY_PHONE = Condition(
    "by_phone",
    lambda facts: facts.channel is Channel.PHONE,
    lambda facts: facts.channel,
)
NOT_IDENTIFIED = Condition(
    "not_identified",
    lambda facts: not facts.caller.is_identified,
    lambda facts: facts.caller.kind,
)
TECHNICAL_CONTACT = Condition(
    "technical_contact",
    lambda facts: facts.caller.kind is CallerKind.TECHNICAL,
    lambda facts: facts.caller.kind,
)
ABOUT_LOSS = Condition(
    "about_loss",
    lambda facts: facts.topic.kind is TopicKind.BLOCK,
    lambda facts: facts.topic.kind,
)
ABOUT_TECHNICAL_MATTER = Condition(
    "about_technical_matter",
    lambda facts: facts.topic.kind is TopicKind.TECHNICAL,
    lambda facts: facts.topic.kind,
)
NOT_ABOUT_BUSINESS = Condition(
    "not_about_business",
    lambda facts: facts.topic.kind is not TopicKind.BUSINESS,
    lambda facts: facts.topic.kind,
)
DESK_IS_OPEN = Condition(
    "desk_is_open",
    lambda facts: facts.hours.is_open,
    lambda facts: facts.hours.closed_because or "open",
)


def pool(facts: Facts) -> tuple[Target, ...]:
    """Send it to the 24/7 pool."""
    return (Target.POOL,)


def pool_triage(facts: Facts) -> tuple[Target, ...]:
    """Send it to the pool's triage, which finds out who wrote."""
    return (Target.POOL_TRIAGE,)


def tdms_then_pool(facts: Facts) -> tuple[Target, ...]:
    """Send it straight to the technical specialists; the pool is behind them."""
    return (Target.TDMS, Target.POOL)


def free_consultant_else_pool(facts: Facts) -> tuple[Target, ...]:
    """Send it to a consultant who can act this minute; nobody waits with a stolen SIM."""
    if facts.hours.is_open and facts.consultant.state is ConsultantState.FREE:
        return (Target.CONSULTANT, Target.POOL)
    return (Target.POOL,)


def consultant_deputy_pool(facts: Facts) -> tuple[Target, ...]:
    """Send it to the personal consultant, then the deputy, then the pool; after hours to the pool.

    A busy consultant is still the first target. Who is away or not assigned is left out.
    """
    if not facts.hours.is_open:
        return (Target.POOL,)
    deputy = (Target.DEPUTY,) if facts.consultant.deputy else ()
    match facts.consultant.state:
        case ConsultantState.FREE | ConsultantState.BUSY:
            return (Target.CONSULTANT, *deputy, Target.POOL)
        case ConsultantState.AWAY_WITH_DEPUTY:
            return (*deputy, Target.POOL)
        case ConsultantState.AWAY | ConsultantState.NONE:
            return (Target.POOL,)


RULES: tuple[Rule, ...] = (
    Rule(
        "R1",
        "Somebody calls and we cannot tell who it is: the pool answers and finds out.",
        when=(BY_PHONE, NOT_IDENTIFIED),
        goes_to=pool,
        base_priority=3,
    ),
    Rule(
        "R2",
        "Somebody writes and we cannot tell who it is: the pool's triage finds out.",
        when=(NOT_IDENTIFIED,),
        goes_to=pool_triage,
        base_priority=3,
    ),
    Rule(
        "R3",
        "A SIM is lost, stolen or abused: the free consultant acts at once, else the pool.",
        when=(ABOUT_LOSS,),
        goes_to=free_consultant_else_pool,
        base_priority=1,
    ),
    Rule(
        "R4",
        "A technical contact, unless it is about business: straight to TDMS, day and night.",
        when=(TECHNICAL_CONTACT, NOT_ABOUT_BUSINESS),
        goes_to=tdms_then_pool,
        base_priority=2,
    ),
    Rule(
        "R5",
        "Another contact reports a technical matter: the consultant takes it and passes it on.",
        when=(ABOUT_TECHNICAL_MATTER,),
        goes_to=consultant_deputy_pool,
        base_priority=2,
    ),
    Rule(
        "R6",
        "Anything else while the desk is open: the personal consultant, the deputy, the pool.",
        when=(DESK_IS_OPEN,),
        goes_to=consultant_deputy_pool,
        base_priority=3,
    ),
    Rule(
        "R7",
        "Anything else while the desk is closed: the 24/7 pool.",
        when=(),
        goes_to=pool,
        base_priority=3,
    ),
)
