"""What is typed becomes words to find, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.db.search_terms import (
    MOST_TERMS,
    Term,
    as_match,
    as_pattern,
    as_tsquery,
    is_marked,
    read_number,
    read_terms,
)


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("Faktur říjen", [Term(("faktur",), True), Term(("rijen",), True)]),
        ('"výpis hovorů" v', [Term(("vypis", "hovoru"), False), Term(("v",), False)]),
        ("„výpis hovorů“", [Term(("vypis", "hovoru"), False)]),
        ('"nikdy nekončí', [Term(("nikdy", "nekonci"), False)]),
        ("jana@obec.example", [Term(("jana", "obec", "example"), True)]),
        ("mail mail MAIL", [Term(("mail",), True)]),
        ('* " OR -() NEAR/2', [Term(("or", "near", "2"), False)]),
        ('"" * !', []),
    ],
)
def test_what_is_typed_is_read_as_words(typed: str, terms: list[Term]) -> None:
    assert list(read_terms(typed)) == terms


def test_only_so_many_words_count() -> None:
    assert len(read_terms(" ".join(f"w{number}" for number in range(99)))) == MOST_TERMS


@pytest.mark.parametrize(
    ("typed", "number"),
    [("123", 123), (" #123 ", 123), ("##1", None), ("12a", None), ("²", None), ("9" * 19, None)],
)
def test_a_number_is_read_with_or_without_its_sign(typed: str, number: int | None) -> None:
    assert read_number(typed) == number


def test_terms_are_written_in_the_words_of_each_database() -> None:
    terms = read_terms('"dobrý den" faktur')
    assert as_match(terms) == '"dobry den" AND "faktur" *'
    assert as_tsquery(terms) == "('dobry' <-> 'den') & ('faktur':*)"
    assert [as_pattern(term) for term in terms] == [" dobry den ", " faktur"]


@given(st.text())
def test_nothing_that_is_typed_reaches_a_query_language(typed: str) -> None:
    terms = read_terms(typed)
    letters = set("".join(word for term in terms for word in term.words))
    assert not letters & set("'\"*:&|!()<> \\\x00")


def test_words_that_were_meant_are_marked() -> None:
    terms = read_terms('faktur "v Praze"')
    marked = [word for word in "faktura fakt v praze prazeni".split() if is_marked([word], terms)]
    assert marked == ["faktura", "v", "praze"]
