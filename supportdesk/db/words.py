"""Words as search sees them: without diacritics, case and punctuation. Pure.

Both databases are given these words, never the text itself: what one finds the other finds, too.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator

LONGEST_WORD = 40
"""Characters of a word that count; PostgreSQL refuses words of more than 2,046 bytes."""

MOST_WORDS = 4000
"""Words of a text that count; PostgreSQL refuses texts whose words fill more than a megabyte."""

MOST_REPEATS = 255
"""How often a word of a text counts; PostgreSQL remembers no more places of a word."""

MOST_CHARS = 100_000
"""Characters that are read at all: nobody writes more, and logs and attacks do not end."""

_MOST_KNOWN = 20_000
_DROPPED = frozenset({"Mn", "Me", "Cf"})  # accents, and what nobody sees


class _Folding(dict[int, str]):
    """What each character becomes, found out when it is met first."""

    def __missing__(self, code: int) -> str:
        split = unicodedata.normalize("NFKD", chr(code)).casefold()
        folded = "".join(map(_folded, unicodedata.normalize("NFKD", split)))
        if len(self) < _MOST_KNOWN:
            self[code] = folded
        return folded


def _folded(char: str) -> str:
    if char.isalnum():
        return char
    return "" if unicodedata.category(char) in _DROPPED else " "


_FOLDING = _Folding()


def split_words(text: str) -> list[str]:
    """Give the words of a text in their order, each cut to what counts of it."""
    return [word[:LONGEST_WORD] for word in text[:MOST_CHARS].translate(_FOLDING).split()]


def words_to_index(*texts: str) -> list[str]:
    """Give the words of several texts, one after the other, as many as may be indexed."""
    words = [word for text in texts for word in split_words(text)][:MOST_WORDS]
    return words if len(words) <= MOST_REPEATS else list(_without_excess(words))


def _without_excess(words: list[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for word in words:
        seen[word] += 1
        if seen[word] <= MOST_REPEATS:
            yield word
