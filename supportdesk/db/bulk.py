"""Writing many rows at once, inside the caller's transaction."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.base import Base


def insert_all(session: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; none at all is fine."""
    if rows:
        session.execute(sa.insert(table_of(model)), rows)


def insert_returning_ids(
    session: Session, model: type[Base], rows: Sequence[dict[str, Any]]
) -> list[int]:
    """Insert rows and give their ids in the same order."""
    if not rows:
        return []
    table = table_of(model)
    insert = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(session.scalars(insert, rows))


def table_of(model: type[Base]) -> sa.Table:
    """Give the table of a model; each of ours is mapped to exactly one."""
    table = model.__table__
    assert isinstance(table, sa.Table)  # noqa: S101 - mapped to a table, not to a join
    return table
