"""The rule table: every situation there is, against an oracle written from the specification."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from supportdesk.errors import InvalidInput
from supportdesk.messages import Channel
from supportdesk.routing.decide import decide
from supportdesk.routing.decision import Target
from supportdesk.routing.facts import CallerKind, Consultant, ConsultantState, Facts, TopicKind
from supportdesk.routing.rules import RULES
from tests.routing.cast import (
    JANA,
    PETR,
    THURSDAY_EVENING,
    THURSDAY_NOON,
    WITH_DEPUTY,
    facts,
    prague,
)

Answer = tuple[str, list[str], int]


def oracle(channel: str, caller: str, topic: str, consultant: str, *, is_open: bool) -> Answer:
    """Give rule, targets and priority, read off the specification case by case."""
    if caller in {"ambiguous", "unknown", "hidden"}:
        priority = 1 if topic == "block" else 3
        return (
            ("R1", ["pool"], priority) if channel == "phone" else ("R2", ["pool_triage"], priority)
        )
    if topic == "block":
        is_at_hand = is_open and consultant == "free"
        return "R3", ["consultant", "pool"] if is_at_hand else ["pool"], 1
    if caller == "technical" and topic in {"technical", "unspecified"}:
        return "R4", ["tdms", "pool"], 2
    in_hours = {
        "free": ["consultant", "deputy", "pool"],
        "busy": ["consultant", "deputy", "pool"],
        "away_with_deputy": ["deputy", "pool"],
        "away": ["pool"],
        "none": ["pool"],
    }
    targets = in_hours[consultant] if is_open else ["pool"]
    if topic == "technical":
        return "R5", targets, 2
    return ("R6" if is_open else "R7"), targets, 3


def every_situation() -> Iterator[tuple[Facts, Answer]]:
    times = ((THURSDAY_NOON, True), (THURSDAY_EVENING, False))
    for channel, caller, topic, state, (at, is_open) in product(
        Channel, CallerKind, TopicKind, ConsultantState, times
    ):
        if (channel, caller) != (Channel.WEB, CallerKind.HIDDEN):
            situation = facts(channel=channel, at=at, caller=caller, topic=topic, state=state)
            yield situation, oracle(channel, caller, topic, state, is_open=is_open)


SITUATIONS = list(every_situation())


def test_every_possible_situation_is_decided_as_specified() -> None:
    assert len(SITUATIONS) == 4 * 5 * 4 * 5 * 2 - 40
    for situation, (rule, targets, priority) in SITUATIONS:
        decision = decide(situation)
        decided = (decision.rule, [decision.target, *decision.then], decision.priority)
        assert decided == (rule, targets, priority), situation


def test_owner_is_the_consultant_wherever_one_can_be_named() -> None:
    for situation, _ in SITUATIONS:
        can_be_named = (
            situation.caller.kind in {CallerKind.TECHNICAL, CallerKind.CONTACT}
            and situation.consultant.state is not ConsultantState.NONE
        )
        assert (decide(situation).owner == "consultant") is can_be_named


def test_an_owner_who_does_not_handle_a_request_follows_it() -> None:
    for situation, _ in SITUATIONS:
        decision = decide(situation)
        is_passed_by = decision.owner is not None and decision.target is not Target.CONSULTANT
        assert decision.followers == ((Target.CONSULTANT,) if is_passed_by else ())


def test_hold_and_callback_are_offered_only_to_callers_of_a_busy_consultant() -> None:
    offered = [s for s, _ in SITUATIONS if decide(s).hold or decide(s).callback]
    assert offered
    for situation, (rule, targets, _) in SITUATIONS:
        decision = decide(situation)
        expected = (
            situation.channel is Channel.PHONE
            and targets[0] == "consultant"
            and situation.consultant.state is ConsultantState.BUSY
        )
        assert (decision.hold, decision.callback) == (expected, expected)
        if expected:
            assert rule in {"R5", "R6"}


def test_supervisor_hears_of_every_known_customer_without_a_consultant() -> None:
    for situation, _ in SITUATIONS:
        is_missing = (
            situation.caller.is_identified and situation.consultant.state is ConsultantState.NONE
        )
        assert decide(situation).alert_supervisor is is_missing


def test_hidden_caller_by_web_is_impossible() -> None:
    with pytest.raises(InvalidInput, match="cannot come by web"):
        facts(channel=Channel.WEB, caller=CallerKind.HIDDEN)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        replace(facts(), at=THURSDAY_NOON.replace(tzinfo=None))


@pytest.mark.parametrize("topic", TopicKind)
def test_automatic_mail_has_the_lowest_priority(topic: TopicKind) -> None:
    assert decide(facts(topic=topic, is_automatic=True)).priority == 4


@pytest.mark.parametrize(
    ("local", "rule", "target"),
    [
        ("2026-04-02 07:59:59", "R7", Target.POOL),
        ("2026-04-02 08:00:00", "R6", Target.CONSULTANT),
        ("2026-04-02 15:59:59", "R6", Target.CONSULTANT),
        ("2026-04-02 16:00:00", "R7", Target.POOL),
        ("2026-04-03 10:00:00", "R7", Target.POOL),  # Good Friday
        ("2026-04-04 10:00:00", "R7", Target.POOL),  # Saturday
        ("2026-03-29 10:00:00", "R7", Target.POOL),  # the clock goes forward
        ("2026-03-30 08:00:00", "R6", Target.CONSULTANT),  # the first opening in summer time
        ("2026-10-25 10:00:00", "R7", Target.POOL),  # the clock goes back
        ("2026-10-26 07:59:59", "R7", Target.POOL),
        ("2026-10-26 08:00:00", "R6", Target.CONSULTANT),
        ("2026-12-31 15:59:59", "R6", Target.CONSULTANT),
    ],
)
def test_the_minute_decides_between_consultant_and_pool(
    local: str, rule: str, target: Target
) -> None:
    decision = decide(facts(at=prague(local)))
    assert (decision.rule, decision.target) == (rule, target)


def test_the_decision_names_the_people_behind_its_targets() -> None:
    at_noon = decide(facts())
    assert (at_noon.person, at_noon.consultant, at_noon.deputy) == (JANA, JANA, PETR)
    away = decide(facts(state=ConsultantState.AWAY_WITH_DEPUTY))
    assert away.person == PETR
    at_night = decide(facts(at=THURSDAY_EVENING))
    assert (at_night.person, at_night.consultant, at_night.deputy) == (None, JANA, None)
    stranger = decide(facts(caller=CallerKind.UNKNOWN))
    assert (stranger.person, stranger.consultant) == (None, None)


def test_without_a_deputy_the_pool_follows_the_consultant() -> None:
    for state in WITH_DEPUTY:
        decision = decide(replace(facts(), consultant=Consultant(state, JANA)))
        assert Target.DEPUTY not in (decision.target, *decision.then)
        assert (decision.target, *decision.then)[-1] is Target.POOL


def test_the_table_is_numbered_in_order_and_ends_with_a_rule_for_everything_else() -> None:
    assert [rule.code for rule in RULES] == [f"R{number}" for number in range(1, 8)]
    assert RULES[-1].when == ()
    assert all(rule.when for rule in RULES[:-1])
