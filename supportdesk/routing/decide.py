"""The interpreter of the rule table: frozen facts in, a decision with its trace out."""

from supportdesk.messages import Channel
from supportdesk.routing import trace
from supportdesk.routing.decision import Decision, Target, TraceStep
from supportdesk.routing.facts import ConsultantState, Facts, TopicKind
from supportdesk.routing.rules import RULES, RULES_VERSION, Condition, Rule


def decide(facts: Facts) -> Decision:
    """Decide who gets a request, who next, and say why.

    Pure: the same facts give the same decision under the same RULES_VERSION.
    """
    steps = trace.what_was_seen(facts)
    rule = _first_match(facts, steps)
    targets = rule.goes_to(facts)
    owner = _owner(facts)
    priority = _priority(facts, rule)
    waits = _may_wait(facts, targets[0])
    alert = facts.caller.is_identified and facts.consultant.state is ConsultantState.NONE
    steps += trace.where_it_goes(facts, rule, targets, owner)
    steps += trace.what_comes_with_it(facts, priority, may_wait=waits, alert_supervisor=alert)
    return Decision(
        rule=rule.code,
        target=targets[0],
        then=targets[1:],
        owner=owner,
        priority=priority,
        followers=(owner,) if owner and targets[0] is not owner else (),
        hold=waits,
        callback=waits,
        alert_supervisor=alert,
        consultant=facts.consultant.person if owner else None,
        deputy=facts.consultant.deputy if Target.DEPUTY in targets else None,
        decided_at=facts.at,
        rules_version=RULES_VERSION,
        trace=tuple(steps),
    )


def _first_match(facts: Facts, steps: list[TraceStep]) -> Rule:
    for rule in RULES:
        failed = _first_failing(rule, facts)
        if failed is None:
            steps.append(trace.step("rule.applies", rule=rule.code))
            return rule
        steps.append(
            trace.step(
                "rule.passed_over", rule=rule.code, condition=failed.code, saw=failed.sees(facts)
            )
        )
    raise AssertionError("The last rule has no condition, so this line is never reached.")


def _first_failing(rule: Rule, facts: Facts) -> Condition | None:
    for condition in rule.when:
        if not condition.holds(facts):
            return condition
    return None


def _owner(facts: Facts) -> Target | None:
    """Name the relationship that lasts, whoever handles the request now."""
    if not facts.caller.is_identified or facts.consultant.state is ConsultantState.NONE:
        return None
    return Target.CONSULTANT


def _priority(facts: Facts, rule: Rule) -> int:
    if facts.is_automatic:
        return 4
    if facts.topic.kind is TopicKind.BLOCK:
        return 1
    return rule.base_priority


def _may_wait(facts: Facts, target: Target) -> bool:
    """Tell whether the caller may hold for, or be called back by, a busy consultant."""
    return (
        facts.channel is Channel.PHONE
        and target is Target.CONSULTANT
        and facts.consultant.state is ConsultantState.BUSY
    )
