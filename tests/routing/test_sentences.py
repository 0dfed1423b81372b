"""What a lay person reads of a decision."""

from dataclasses import replace
from datetime import datetime

import pytest

from supportdesk.messages import Channel
from supportdesk.routing.calendar import BusinessCalendar
from supportdesk.routing.decide import decide
from supportdesk.routing.facts import (
    AbsenceKind,
    Agent,
    AgentStatus,
    CallerKind,
    ConsultantState,
    TopicKind,
    resolve_consultant,
)
from supportdesk.routing.phrases import on_day_at, short_instant
from supportdesk.routing.rules import RULES
from supportdesk.routing.sentences import RULE_SAYS_IN_CZECH, SENTENCES, render_trace
from tests.routing.cast import THURSDAY_EVENING, THURSDAY_NOON, absent, facts, prague
from tests.routing.test_rules import SITUATIONS


def test_an_absence_with_a_chain_of_substitutes_is_told_in_czech() -> None:
    agents = {
        1: absent(1, "Jana Nováková"),
        2: absent(2, "Petr Svoboda", substitute_id=3),
        3: Agent(3, "Eva Malá"),
    }
    leave = replace(agents[1].absences[0], kind=AbsenceKind.LEAVE)
    agents[1] = replace(agents[1], absences=(leave,))
    story = replace(facts(), consultant=resolve_consultant(1, 2, agents, THURSDAY_NOON))
    assert render_trace(decide(story).trace, "cs") == [
        "Požadavek přišel e-mailem ve čtvrtek 2. 4. 2026 v 12:00:00.",
        "Obrací se na nás kontaktní osoba (Karel Malý; Město Příklad).",
        "Jde o obchodní věc (podle slov v textu: „faktura“).",
        "Zákaznické centrum má otevřeno (8:00–16:00).",
        (
            "Osobní konzultant (Jana Nováková) teď nepracuje:"
            " dovolená od 2. 4. 2026 0:00 do 3. 4. 2026 0:00."
        ),
        "Pravidlo R1 neplatí: požadavek přišel e-mailem.",
        "Pravidlo R2 neplatí: víme, kdo se obrací (kontaktní osoba).",
        "Pravidlo R3 neplatí: nejde o ztrátu, krádež ani zneužití (téma: obchodní věc).",
        "Pravidlo R4 neplatí: obrací se na nás kontaktní osoba, ne technická.",
        "Pravidlo R5 neplatí: nejde o technickou věc (téma: obchodní věc).",
        (
            "Platí pravidlo R6."
            " Vše ostatní v otevírací době: osobní konzultant, zástup, asistenti 24/7."
        ),
        "Zástup podle přidělení, Petr Svoboda: nepřítomnost od 2. 4. 2026 0:00 do 3. 4. 2026 0:00.",
        "Další zástup (určuje Petr Svoboda), Eva Malá: je k dispozici.",
        "Požadavek dostane zástup (Eva Malá).",
        "Když to nevyjde, pak: asistenti 24/7.",
        "Proč ne osobní konzultant: není přítomen.",
        "Zákazníka má dál na starosti osobní konzultant (Jana Nováková) a vše uvidí.",
        "Priorita 3: běžná.",
    ]


def test_a_night_call_of_a_technical_contact_is_told_in_english() -> None:
    story = facts(
        channel=Channel.PHONE,
        at=THURSDAY_EVENING,
        caller=CallerKind.TECHNICAL,
        topic=TopicKind.UNSPECIFIED,
    )
    told = render_trace(decide(story).trace, "en")
    assert told[0] == "The request came by phone on Thursday 2 April 2026 at 20:00:00."
    assert (
        "The customer centre has closed for the day. It opens on Tuesday 7 April 2026 at 8:00."
        in told
    )
    assert "The request goes straight to the technical specialists (TDMS)." in told
    assert "Why not the personal consultant: technical contacts have a direct way to TDMS." in told


@pytest.mark.parametrize(
    ("local", "czech"),
    [
        ("2026-04-06 09:05", "v pondělí 6. 4. 2026 v 9:05"),
        ("2026-04-07 08:00", "v úterý 7. 4. 2026 v 8:00"),
        ("2026-04-08 08:00", "ve středu 8. 4. 2026 v 8:00"),
        ("2026-04-09 08:00", "ve čtvrtek 9. 4. 2026 v 8:00"),
        ("2026-04-10 08:00", "v pátek 10. 4. 2026 v 8:00"),
        ("2026-04-11 08:00", "v sobotu 11. 4. 2026 v 8:00"),
        ("2026-04-12 08:00", "v neděli 12. 4. 2026 v 8:00"),
    ],
)
def test_days_of_the_week_stand_in_the_right_case(local: str, czech: str) -> None:
    assert on_day_at(prague(local).isoformat(), "cs") == czech


def test_instants_are_told_in_local_time_summer_and_winter() -> None:
    summer, winter = datetime.fromisoformat("2026-07-01T06:00Z"), "2026-01-01T07:00Z"
    assert short_instant(summer.isoformat(), "en") == "1 July 2026 8:00"
    assert short_instant(winter, "cs") == "1. 1. 2026 8:00"


def seen_codes() -> set[str]:
    """Collect the codes of every situation, of every kind of closed hour and substitute."""
    stories = [situation for situation, _ in SITUATIONS]
    stories += [facts(is_automatic=True)]
    closed = ["2026-04-02 07:00", "2026-04-03 10:00", "2026-04-04 10:00"]
    stories += [facts(at=prague(local)) for local in closed]
    stocktaking = BusinessCalendar({THURSDAY_NOON.date(): "Inventura"})
    stories += [replace(facts(), hours=stocktaking.hours_at(THURSDAY_NOON))]
    substitutes = [
        Agent(2, "Petr", is_active=False),
        Agent(2, "Petr", status=AgentStatus.AWAY),
        Agent(2, "Petr"),
        absent(2, "Petr", substitute_id=1),
    ]
    stories += [
        replace(
            facts(state=ConsultantState.AWAY),
            consultant=resolve_consultant(1, 2, {1: absent(1, "Jana"), 2: each}, THURSDAY_NOON),
        )
        for each in substitutes
    ]
    return {step["code"] for story in stories for step in decide(story).trace}


def test_every_code_that_decisions_write_has_a_sentence_and_no_sentence_is_idle() -> None:
    assert seen_codes() == set(SENTENCES)


def test_every_sentence_exists_in_both_languages() -> None:
    for code, text in SENTENCES.items():
        assert text.cs.endswith((".", "{says}")), code
        assert text.en.endswith((".", "{says}")), code


def test_every_rule_is_said_in_czech() -> None:
    assert list(RULE_SAYS_IN_CZECH) == [rule.code for rule in RULES]
