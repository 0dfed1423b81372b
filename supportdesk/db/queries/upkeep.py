"""What backup, restore and doctor ask: which files rows point to, how many rows there are."""

from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Base, Pause
from supportdesk.db.queries.prepared import AnySelect, fetch

_BLOB_KEY = "blob_key"
"""A column of this name names a stored file, in whatever table."""


def find_pause(session: Session) -> Pause | None:
    """Give the pause after a restore, None when the service works as usual."""
    return session.scalar(sa.select(Pause))


def is_paused(session: Session) -> bool:
    """Tell whether nothing is sent and no mailbox read, because of a restore."""
    return fetch(session, _any_pause()).first() is not None


@cache
def _any_pause() -> AnySelect:
    return sa.select(Pause.id).limit(1)


def blob_keys(connection: sa.Connection) -> set[str]:
    """Give the keys of all stored files that some row points to."""
    keys: set[str] = set()
    for table in Base.metadata.sorted_tables:
        if _BLOB_KEY in table.c:
            column = table.c[_BLOB_KEY]
            keys.update(connection.scalars(sa.select(column).where(column.is_not(None))))
    return keys


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """Count the rows of each of our tables."""
    return {
        table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


def broken_references(connection: sa.Connection) -> dict[str, int]:
    """Count, by constraint, the rows that point to what does not exist."""
    broken: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            parent = constraint.referred_table.alias("parent")
            pairs = [(one.parent, parent.c[one.column.name]) for one in constraint.elements]
            missing = (
                sa.select(sa.func.count())
                .select_from(table)
                .where(*(child.is_not(None) for child, _ in pairs))
                .where(~sa.exists().where(*(child == of for child, of in pairs)))
            )
            count = connection.scalar(missing)
            if count:
                broken[str(constraint.name)] = count
    return broken
