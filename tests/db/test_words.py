"""Words as search sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.db.words import LONGEST_WORD, MOST_REPEATS, MOST_WORDS, split_words, words_to_index


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Příliš ŽLUŤOUČKÝ kůň", ["prilis", "zlutoucky", "kun"]),
        ("Pr\u030ci\u0301lis\u030c", ["prilis"]),  # accents as characters of their own
        ("Straße, ﬁrma, Ⅻ, x²", ["strasse", "firma", "xii", "x2"]),
        ("jana.nova@obec-dolni.example", ["jana", "nova", "obec", "dolni", "example"]),
        ("FA-2026/0815", ["fa", "2026", "0815"]),
        ("ne\u00adpři\u200bjatelný", ["neprijatelny"]),  # hyphenated by a program
        ('don\'t "quote" OR (NEAR) a*', ["don", "t", "quote", "or", "near", "a"]),
        ("snake_case\x00zero\ud800", ["snake", "case", "zero"]),
        ("Κυριάκος Київ 東京", ["κυριακοσ", "київ".replace("ї", "і"), "東京"]),
        (" …  ", []),
    ],
)
def test_words_are_folded_so_that_accents_case_and_signs_do_not_matter(
    text: str, words: list[str]
) -> None:
    assert split_words(text) == words


@given(st.text())
def test_words_hold_letters_and_digits_only_and_stay_as_they_are(text: str) -> None:
    words = split_words(text)
    assert all(word.isalnum() and 0 < len(word) <= LONGEST_WORD for word in words)
    assert split_words(" ".join(words)) == words


def test_no_more_words_are_indexed_than_databases_take() -> None:
    log = " ".join(f"w{number}" for number in range(2 * MOST_WORDS))
    assert len(words_to_index(log)) == MOST_WORDS
    assert words_to_index("ano " * 1000) == ["ano"] * MOST_REPEATS
    assert split_words("x" * 1000) == ["x" * LONGEST_WORD]
