"""Who leads: a row with a lease, taken over when it runs out.

It saves work, not correctness: what a leader does must be harmless when two do it. These functions
run inside the caller's transaction.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.bulk import table_of
from supportdesk.db.models import Leadership
from supportdesk.db.work import insert_or_ignore

_row = table_of(Leadership)


def holder_of(session: Session, name: str, *, now: datetime) -> str | None:
    """Tell who leads now, None when nobody does."""
    return session.scalar(sa.select(_row.c.holder).where(_row.c.name == name, _row.c.ends_at > now))


def lead(session: Session, name: str, holder: str, *, now: datetime, seconds: float) -> int | None:
    """Lead on, or begin to where nobody does; give the number of the term, None for another's."""
    values = {"holder": holder, "renewed_at": now, "ends_at": now + timedelta(seconds=seconds)}
    here = sa.update(_row).where(_row.c.name == name).returning(_row.c.term)
    mine = here.where(_row.c.holder == holder).values(**values)
    vacant = here.where(_row.c.ends_at <= now).values(**values, term=_row.c.term + 1, began_at=now)
    first = insert_or_ignore(session, _row).values(name=name, **values, term=1, began_at=now)
    for statement in (mine, vacant, first.returning(_row.c.term)):
        term: int | None = session.scalar(statement)
        if term is not None:
            return term
    return None


def resign(session: Session, name: str, holder: str, *, now: datetime) -> None:
    """Let somebody else lead at once."""
    session.execute(
        sa.update(_row).where(_row.c.name == name, _row.c.holder == holder).values(ends_at=now)
    )
