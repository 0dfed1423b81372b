"""Telephone numbers as people and exchanges write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.channels.phone.numbers import is_hidden, normalise_number, spaced_number


@pytest.mark.parametrize(
    "written",
    [
        "603604644",
        "603 604 644",
        "603/604644",
        "603-604-644",
        "+420603604644",
        "+420 603 604 644",
        "00420603604644",
        "420603604644",
        "sip:+420603604644@sip.example.com",
        "sips:+420603604644@sip.example.com;transport=tls",
        "tel:+420603604644",
        " 603 604 644 ",
        "603\u00a0604\u00a0644",
    ],
)
def test_one_number_has_one_form_however_it_is_written(written: str) -> None:
    assert normalise_number(written) == "+420603604644"


KEYPAD_WORDS = "266696687 7378742833 2562533 8656696 86282452253".split()
WORDS = "anonymous Anonymous UNKNOWN Restricted private unavailable".split()


@pytest.mark.parametrize(
    "withheld",
    [
        "",
        "  ",
        "sip:anonymous@anonymous.invalid",
        *WORDS,
        *KEYPAD_WORDS,
        *[f"+{digits}" for digits in KEYPAD_WORDS],
    ],
)
def test_a_withheld_number_is_hidden_and_no_number(withheld: str) -> None:
    assert is_hidden(withheld)
    assert normalise_number(withheld) is None


def test_a_prague_number_like_a_keypad_word_counts_when_its_country_is_written() -> None:
    assert normalise_number("+420266696687") == "+420266696687"
    assert not is_hidden("+420266696687")


@pytest.mark.parametrize(
    "written",
    [
        "4644",
        "12",
        "603604",
        "6036046440000",
        "0800 FLOWERS",
        "client:jana",
        "+420 603 604 644 ext. 5",
        "=603604644",
        "abc",
        "603604644;603604645",
        "+",
    ],
)
def test_what_is_no_complete_number_has_no_form(written: str) -> None:
    assert normalise_number(written) is None


def test_foreign_numbers_keep_their_country() -> None:
    assert normalise_number("+421 2 5011 1111") == "+421250111111"


@given(st.text(max_size=60))
def test_whatever_is_written_the_form_is_stable(written: str) -> None:
    number = normalise_number(written)
    assert number is None or normalise_number(number) == number


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("+420603604644", "+420 603 604 644"), ("+4930901820", "+49 30 901820")],
)
def test_people_read_numbers_in_groups(stored: str, shown: str) -> None:
    assert spaced_number(stored) == shown
