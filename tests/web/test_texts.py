"""Both languages are complete, and say the same things with the same names in them."""

import re
from collections import Counter

import pytest
from babel.messages.pofile import read_po

from supportdesk.catalogues import CATALOGUES
from supportdesk.db.models import DeadlineKind, LineState, OutboxState, Right, Service
from supportdesk.db.queries.ticket_list import View
from supportdesk.messages import Assurance, Automatic, Channel, ReportKind
from supportdesk.routing.authority import Circumstance
from supportdesk.routing.facts import AgentStatus, TopicKind
from supportdesk.tickets import Desk, State
from supportdesk.web import words
from tests.web.catalogue import texts

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def czech() -> dict[str | tuple[str, ...], str | tuple[str, ...]]:
    with (CATALOGUES / "cs" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return {
            _frozen(message.id): _frozen(message.string or "")
            for message in read_po(file, locale="cs")
            if message.id
        }


def _frozen(text: str | list[str] | tuple[str, ...]) -> str | tuple[str, ...]:
    return text if isinstance(text, str) else tuple(text)


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def test_every_text_is_there_in_czech() -> None:
    told = czech()
    missing = {text for _file, text in texts() if not all(forms(told.get(text, "")))}
    assert not missing


def test_catalogue_has_no_text_that_nobody_says_and_none_in_doubt() -> None:
    source = (CATALOGUES / "cs" / "LC_MESSAGES" / "messages.po").read_text(encoding="utf-8")
    assert "fuzzy" not in source
    assert czech().keys() == {text for _file, text in texts()}


def test_czech_has_three_forms_of_every_count() -> None:
    assert all(len(told) == 3 for told in czech().values() if not isinstance(told, str))


def test_translations_name_the_same_values() -> None:
    def named(text: str) -> Counter[str]:
        return Counter(PLACEHOLDER.findall(text))

    for english, told in czech().items():
        for form in forms(told):
            assert named(form) == named(forms(english)[0]), english


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (View, words.VIEWS),
        (View, words.VIEW_ICONS),
        (View, words.EMPTY_VIEWS),
        (State, words.STATES),
        (Desk, words.DESKS),
        (TopicKind, words.TOPICS),
        (Channel, words.CHANNELS),
        (Channel, words.CHANNEL_ICONS),
        (Assurance, words.ASSURANCE),
        (set(Automatic) - {Automatic.NO}, words.AUTOMATIC),
        (DeadlineKind, words.DEADLINES),
        (LineState, words.LINE_STATES),
        (Circumstance, words.CIRCUMSTANCES),
        (OutboxState, words.DELIVERY),
        (ReportKind, words.REPORTS),
        (ReportKind, words.REPORT_ICONS),
        ({ReportKind.FAILED, ReportKind.COMPLAINT}, words.SUPPRESSED),
        (AgentStatus, words.STATUSES),
        (Right, words.RIGHTS),
        (Service, words.SERVICES),
    ],
)
def test_every_code_has_words(codes: object, told: dict[str, str]) -> None:
    assert set(codes) == told.keys()  # type: ignore[call-overload]
