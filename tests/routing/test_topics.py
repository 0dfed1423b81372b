"""What a request is about, by its sources and its words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.routing.authority import Activity
from supportdesk.routing.facts import Topic, TopicKind, TopicSource
from supportdesk.routing.topics import LONGEST_TEXT_READ, propose_activities, recognise


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("Ukradli nám telefon", "block", ("Ukradli",)),
        ("ZTRÁTA SIM karty", "block", ("ZTRÁTA",)),
        ("ztratil jsem mobil, ztratil jsem SIM", "block", ("ztratil",)),
        ("prosím zablokujte mou služební SIM", "block", ("zablokujte SIM",)),
        ("podezření na zneužití čísla", "block", ("zneužití",)),
        ("My phone was stolen", "block", ("stolen",)),
        ("I have lost my SIM", "block", ("lost",)),
        ("Please block the card", "block", ("block card",)),
        ("ztráta signálu v budově", "technical", ("ztráta signálu",)),
        ("We see packet loss", "technical", ("packet loss",)),
        ("Nefunguje VPN", "technical", ("Nefunguje", "VPN")),
        ("The router does not work", "technical", ("router", "does work", "not work")),
        ("dotaz na fakturu", "business", ("fakturu",)),
        ("Změna tarifu a smlouva", "business", ("tarifu", "smlouva")),
        ("výpadek a faktura", "technical", ("výpadek",)),  # a tie: the more urgent reading
        ("výpadek, faktura, smlouva", "business", ("faktura", "smlouva")),
        ("Odblokujte prosím kartu", "business", ("Odblokujte",)),
        ("Dobrý den", "unspecified", ()),
        ("", "unspecified", ()),
        ("glosy a poslosti", "unspecified", ()),  # stems count only where a word begins
        ("zt\u00adr\u00e1ta SIM", "block", ("ztráta",)),  # a soft hyphen inside
        ("ztra\u0301ta SIM", "block", ("ztráta",)),  # a decomposed letter
    ],
)
def test_words_tell_the_topic(text: str, kind: str, words: tuple[str, ...]) -> None:
    found = recognise(text)
    assert (found.kind, found.words) == (kind, words)


def test_staff_beat_words_of_loss() -> None:
    found = recognise("ukradli", staff=TopicKind.BUSINESS, staff_name="Eva")
    assert found == Topic(TopicKind.BUSINESS, TopicSource.STAFF, detail="Eva")


def test_words_of_loss_beat_mailbox_and_form() -> None:
    found = recognise("ukradli", mailbox=TopicKind.BUSINESS, form=TopicKind.TECHNICAL)
    assert (found.kind, found.source) == (TopicKind.BLOCK, TopicSource.LOSS_WORDS)


def test_the_mailbox_beats_the_form_and_the_form_beats_other_words() -> None:
    technical, business = TopicKind.TECHNICAL, TopicKind.BUSINESS
    by_mailbox = recognise("faktura", mailbox=technical, mailbox_name="tdms@", form=business)
    assert by_mailbox == Topic(technical, TopicSource.MAILBOX, detail="tdms@")
    by_form = recognise("faktura", form=technical, form_name="Porucha")
    assert by_form == Topic(technical, TopicSource.FORM, detail="Porucha")


def test_a_mailbox_for_everything_leaves_the_words_to_speak() -> None:
    found = recognise("faktura", mailbox=TopicKind.UNSPECIFIED)
    assert (found.kind, found.source) == (TopicKind.BUSINESS, TopicSource.WORDS)


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("Žádám o výpis všech hovorů", {Activity.CALL_RECORDS}),
        ("Reklamujeme vaši fakturu", {Activity.CLAIM_INVOICE, Activity.INVOICE_VIEW}),
        ("nová SIM a změna tarifu", {Activity.ORDER, Activity.TARIFF_SERVICE}),
        ("Nastavte nám VPN", {Activity.TECHNICAL_CHANGE}),
        ("ukradli mi telefon", {Activity.BLOCK_SIM}),
        ("Please swap the SIM", {Activity.SIM_SWAP_PORT}),
        ("Prosím o přenos čísla", {Activity.SIM_SWAP_PORT}),
        ("ztracené heslo", {Activity.QUESTION}),
        ("Dobrý den", set()),
    ],
)
def test_words_propose_activities(text: str, proposed: set[Activity]) -> None:
    lines = propose_activities(text)
    assert {line.activity for line in lines} == proposed
    assert all(line.words for line in lines)


def test_what_is_beyond_the_length_read_is_not_looked_at() -> None:
    assert recognise("x" * LONGEST_TEXT_READ + " ukradli").kind is TopicKind.UNSPECIFIED


@pytest.mark.parametrize("piece", ["ztrata ", "blok x x ", "nesouhlas ", "\u0301", "\ufdfa"])
def test_long_texts_take_no_longer_than_their_length(piece: str) -> None:
    began = time.perf_counter()
    recognise(piece * 1_000_000)
    assert time.perf_counter() - began < 2


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    recognise(text)
    propose_activities(text)


@given(st.text(alphabet="abc \n.,"))
def test_a_theft_is_found_wherever_it_stands(text: str) -> None:
    assert recognise(f"{text} Ukradli {text}").kind is TopicKind.BLOCK
