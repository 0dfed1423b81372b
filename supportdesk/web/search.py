"""Search: a word of a mail, a name, an address or a number leads to the request."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from supportdesk.db.queries.search import (
    MOST_HITS,
    FoundMessage,
    Hit,
    describe_messages,
    find_messages,
    is_index_complete,
)
from supportdesk.db.queries.ticket_list import PAGE, find_row
from supportdesk.db.search_terms import MOST_TYPED, Term, is_marked, read_number, read_terms
from supportdesk.db.words import split_words
from supportdesk.errors import InvalidInput
from supportdesk.web.context import reading, viewer
from supportdesk.web.forms import is_number
from supportdesk.web.gate import for_those
from supportdesk.web.shell import render_page

search = Blueprint("search", __name__)

# A word with the accents that some programs write as characters of their own.
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f\u00ad])*")
_SNIPPET_CHARS = 240
_BEFORE_CHARS = 60
_READ_CHARS = 20_000
"""How much of a text is searched for what to show of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A ticket with the newest of its messages that hold what was searched for."""

    newest: FoundMessage
    subject: Markup
    snippet: Markup
    others: int


@search.get("/search")
@for_those(lambda viewer: viewer.sees_content)
def show() -> ResponseReturnValue:
    """Show what was found, the newest first; a number with its sign leads to the ticket."""
    typed = request.args.get("q", "")[:MOST_TYPED].strip()
    before = _before(request.args.get("before"))
    number = read_number(typed)
    numbered = find_row(reading(), viewer(), number) if number is not None else None
    if numbered and typed.startswith("#"):
        return redirect(url_for("tickets.show", ticket_id=numbered.id))
    terms = read_terms(typed)
    hits = find_messages(reading(), viewer(), terms, before=before)
    tickets = _by_ticket(hits.found)
    return render_page(
        "search.html",
        typed=typed,
        is_asked=bool(terms),
        numbered=numbered if before is None else None,
        found=_describe(tickets[:PAGE], terms),
        count=len(hits.found),
        has_more=hits.has_more,
        is_cut_short=hits.is_cut_short,
        is_complete=is_index_complete(reading()),
        is_first=before is None,
        most=MOST_HITS,
        next_before=_next_before(tickets, has_more=hits.has_more),
    )


def _before(raw: str | None) -> int | None:
    if not raw:
        return None
    if not is_number(raw):
        raise InvalidInput(
            "The address of the next page is damaged; start again from the first page."
        )
    return int(raw)


def _by_ticket(hits: Sequence[Hit]) -> list[list[Hit]]:
    """Gather hits by ticket, in the order of the newest of each."""
    newest: dict[int, list[Hit]] = {}
    for hit in hits:
        newest.setdefault(hit.ticket_id, []).append(hit)
    return list(newest.values())


def _next_before(tickets: Sequence[Sequence[Hit]], *, has_more: bool) -> int | None:
    """Tell where the next page begins: with the first ticket that has no place on this one."""
    if len(tickets) > PAGE:
        return tickets[PAGE][0].message_id + 1
    return tickets[-1][-1].message_id if has_more else None


def _describe(tickets: Sequence[Sequence[Hit]], terms: Sequence[Term]) -> list[Found]:
    newest = describe_messages(reading(), [hits[0].message_id for hits in tickets])
    return [
        Found(
            message,
            marked(message.ticket_subject, terms),
            marked(_snippet(message.text, terms), terms),
            len(hits) - 1,
        )
        for message, hits in zip(newest, tickets, strict=True)
    ]


def marked(text: str, terms: Sequence[Term]) -> Markup:
    """Escape a text and mark the words that were searched for."""
    pieces: list[str] = []
    position = 0
    for start, end in _places(text, terms):
        pieces += (str(escape(text[position:start])), f"<mark>{escape(text[start:end])}</mark>")
        position = end
    pieces.append(str(escape(text[position:])))
    return Markup("".join(pieces))  # noqa: S704 - every piece is escaped above


def _snippet(text: str, terms: Sequence[Term]) -> str:
    """Cut out the lines around the first word that was searched for, as one line."""
    line = " ".join(text[:_READ_CHARS].split())
    start, _ = next(_places(line, terms), (0, 0))
    begin = 0 if start <= _BEFORE_CHARS else line.rfind(" ", 0, start - _BEFORE_CHARS) + 1
    cut = line[begin : begin + _SNIPPET_CHARS]
    return f"{'… ' if begin else ''}{cut}{' …' if begin + _SNIPPET_CHARS < len(line) else ''}"


def _places(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    for word in _WORD.finditer(text):
        if is_marked(split_words(word[0]), terms):
            yield word.span()
