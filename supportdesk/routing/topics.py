"""What a request is about, and which activities its words propose.

Words come from `words.csv`: stems of words as people begin them, without diacritics, in Czech and
English. They only propose; staff confirm, and no word ever grants authority. Reads only what the
caller hands over, which is the subject and the new text of a message, never the quoted history.
"""

import csv
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import StringIO
from typing import Final

from supportdesk.routing.authority import Activity
from supportdesk.routing.facts import Topic, TopicKind, TopicSource

# A request says what it wants early; what is longer is a pasted log or an attachment in disguise.
LONGEST_TEXT_READ: Final = 20_000
MOST_WORDS_REPORTED: Final = 8

_WORD = re.compile(r"\w+")
_INVISIBLE = {ord(c): None for c in "\u00ad\u200b\u200c\u200d\u2060\ufeff"}
_LEFT_OUT = frozenset(
    (
        "a an and i the my our your this that of to for in on we is was has have been please"
        " jsem jsme se si mi nam nas na v ve k o u z tu tuto tato moje moji mou nase nasi prosim"
    ).split()
)
_KEY_LENGTH = 3


@dataclass(frozen=True, slots=True)
class Phrase:
    """One row of `words.csv`: stems that follow each other with at most `gap` words between.

    A stem matches a word that begins with it; one ending in `$` matches the whole word only.
    """

    stems: tuple[str, ...]
    gap: int
    topic: TopicKind | None
    activity: Activity | None


@dataclass(frozen=True, slots=True)
class ProposedActivity:
    """An activity that the words of a request suggest, and those words as they were written."""

    activity: Activity
    words: tuple[str, ...]


class _Plain(dict[int, str]):
    """Letters without their diacritics, by code point; those of Latin scripts are remembered."""

    def __missing__(self, code: int) -> str:
        split = unicodedata.normalize("NFKD", chr(code))
        plain = "".join(c for c in split if not unicodedata.combining(c))
        if code < _END_OF_LATIN:
            self[code] = plain
        return plain


_END_OF_LATIN: Final = 0x250
_PLAIN: Final = _Plain()


@dataclass(frozen=True, slots=True)
class _Word:
    written: str
    plain: str


@dataclass(frozen=True, slots=True)
class _Match:
    phrase: Phrase
    words: tuple[str, ...]


def recognise(
    text: str,
    *,
    staff: TopicKind | None = None,
    staff_name: str = "",
    mailbox: TopicKind | None = None,
    mailbox_name: str = "",
    form: TopicKind | None = None,
    form_name: str = "",
) -> Topic:
    """Tell what a request is about: subject and new text in `text`, the other sources if any.

    The first that says something counts: staff, words of loss or theft, the mailbox or
    plus-address, the form, the other words.
    """
    if staff is not None:
        return Topic(staff, TopicSource.STAFF, detail=staff_name)
    matches = _matches(text)
    lost = [match for match in matches if match.phrase.topic is TopicKind.BLOCK]
    if lost:
        return Topic(TopicKind.BLOCK, TopicSource.LOSS_WORDS, _as_written(lost))
    if mailbox not in {None, TopicKind.UNSPECIFIED}:
        return Topic(mailbox, TopicSource.MAILBOX, detail=mailbox_name)
    if form not in {None, TopicKind.UNSPECIFIED}:
        return Topic(form, TopicSource.FORM, detail=form_name)
    return _by_words(matches)


def propose_activities(text: str) -> tuple[ProposedActivity, ...]:
    """Propose request lines for subject and new text, in the order in which they are written."""
    found: dict[Activity, list[_Match]] = {}
    for match in _matches(text):
        if match.phrase.activity is not None:
            found.setdefault(match.phrase.activity, []).append(match)
    return tuple(
        ProposedActivity(activity, _as_written(matches)) for activity, matches in found.items()
    )


def _by_words(matches: Sequence[_Match]) -> Topic:
    technical = [match for match in matches if match.phrase.topic is TopicKind.TECHNICAL]
    business = [match for match in matches if match.phrase.topic is TopicKind.BUSINESS]
    if not technical and not business:
        return Topic(TopicKind.UNSPECIFIED)
    # As many words for either: a fault is the more urgent reading.
    if _different(technical) >= _different(business):
        return Topic(TopicKind.TECHNICAL, TopicSource.WORDS, _as_written(technical))
    return Topic(TopicKind.BUSINESS, TopicSource.WORDS, _as_written(business))


def _different(matches: Sequence[_Match]) -> int:
    return len({match.phrase for match in matches})


def _as_written(matches: Sequence[_Match]) -> tuple[str, ...]:
    by_look = {" ".join(match.words).casefold(): " ".join(match.words) for match in matches}
    return tuple(by_look.values())[:MOST_WORDS_REPORTED]


@lru_cache(maxsize=8)  # topic and request lines are asked for one after the other
def _matches(text: str) -> tuple[_Match, ...]:
    """Find the longest phrase at each word; a phrase without gaps uses its words up."""
    words = _words(text)
    found = []
    at = 0
    while at < len(words):
        match = _match_at(words, at)
        if match is not None:
            found.append(match)
        at += len(match.phrase.stems) if match is not None and not match.phrase.gap else 1
    return tuple(found)


def _words(text: str) -> list[_Word]:
    readable = unicodedata.normalize("NFC", text[:LONGEST_TEXT_READ].translate(_INVISIBLE))
    written = _WORD.findall(readable)
    plain = "".join(f"{word}\n" for word in written).translate(_PLAIN).casefold().split("\n")
    pairs = zip(written, plain, strict=False)  # the last one is empty
    return [_Word(*pair) for pair in pairs if pair[1] not in _LEFT_OUT]


def _match_at(words: list[_Word], start: int) -> _Match | None:
    for phrase in _PHRASES.get(words[start].plain[:_KEY_LENGTH], ()):
        found = _follow(phrase, words, start)
        if found is not None:
            return _Match(phrase, found)
    return None


def _follow(phrase: Phrase, words: list[_Word], start: int) -> tuple[str, ...] | None:
    if not _begins(words[start], phrase.stems[0]):
        return None
    found = [words[start].written]
    at = start + 1
    for stem in phrase.stems[1:]:
        window = range(at, min(at + phrase.gap + 1, len(words)))
        hit = next((i for i in window if _begins(words[i], stem)), None)
        if hit is None:
            return None
        found.append(words[hit].written)
        at = hit + 1
    return tuple(found)


def _begins(word: _Word, stem: str) -> bool:
    if stem.endswith("$"):
        return word.plain == stem[:-1]
    return word.plain.startswith(stem)


def _read_phrases(text: str) -> Mapping[str, tuple[Phrase, ...]]:
    """Read `words.csv` into lists by the beginning of the first stem, the longest phrase first."""
    by_key: dict[str, list[Phrase]] = {}
    for row in csv.DictReader(StringIO(text)):
        phrase = Phrase(
            stems=tuple(row["phrase"].split()),
            gap=int(row["gap"] or 0),
            topic=TopicKind(row["topic"]) if row["topic"] else None,
            activity=Activity(row["activity"]) if row["activity"] else None,
        )
        by_key.setdefault(phrase.stems[0][:_KEY_LENGTH], []).append(phrase)
    return {
        key: tuple(sorted(phrases, key=lambda phrase: -len(phrase.stems)))
        for key, phrases in by_key.items()
    }


_PHRASES: Final = _read_phrases((files(__package__) / "words.csv").read_text(encoding="utf-8"))
