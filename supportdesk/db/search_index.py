"""The words of every message, where search looks: FTS5 on SQLite, a tsvector on PostgreSQL.

The table `message_search` is made by migrations alone, for the two kinds have little in common. It
holds what people wrote; our own automatic answers are all alike and would be found every time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.bulk import insert_returning_ids
from supportdesk.db.models import Author, Message
from supportdesk.db.words import words_to_index

_TO_SQLITE = sa.text("INSERT INTO message_search (rowid, words) VALUES (:id, :words)")
_TO_POSTGRESQL = sa.text(
    "INSERT INTO message_search (message_id, words)"
    " SELECT id, words::tsvector"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:words AS text[])) AS one (id, words)"
)


def insert_messages(session: Session, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert messages so that search finds them, and give their ids in the same order."""
    ids = insert_returning_ids(session, Message, rows)
    index_messages(session, dict(zip(ids, rows, strict=True)))
    return ids


def index_messages(session: Session, messages: Mapping[int, Mapping[str, Any]]) -> None:
    """Let search find messages that it does not know yet, given by their ids."""
    documents = {
        message_id: words_of(row)
        for message_id, row in messages.items()
        if row["author"] != Author.SYSTEM
    }
    if not documents:
        return
    if session.connection().dialect.name == "sqlite":
        values = [{"id": id_, "words": as_text(words)} for id_, words in documents.items()]
        session.connection().execute(_TO_SQLITE, values)
    else:
        vectors = [as_tsvector(words) for words in documents.values()]
        session.connection().execute(_TO_POSTGRESQL, {"ids": list(documents), "words": vectors})


def indexed_among(session: Session, message_ids: Sequence[int]) -> set[int]:
    """Give those of the messages that search knows already."""
    is_sqlite = session.connection().dialect.name == "sqlite"
    message_id: sa.ColumnClause[int] = sa.column("rowid" if is_sqlite else "message_id")
    known = sa.select(message_id).select_from(sa.table("message_search", message_id))
    return set(session.scalars(known.where(message_id.in_(message_ids))))


def words_of(row: Mapping[str, Any]) -> list[str]:
    """Give the words by which a message is found; what it quotes belongs to the quoted one."""
    return words_to_index(
        row.get("subject", ""),
        row.get("sender_name", ""),
        row.get("sender_address", ""),
        row["reply_text"] or row.get("text", ""),
    )


def as_text(words: Sequence[str]) -> str:
    """Write words for SQLite: with a space before and after each, so that whole ones are seen."""
    return f" {' '.join(words)} "


def as_tsvector(words: Sequence[str]) -> str:
    """Write words for PostgreSQL, with their places; they hold letters and digits only."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words, 1))


def is_described(name: str | None, kind: str, _parents: object) -> bool:
    """Tell what models describe from the index and from what FTS5 keeps beside it."""
    return kind != "table" or name is None or not name.startswith("message_search")
