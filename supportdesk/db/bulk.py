"""Writing many rows at once, inside the caller's transaction."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.base import Base


def insert_all(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; none at all is fine."""
    if rows:
        session.connection().execute(_insert(model), rows)


def insert_returning_ids(
    session: Session, model: type[Base], rows: Sequence[dict[str, Any]]
) -> list[int]:
    """Insert rows and give their ids in the same order."""
    if not rows:
        return []
    connection = session.connection()
    insert = _insert_returning_id(model, connection.dialect.name)
    return sorted(connection.scalars(insert, rows))


@cache
def _insert(model: type[Base]) -> sa.Insert:
    return sa.insert(table_of(model))


@cache
def _insert_returning_id(model: type[Base], dialect: str) -> sa.Insert:
    # SQLite numbers the rows of a statement as they stand there; asked for an order, SQLAlchemy
    # would insert them one by one. Ids grow on both, so sorting them is their order.
    keeps_order = dialect == "sqlite"
    return _insert(model).returning(table_of(model).c.id, sort_by_parameter_order=not keeps_order)


def table_of(model: type[Base]) -> sa.Table:
    """Give the table of a model; each of ours is mapped to exactly one."""
    table = model.__table__
    assert isinstance(table, sa.Table)  # noqa: S101 - mapped to a table, not to a join
    return table
