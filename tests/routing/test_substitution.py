"""Who stands in for an absent consultant."""

from dataclasses import replace
from datetime import timedelta

import pytest

from supportdesk.routing.facts import (
    Absence,
    Agent,
    AgentStatus,
    ConsultantState,
    Person,
    SubstituteOutcome,
    resolve_consultant,
)
from tests.routing.cast import THURSDAY_NOON, absent, prague

EVA = Agent(3, "Eva Malá")
PETR = Agent(2, "Petr Svoboda")
JANA = Agent(1, "Jana Nováková")


def staff(*agents: Agent) -> dict[int, Agent]:
    return {agent.id: agent for agent in agents}


def test_nobody_assigned_means_no_consultant() -> None:
    assert resolve_consultant(None, 2, staff(PETR), THURSDAY_NOON).state is ConsultantState.NONE


@pytest.mark.parametrize("agents", [staff(PETR), staff(replace(JANA, is_active=False), PETR)])
def test_a_consultant_who_left_counts_as_not_assigned(agents: dict[int, Agent]) -> None:
    found = resolve_consultant(1, 2, agents, THURSDAY_NOON)
    assert (found.state, found.deputy) == (ConsultantState.NONE, None)


@pytest.mark.parametrize(
    ("is_busy", "state"), [(False, ConsultantState.FREE), (True, ConsultantState.BUSY)]
)
def test_a_present_consultant_has_the_assigned_deputy_behind(
    is_busy: bool, state: ConsultantState
) -> None:
    found = resolve_consultant(1, 2, staff(replace(JANA, is_busy=is_busy), PETR), THURSDAY_NOON)
    assert (found.state, found.deputy) == (state, Person(2, "Petr Svoboda"))


def test_an_absent_consultant_is_replaced_by_the_assigned_deputy_not_by_her_own_substitute() -> (
    None
):
    jana = absent(1, "Jana Nováková", substitute_id=3)
    found = resolve_consultant(1, 2, staff(jana, PETR, EVA), THURSDAY_NOON)
    assert found.state is ConsultantState.AWAY_WITH_DEPUTY
    assert found.deputy == Person(2, "Petr Svoboda")
    assert found.absence == jana.absences[0]


def test_her_own_substitute_stands_in_when_the_assignment_names_nobody() -> None:
    jana = absent(1, "Jana Nováková", substitute_id=3)
    assert resolve_consultant(1, None, staff(jana, EVA), THURSDAY_NOON).deputy == Person(
        3, EVA.name
    )


def test_the_substitute_of_an_absent_deputy_stands_in_and_the_chain_is_told() -> None:
    jana, petr = absent(1, "Jana Nováková"), absent(2, "Petr Svoboda", substitute_id=3)
    found = resolve_consultant(1, 2, staff(jana, petr, EVA), THURSDAY_NOON)
    assert found.deputy == Person(3, "Eva Malá")
    first, second = found.substitutes
    assert (first.outcome, first.named_by) == (SubstituteOutcome.ABSENT, None)
    assert first.absence == petr.absences[0]
    assert (second.outcome, second.named_by) == (
        SubstituteOutcome.AVAILABLE,
        Person(2, "Petr Svoboda"),
    )


@pytest.mark.parametrize(
    ("petr", "outcomes"),
    [
        (absent(2, "Petr", substitute_id=1), ["absent", "cycle"]),  # back to the consultant
        (absent(2, "Petr", substitute_id=2), ["absent", "cycle"]),  # himself
        (absent(2, "Petr"), ["absent"]),  # the chain just ends
        (absent(2, "Petr", substitute_id=99), ["absent"]),  # somebody unheard of
        (replace(PETR, is_active=False), ["inactive"]),
        (replace(PETR, status=AgentStatus.AWAY), ["away"]),
    ],
)
def test_a_chain_that_ends_or_bites_its_tail_leaves_the_pool(
    petr: Agent, outcomes: list[str]
) -> None:
    found = resolve_consultant(1, 2, staff(absent(1, "Jana"), petr), THURSDAY_NOON)
    assert (found.state, found.deputy) == (ConsultantState.AWAY, None)
    assert [link.outcome for link in found.substitutes] == outcomes


def test_a_long_cycle_of_substitutes_ends() -> None:
    agents = staff(*(absent(n, f"Agent {n}", substitute_id=n % 5 + 1) for n in range(1, 6)))
    found = resolve_consultant(1, 2, agents, THURSDAY_NOON)
    assert found.deputy is None
    assert [link.person.id for link in found.substitutes] == [2, 3, 4, 5, 1]
    assert found.substitutes[-1].outcome is SubstituteOutcome.CYCLE


def test_a_consultant_is_never_her_own_deputy() -> None:
    found = resolve_consultant(1, 1, staff(JANA), THURSDAY_NOON)
    assert (found.state, found.deputy) == (ConsultantState.FREE, None)


def test_a_status_of_away_counts_without_an_absence() -> None:
    jana = replace(JANA, status=AgentStatus.AWAY)
    found = resolve_consultant(1, 2, staff(jana, PETR), THURSDAY_NOON)
    assert (found.state, found.absence) == (ConsultantState.AWAY_WITH_DEPUTY, None)


@pytest.mark.parametrize(
    ("local", "state"),
    [
        ("2026-04-01 23:59:59", ConsultantState.FREE),
        ("2026-04-02 00:00:00", ConsultantState.AWAY),
        ("2026-04-02 23:59:59", ConsultantState.AWAY),
        ("2026-04-03 00:00:00", ConsultantState.FREE),
    ],
)
def test_an_absence_of_one_day_lasts_from_midnight_to_midnight(
    local: str, state: ConsultantState
) -> None:
    found = resolve_consultant(1, None, staff(absent(1, "Jana Nováková")), prague(local))
    assert found.state is state


def test_of_overlapping_absences_the_one_with_a_substitute_counts() -> None:
    day = timedelta(days=1)
    named = Absence(THURSDAY_NOON - day, THURSDAY_NOON + day, substitute_id=3)
    longer = Absence(THURSDAY_NOON - day, THURSDAY_NOON + 9 * day)
    jana = replace(JANA, absences=(longer, named))
    found = resolve_consultant(1, None, staff(jana, EVA), THURSDAY_NOON)
    assert (found.absence, found.deputy) == (named, Person(3, "Eva Malá"))
