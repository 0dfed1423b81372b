"""Properties of decisions over generated situations, with people, absences and any instant."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from supportdesk.messages import Channel
from supportdesk.routing.calendar import BusinessCalendar
from supportdesk.routing.decide import decide
from supportdesk.routing.decision import Target
from supportdesk.routing.facts import (
    Absence,
    AbsenceKind,
    Agent,
    AgentStatus,
    Caller,
    CallerKind,
    ConsultantState,
    Facts,
    SubstituteOutcome,
    Topic,
    TopicKind,
    TopicSource,
    resolve_consultant,
)
from supportdesk.routing.sentences import render_trace

CALENDAR = BusinessCalendar({datetime(2026, 4, 15, tzinfo=UTC).date(): "Inventura"})
AGENT_IDS = st.integers(1, 5)
FIRST_OF_MARCH = datetime(2026, 3, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 9 * 30 * 24 * 3600).map(
    lambda seconds: FIRST_OF_MARCH + timedelta(seconds=seconds)
)
NAMES = st.lists(st.sampled_from(["Jana Nováková", "{name}", "Město %s"]), max_size=2).map(tuple)


@st.composite
def absences(draw: st.DrawFn, at: datetime) -> Absence:
    begin = at + timedelta(hours=draw(st.integers(-48, 24)))
    return Absence(
        begin,
        begin + timedelta(hours=draw(st.integers(1, 72))),
        draw(st.sampled_from(AbsenceKind)),
        draw(st.none() | AGENT_IDS),
    )


@st.composite
def agents(draw: st.DrawFn, at: datetime) -> dict[int, Agent]:
    staff = {}
    for agent_id in draw(st.sets(AGENT_IDS)):
        staff[agent_id] = Agent(
            agent_id,
            f"Agent {agent_id}",
            is_active=draw(st.booleans()),
            status=draw(st.sampled_from(AgentStatus)),
            is_busy=draw(st.booleans()),
            absences=tuple(draw(st.lists(absences(at), max_size=2))),
        )
    return staff


@st.composite
def stories(draw: st.DrawFn) -> Facts:
    at = draw(INSTANTS)
    channel = draw(st.sampled_from(Channel))
    callers = [k for k in CallerKind if (channel, k) != (Channel.WEB, CallerKind.HIDDEN)]
    return Facts(
        channel=channel,
        at=at,
        caller=Caller(draw(st.sampled_from(callers)), draw(NAMES), draw(NAMES)),
        topic=Topic(
            draw(st.sampled_from(TopicKind)),
            draw(st.sampled_from(TopicSource)),
            draw(NAMES),
            draw(st.sampled_from(["", "business@example.org"])),
        ),
        hours=CALENDAR.hours_at(at),
        consultant=resolve_consultant(
            draw(st.none() | AGENT_IDS), draw(st.none() | AGENT_IDS), draw(agents(at)), at
        ),
        is_automatic=draw(st.booleans()),
    )


@given(stories())
def test_the_pool_is_always_behind_and_no_target_comes_twice(story: Facts) -> None:
    decision = decide(story)
    targets = (decision.target, *decision.then)
    assert targets[-1] in {Target.POOL, Target.POOL_TRIAGE}
    assert len(set(targets)) == len(targets)


@given(stories())
def test_after_hours_neither_consultant_nor_deputy_is_disturbed(story: Facts) -> None:
    decision = decide(story)
    if not story.hours.is_open:
        assert not {Target.CONSULTANT, Target.DEPUTY} & {decision.target, *decision.then}


@given(stories())
def test_tdms_gets_only_what_technical_contacts_send(story: Facts) -> None:
    decision = decide(story)
    assert (decision.target is Target.TDMS) is (decision.rule == "R4")
    assert Target.TDMS not in decision.then
    if decision.rule == "R4":
        assert story.caller.kind is CallerKind.TECHNICAL


@given(stories())
def test_nobody_who_is_away_is_a_target(story: Facts) -> None:
    decision = decide(story)
    targets = {decision.target, *decision.then}
    if story.consultant.absence is not None:
        assert Target.CONSULTANT not in targets
    if Target.DEPUTY in targets:
        last = story.consultant.substitutes[-1]
        assert last.outcome is SubstituteOutcome.AVAILABLE
        assert decision.deputy == last.person != story.consultant.person


@given(stories())
def test_stored_facts_give_the_same_decision_again(story: Facts) -> None:
    stored = json.dumps(story.to_json())
    again = Facts.from_json(json.loads(stored))
    assert again == story
    assert decide(again) == decide(story)


@given(stories())
def test_every_trace_survives_storing_and_is_told_in_both_languages(story: Facts) -> None:
    decision = decide(story)
    stored = json.loads(json.dumps(decision.trace))
    for language in ("cs", "en"):
        sentences = render_trace(stored, language)
        assert sentences == render_trace(decision.trace, language)
        assert len(sentences) == len(decision.trace)
        assert all(sentence.endswith(".") and "  " not in sentence for sentence in sentences)


@given(stories())
def test_the_trace_says_which_rule_applied_and_why_each_earlier_one_did_not(story: Facts) -> None:
    decision = decide(story)
    asked = [s for s in decision.trace if s["code"].startswith("rule.")]
    assert [s["values"]["rule"] for s in asked] == [f"R{n}" for n in range(1, len(asked) + 1)]
    assert [s["code"] for s in asked[:-1]] == ["rule.passed_over"] * (len(asked) - 1)
    assert asked[-1] == {"code": "rule.applies", "values": {"rule": decision.rule}}


@given(stories())
def test_a_request_that_misses_the_consultant_says_why(story: Facts) -> None:
    decision = decide(story)
    reasons = [s for s in decision.trace if s["code"].startswith("not_consultant.")]
    assert len(reasons) == (0 if decision.target is Target.CONSULTANT else 1)
    if story.consultant.state is ConsultantState.NONE and story.caller.is_identified:
        assert reasons[0]["code"] == "not_consultant.nobody_assigned"
