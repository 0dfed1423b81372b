"""Running statements that were built once.

Building a statement costs several times what the database needs to answer it. So the questions of
hot pages are built by cached functions, with named parameters, and run on the bare connection.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

MOST_VIEWERS = 512
"""How many viewers' own forms of a statement are kept."""

AnySelect = sa.Select[*tuple[Any, ...]]
"""A question, whatever columns it gives."""

AnyUnion = sa.CompoundSelect[*tuple[Any, ...]]


def fetch(
    session: Session, statement: AnySelect | AnyUnion, **parameters: Any
) -> sa.CursorResult[*tuple[Any, ...]]:
    """Run a prepared statement within the session's transaction; it sees what the session holds."""
    if session.autoflush:
        session.flush()
    return session.connection().execute(statement, parameters)
