"""What is written down while deciding: codes with values, told in words by `sentences`."""

from typing import Any

from supportdesk.routing.decision import Target, TraceStep
from supportdesk.routing.facts import (
    Absence,
    ConsultantState,
    Facts,
    Person,
    Substitute,
)
from supportdesk.routing.rules import Rule, consultant_deputy_pool


def step(code: str, **values: Any) -> TraceStep:
    """Write down one thing; values are JSON-able."""
    return {"code": code, "values": values}


def what_was_seen(facts: Facts) -> list[TraceStep]:
    """Write down the facts that the rules are about to be asked with."""
    steps = [step("request.came", channel=facts.channel.value, at=facts.at.isoformat())]
    if facts.is_automatic:
        steps.append(step("request.automatic"))
    caller, topic, hours = facts.caller, facts.topic, facts.hours
    steps += (
        step(
            f"caller.{caller.kind}",
            names=list(caller.names),
            organisations=list(caller.organisations),
        ),
        step(
            f"topic.{topic.kind}",
            source=topic.source.value,
            detail=topic.detail,
            words=list(topic.words),
        ),
        step(
            f"hours.{hours.closed_because or 'open'}",
            opens_at=hours.opens_at.isoformat(),
            closes_at=hours.closes_at.isoformat(),
            name_cs=hours.name_cs,
            name_en=hours.name_en,
        ),
    )
    if caller.is_identified:
        steps.append(_consultant(facts))
    return steps


def where_it_goes(
    facts: Facts, rule: Rule, targets: tuple[Target, ...], owner: Target | None
) -> list[TraceStep]:
    """Write down the substitutes that were looked at, the targets, and why not the consultant."""
    steps: list[TraceStep] = []
    if _asked_the_chain(facts, rule):
        steps += [_substitute(link) for link in facts.consultant.substitutes]
        if facts.consultant.deputy is None:
            steps.append(step("deputy.nobody"))
    target, then = targets[0], targets[1:]
    person = _person_of(target, facts)
    steps.append(step(f"goes.{target}", name=person.name if person else ""))
    if then:
        steps.append(step("goes.then", targets=[t.value for t in then]))
    if target is not Target.CONSULTANT:
        steps.append(_why_not_the_consultant(facts, target))
        if owner:
            steps.append(step("owner.stays", name=_name(facts.consultant.person)))
    return steps


def what_comes_with_it(
    facts: Facts, priority: int, *, may_wait: bool, alert_supervisor: bool
) -> list[TraceStep]:
    """Write down the priority and its reason, and what else happens."""
    steps = [step(f"priority.{_priority_reason(facts, priority)}", priority=priority)]
    if may_wait:
        steps.append(step("offer.hold_or_callback"))
    if alert_supervisor:
        steps.append(step("supervisor.alerted"))
    return steps


def _consultant(facts: Facts) -> TraceStep:
    consultant = facts.consultant
    name = _name(consultant.person)
    if consultant.absence:
        return step("consultant.absent", name=name, **_absence(consultant.absence))
    match consultant.state:
        case ConsultantState.AWAY | ConsultantState.AWAY_WITH_DEPUTY:
            return step("consultant.away", name=name)
        case ConsultantState.FREE | ConsultantState.BUSY | ConsultantState.NONE:
            return step(f"consultant.{consultant.state}", name=name)


def _asked_the_chain(facts: Facts, rule: Rule) -> bool:
    return (
        rule.goes_to is consultant_deputy_pool
        and facts.hours.is_open
        and facts.consultant.state is not ConsultantState.NONE
    )


def _substitute(link: Substitute) -> TraceStep:
    values: dict[str, Any] = {"name": link.person.name, "named_by": _name(link.named_by)}
    if link.absence:
        values |= _absence(link.absence)
    return {"code": f"substitute.{link.outcome}", "values": values}


def _absence(absence: Absence) -> dict[str, str]:
    return {
        "kind": absence.kind.value,
        "starts_at": absence.starts_at.isoformat(),
        "ends_at": absence.ends_at.isoformat(),
    }


def _why_not_the_consultant(facts: Facts, target: Target) -> TraceStep:
    """Answer the customer's question; the first obstacle counts."""
    state = facts.consultant.state
    if not facts.caller.is_identified:
        reason = "caller"
    elif state is ConsultantState.NONE:
        reason = "nobody_assigned"
    elif target is Target.TDMS:
        reason = "straight_to_tdms"
    elif not facts.hours.is_open:
        reason = "desk_closed"
    elif state is ConsultantState.BUSY:
        reason = "busy"
    else:
        reason = "away"
    return step(f"not_consultant.{reason}", opens_at=facts.hours.opens_at.isoformat())


def _priority_reason(facts: Facts, priority: int) -> str:
    match priority:
        case 1:
            return "loss"
        case 2:
            return "technical"
        case 4:
            return "automatic"
        case _:
            return "normal"


def _person_of(target: Target, facts: Facts) -> Person | None:
    match target:
        case Target.CONSULTANT:
            return facts.consultant.person
        case Target.DEPUTY:
            return facts.consultant.deputy
        case Target.POOL | Target.POOL_TRIAGE | Target.TDMS:
            return None


def _name(person: Person | None) -> str:
    return person.name if person else ""
