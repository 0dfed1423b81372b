"""What somebody searches for, read from what she typed, and written for each database. Pure.

Whatever is typed is words to find: neither database's own query language can be reached, for
words hold letters and digits only.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from supportdesk.db.words import split_words

SHORTEST_PREFIX = 3
"""Letters from which on a word also finds longer ones: Czech words end in many ways."""

MOST_TERMS = 12
MOST_TYPED = 300
"""Characters of what was typed that count."""

_QUOTES = str.maketrans("„“”«»‟", '""""""')
_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that follow each other; of the last one `is_prefix` wants the beginning only."""

    words: tuple[str, ...]
    is_prefix: bool

    def single_words(self) -> "tuple[Term, ...]":
        """Give each word by itself: whatever holds the term holds all of them."""
        *whole, last = self.words
        return (*(Term((word,), is_prefix=False) for word in whole), Term((last,), self.is_prefix))


def read_terms(typed: str) -> tuple[Term, ...]:
    """Read what is searched for: all of it must be in one message.

    What stands in quotes is looked for exactly so. Other words find all that begins with them; what
    is written together, such as an address, is found together.
    """
    found = []
    for quoted, plain in _PART.findall(typed[:MOST_TYPED].translate(_QUOTES)):
        words = tuple(split_words(quoted or plain))
        if words:
            is_prefix = bool(plain) and len(words[-1]) >= SHORTEST_PREFIX
            found.append(Term(words, is_prefix))
    return tuple(dict.fromkeys(found))[:MOST_TERMS]


def read_number(typed: str) -> int | None:
    """Read the number of a ticket, with or without its sign; None when it is none."""
    digits = typed.strip().removeprefix("#")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 18
    return int(digits) if is_number else None


def as_match(terms: Iterable[Term]) -> str:
    """Write terms for FTS5."""
    return " AND ".join(
        f'"{" ".join(term.words)}"{" *" if term.is_prefix else ""}' for term in terms
    )


def as_tsquery(terms: Iterable[Term]) -> str:
    """Write terms for PostgreSQL."""
    return " & ".join(f"({_followed(term)})" for term in terms)


def as_pattern(term: Term) -> str:
    """Write a term as it stands in the words that SQLite keeps."""
    return f" {' '.join(term.words)}{'' if term.is_prefix else ' '}"


def is_marked(words: Sequence[str], terms: Iterable[Term]) -> bool:
    """Tell whether one of these words of a text is one that was searched for."""
    return any(_is_meant(word, term) for word in words for term in terms)


def _is_meant(word: str, term: Term) -> bool:
    return word in term.words or (term.is_prefix and word.startswith(term.words[-1]))


def _followed(term: Term) -> str:
    return " <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.is_prefix else "")
