"""Running statements that were built once.

Building a statement costs several times what the database needs to answer it. So the questions of
hot pages are built by cached functions, with named parameters, and run on the bare connection.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

MOST_VIEWERS = 512
"""How many viewers' own forms of a statement are kept."""


def fetch(
    session: Session, statement: sa.Select[Any] | sa.CompoundSelect[Any], **parameters: Any
) -> sa.CursorResult[Any]:
    """Run a prepared statement within the session's transaction."""
    return session.connection().execute(statement, parameters)
