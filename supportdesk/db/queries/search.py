"""Search: the newest messages with the wanted words, among what the viewer may see.

No plan fits every word. What nearly every message holds is found at once by walking back from the
newest, but a list of all that hold it takes long to make; with a rare word it is the other way
round. So a look at the newest messages tells first how common the words are. Both plans find the
same, on both databases.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.orm import Session

from supportdesk.db.models import Message, Organisation, SearchBacklog, Ticket
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.queries.visibility import Condition, visible_tickets
from supportdesk.db.search_terms import Term, as_match, as_pattern, as_tsquery
from supportdesk.messages import Channel
from supportdesk.tickets import State

MOST_HITS = 100
"""How many messages one search gives; above that it says that there are more."""

LONGEST_SECONDS = 1.0
"""How long looking words up may take; then only the newest messages are searched."""

_NO_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Habits:
    """When to walk back and when to look words up. Whatever they are, the same is found.

    `sampled` newest messages are looked at, `walked` is how far to go back at most. Shares are of
    the sample: walking is worth it from `common` on for all that is wanted; words that stand in
    less than `rare` are looked up, and the others checked in what these find.
    """

    sampled: int = 1000
    walked: int = 20_000
    common: float = 0.005
    rare: float = 0.05


_HABITS = Habits()


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that holds all that was searched for."""

    message_id: int
    ticket_id: int


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, the newest first; `is_cut_short` when there was no time to look further."""

    found: tuple[Hit, ...]
    has_more: bool = False
    is_cut_short: bool = False


def find_messages(
    session: Session,
    viewer: Viewer,
    terms: Sequence[Term],
    *,
    before: int | None = None,
    habits: Habits = _HABITS,
) -> Hits:
    """Find messages with all terms that the viewer may see; `before` is a message's id."""
    if not terms:
        return Hits(())
    search = _Search(session, viewer, _NO_ID if before is None else before, habits)
    words = [word for term in terms for word in term.single_words()]
    sampled, shares, share = search.sample(words, terms)
    if sampled < habits.sampled or share >= habits.common:
        walked = search.walk(terms)
        if walked.has_more or sampled < habits.sampled:
            return walked
    rare = [word for word, its in zip(words, shares, strict=True) if its < habits.rare]
    try:
        return search.look_up(rare or terms, terms)
    except TimeoutError:
        return replace(search.walk(terms), is_cut_short=True)


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A hit as a list shows it, with its ticket."""

    message_id: int
    ticket_id: int
    ticket_subject: str
    state: State
    channel: Channel
    organisation: str | None
    is_internal: bool
    sender: str
    text: str
    created_at: datetime


def describe_messages(session: Session, message_ids: Sequence[int]) -> list[FoundMessage]:
    """Give what a list shows of messages that were found, in the same order."""
    rows = (FoundMessage(*row) for row in fetch(session, _described(), ids=list(message_ids)))
    found = {row.message_id: row for row in rows}
    return [found[message_id] for message_id in message_ids]


@cache
def _described() -> AnySelect:
    return (
        sa.select(
            Message.id,
            Ticket.id,
            Ticket.subject,
            Ticket.state,
            Message.channel,
            Organisation.name,
            Message.is_internal,
            sa.func.coalesce(sa.func.nullif(Message.sender_name, ""), Message.sender_address),
            sa.func.coalesce(sa.func.nullif(Message.reply_text, ""), Message.text),
            Message.created_at,
        )
        .join(Ticket, Ticket.id == Message.ticket_id)
        .outerjoin(Organisation, Organisation.id == Ticket.organisation_id)
        .where(Message.id.in_(sa.bindparam("ids", expanding=True)))
    )


def is_index_complete(session: Session) -> bool:
    """Tell whether all messages can be found; after an upgrade the older ones come one by one."""
    return session.scalar(sa.select(SearchBacklog.id).limit(1)) is None


class _Search:
    """One search: the same questions to either database, in its own words."""

    def __init__(self, session: Session, viewer: Viewer, before: int, habits: Habits) -> None:
        self._session = session
        self._viewer = viewer
        self._before = before
        self._habits = habits
        self._is_sqlite = session.connection().dialect.name == "sqlite"
        self._id: sa.ColumnClause[int] = sa.column("rowid" if self._is_sqlite else "message_id")
        self._words: sa.ColumnClause[Any] = sa.column(
            "words", sa.Text() if self._is_sqlite else TSVECTOR()
        )
        self._index = sa.table("message_search", self._id, self._words)

    def sample(
        self, words: Sequence[Term], terms: Sequence[Term]
    ) -> tuple[int, list[float], float]:
        """Look at the newest: how many there are, the share of each word, and of all terms."""
        newest = (
            sa.select(self._words)
            .where(self._id < self._before)
            .order_by(self._id.desc())
            .limit(self._habits.sampled)
            .subquery()
        )
        wanted = [*([word] for word in words), terms]
        held = [_held(newest.c.words, one, is_sqlite=self._is_sqlite) for one in wanted]
        counts = [sa.func.count().filter(one) for one in held]
        row = self._session.connection().execute(sa.select(sa.func.count(), *counts)).one()
        size, *shares = row[0], *(count / max(1, row[0]) for count in row[1:])
        return size, shares[:-1], shares[-1]

    def walk(self, terms: Sequence[Term]) -> Hits:
        """Go back from the newest message, as far as is worth it."""
        session, newest = self._session, self._before
        if newest == _NO_ID:
            newest = 1 + (session.scalar(sa.select(sa.func.max(self._id))) or 0)
        recent = sa.select(self._id.label("id"), self._words).where(
            self._id < newest, self._id >= newest - self._habits.walked
        )
        if not self._is_sqlite:
            # So PostgreSQL cannot look the words up after all, which is what takes long.
            recent = recent.order_by(self._id.desc()).offset(0)
        walked = recent.subquery()
        held = _held(walked.c.words, terms, is_sqlite=self._is_sqlite)
        return self._hits(walked.c.id, held)

    def look_up(self, rare: Sequence[Term], terms: Sequence[Term]) -> Hits:
        """Have the index list all messages with what is rare, and check these for all terms.

        Raises:
            TimeoutError: it takes too long.
        """
        ids = sa.select(self._id.label("id")).where(self._id < self._before)
        checked = _held(self._words, terms, is_sqlite=self._is_sqlite)
        with _in_time(self._session, LONGEST_SECONDS):
            if self._is_sqlite:
                matched = sa.literal_column("message_search").op("MATCH")(as_match(rare))
                return self._hits(ids.where(matched, checked).subquery().c.id)
            held = _held(self._words, rare, is_sqlite=False)
            # IS TRUE keeps the index from being asked for what is common, too.
            found = ids.where(held, checked.is_(sa.true())).cte("found")
            return self._hits(found.prefix_with("MATERIALIZED").c.id)

    def _hits(self, message_id: sa.ColumnElement[int], *conditions: Condition) -> Hits:
        query = (
            sa.select(message_id, Message.ticket_id)
            .join(Message, Message.id == message_id)
            .where(*conditions)
            .order_by(message_id.desc())
            .limit(MOST_HITS + 1)
        )
        if not self._viewer.sees_all_tickets:
            query = query.join(Ticket, Ticket.id == Message.ticket_id)
            query = query.where(visible_tickets(self._viewer))
        rows = [Hit(*row) for row in self._session.connection().execute(query)]
        return Hits(tuple(rows[:MOST_HITS]), has_more=len(rows) > MOST_HITS)


def _held(words: sa.ColumnElement[Any], terms: Sequence[Term], *, is_sqlite: bool) -> Condition:
    """Give the condition that a message's words hold all terms."""
    if is_sqlite:
        return sa.and_(*(sa.func.instr(words, as_pattern(term)) > 0 for term in terms))
    return words.op("@@")(sa.cast(as_tsquery(terms), TSQUERY))


@contextmanager
def _in_time(session: Session, seconds: float) -> Iterator[None]:
    """Give a block's questions so many seconds; the transaction stays usable when they are over."""
    connection = session.connection()
    raw: Any = connection.connection.driver_connection
    try:
        if connection.dialect.name == "sqlite":
            end = time.monotonic() + seconds
            raw.set_progress_handler(lambda: time.monotonic() > end, 10_000)
            yield
        else:
            with connection.begin_nested():
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
                yield
                connection.exec_driver_sql("SET LOCAL statement_timeout = DEFAULT")
    except sa.exc.OperationalError as error:
        reason = getattr(error.orig, "sqlstate", None) or str(error.orig)
        if reason not in {"57014", "interrupted"}:
            raise
        raise TimeoutError from error
    finally:
        if connection.dialect.name == "sqlite":
            raw.set_progress_handler(None, 0)
