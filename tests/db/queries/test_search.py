"""Search finds the same on both databases, and only what the searcher may see."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from supportdesk.db.database import Database
from supportdesk.db.models import Agent, Author
from supportdesk.db.queries.search import (
    MOST_HITS,
    Habits,
    describe_messages,
    find_messages,
    is_index_complete,
)
from supportdesk.db.queries.viewers import Viewer, load_viewer
from supportdesk.db.search_terms import Term, read_terms
from supportdesk.db.words import split_words
from supportdesk.tickets import Desk
from tests.factories import NOON, make_cast, make_message, make_organisation, make_ticket

WALKING = Habits(sampled=10**6)
LOOKING_UP = Habits(sampled=1, common=2.0, rare=2.0)
LOOKING_UP_PHRASES = Habits(sampled=1, common=2.0, rare=0.0)
LOOKING_UP_THE_RARE = Habits(sampled=3, common=2.0, rare=0.5)
BOTH = Habits(sampled=2, walked=3, common=0.0)
EVERY_HABIT = pytest.mark.parametrize(
    "habits", [Habits(), WALKING, LOOKING_UP, LOOKING_UP_PHRASES, LOOKING_UP_THE_RARE, BOTH]
)


def viewer_of(session: Session, agent: Agent) -> Viewer:
    viewer = load_viewer(session, agent.id, today=NOON.date())
    assert viewer is not None
    return viewer


def found(
    session: Session, agent: Agent, typed: str, habits: Habits = WALKING, before: int | None = None
) -> list[int]:
    terms = read_terms(typed)
    hits = find_messages(session, viewer_of(session, agent), terms, before=before, habits=habits)
    return [hit.message_id for hit in hits.found]


@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ("faktur", {"Prosím o faktury.", "Faktura za říjen", "Říjnová faktura, děkujeme"}),
        ("FAKTURA rijen", {"Faktura za říjen"}),
        ('"faktura"', {"Faktura za říjen", "Říjnová faktura, děkujeme"}),
        ('"faktura za"', {"Faktura za říjen"}),
        ('"za faktura"', set()),
        ("za", {"Faktura za říjen"}),  # so short a word is not the beginning of "zablokovat"
        ("nova@obec.example", {"Pište na nova@obec.example."}),
        ("obec.nova", set()),
        ("zablok -SIM*", {"Zablokovat SIM"}),
        ("dotaz zablok", {"Zablokovat SIM"}),  # the subject belongs to it
        ("", set()),
    ],
)
@EVERY_HABIT
def test_words_are_found_by_their_beginnings_without_accents(
    database: Database, typed: str, texts: set[str], habits: Habits
) -> None:
    corpus = (
        "Prosím o faktury.",
        "Faktura za říjen",
        "Říjnová faktura, děkujeme",
        "Pište na nova@obec.example.",
        "Zablokovat SIM",
    )
    with database.write() as session:
        jana = make_cast(session).jana
        ticket = make_ticket(session)
        ids = {make_message(session, ticket, text, subject="Dotaz").id: text for text in corpus}
        assert {ids[one] for one in found(session, jana, typed, habits)} == texts


@EVERY_HABIT
def test_the_newest_come_first_and_the_rest_on_the_next_page(
    database: Database, habits: Habits
) -> None:
    with database.write() as session:
        jana = make_cast(session).jana
        ticket = make_ticket(session)
        ids = [make_message(session, ticket, "Výpadek").id for _ in range(MOST_HITS + 2)][::-1]
        hits = find_messages(
            session, viewer_of(session, jana), read_terms("výpadek"), habits=habits
        )
        assert [hit.message_id for hit in hits.found] == ids[:MOST_HITS]
        assert hits.has_more
        assert found(session, jana, "výpadek", habits, before=ids[MOST_HITS - 1]) == ids[MOST_HITS:]


@EVERY_HABIT
def test_only_what_the_searcher_may_see_is_found(database: Database, habits: Habits) -> None:
    with database.write() as session:
        cast = make_cast(session)
        town = make_organisation(session)
        ours = make_message(session, make_ticket(session, organisation=cast.region), "Roaming").id
        theirs = make_message(session, make_ticket(session, organisation=town), "Roaming").id
        at_tdms = make_ticket(session, organisation=make_organisation(session), desk=Desk.TDMS)
        technical = make_message(session, at_tdms, "Roaming", is_internal=True).id
        assert found(session, cast.jana, "roaming", habits) == [technical, theirs, ours]
        assert found(session, cast.account_manager, "roaming", habits) == [ours]
        assert found(session, cast.tomas, "roaming", habits) == [technical]
        assert found(session, cast.administrator, "roaming", habits) == []


def test_our_automatic_answers_are_not_found(database: Database) -> None:
    with database.write() as session:
        jana = make_cast(session).jana
        make_message(session, make_ticket(session), "Máme to.", author=Author.SYSTEM)
        assert found(session, jana, "máme") == []


def test_what_is_found_is_described_in_its_order(database: Database) -> None:
    with database.write() as session:
        cast = make_cast(session)
        ticket = make_ticket(session, organisation=cast.region)
        older = make_message(session, ticket, "Starší", contact=cast.reditel)
        newer = make_message(session, ticket, "Novější", created_at=NOON + timedelta(hours=1))
        described = describe_messages(session, [newer.id, older.id])
    assert [one.text for one in described] == ["Novější", "Starší"]
    assert [one.sender for one in described] == [newer.sender_address, cast.reditel.name]
    assert {one.organisation for one in described} == {cast.region.name}


def test_a_new_database_has_nothing_left_to_index(database: Database) -> None:
    with database.read() as session:
        assert is_index_complete(session)


WORDS = st.sampled_from("ano anon anonym ne Nebe žlutý zluta x x1 2026".split())
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=6)), max_size=6).map(" ".join)
STORED_TEXTS = TEXTS.map(lambda text: text.replace("\x00", " "))  # reading mails sees to that
QUERIES = st.one_of(
    TEXTS,
    st.tuples(WORDS, WORDS).map(" ".join).map('"{}"'.format),
    st.tuples(WORDS, WORDS).map(".".join),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpus=st.lists(STORED_TEXTS, max_size=6), queries=st.lists(QUERIES, min_size=1, max_size=6))
def test_whatever_is_typed_both_databases_find_what_holds_its_words(
    database: Database, corpus: list[str], queries: list[str]
) -> None:
    with database.write() as session:
        jana = make_cast(session).jana
        ticket = make_ticket(session)
        messages = [make_message(session, ticket, text, subject="") for text in corpus][::-1]
        texts = {one.id: split_words(f"{one.sender_address} {one.text}") for one in messages}
        for typed in queries:
            terms = read_terms(typed)
            wanted = [one for one, words in texts.items() if terms and holds(words, terms)]
            for habits in (WALKING, LOOKING_UP, LOOKING_UP_PHRASES, LOOKING_UP_THE_RARE):
                assert found(session, jana, typed, habits) == wanted
        session.rollback()  # every example begins with nothing


def holds(words: Sequence[str], terms: Sequence[Term]) -> bool:
    """Tell by plain comparing what a search means."""
    return all(
        any(is_there(words[at:], term) for at in range(len(words) - len(term.words) + 1))
        for term in terms
    )


def is_there(words: Sequence[str], term: Term) -> bool:
    *whole, last = term.words
    there = words[len(whole)]
    is_last_there = there.startswith(last) if term.is_prefix else there == last
    return list(words[: len(whole)]) == whole and is_last_there
