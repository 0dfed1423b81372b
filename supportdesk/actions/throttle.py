"""Count what happens too often, in the database, so that all processes share one limit."""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from supportdesk.db.bulk import table_of
from supportdesk.db.models import Throttle
from supportdesk.db.queries.prepared import AnySelect, fetch

WINDOW = timedelta(minutes=15)


def count_up(session: Session, bucket: str, now: datetime) -> int:
    """Count one more in the present window of `bucket`, and give the new count."""
    row = {"bucket": bucket, "window_at": window_at(now), "count": 1}
    adding = _adding(session.get_bind().dialect.name).returning(Throttle.count)
    count: int = session.connection().execute(adding, row).scalar_one()
    return count


def counts_in_window(
    session: Session, buckets: Collection[str], now: datetime, window: timedelta
) -> dict[str, int]:
    """Give the counts of several buckets in the present window; absent ones count nothing."""
    rows = fetch(session, _counts(), buckets=list(buckets), at=window_at(now, window))
    return {bucket: number for bucket, number in rows}  # noqa: C416 - a Row is no pair to mypy


def add_counts(
    session: Session, counts: Mapping[str, int], now: datetime, window: timedelta
) -> None:
    """Add to the present window of several buckets at once."""
    at = window_at(now, window)
    rows = [{"bucket": bucket, "window_at": at, "count": counts[bucket]} for bucket in counts]
    if rows:
        session.connection().execute(_adding(session.get_bind().dialect.name), rows)


def count_down(session: Session, bucket: str, now: datetime) -> None:
    """Take one back that turned out harmless."""
    session.execute(
        sa.update(Throttle)
        .where(Throttle.bucket == bucket, Throttle.window_at == window_at(now), Throttle.count > 0)
        .values(count=Throttle.count - 1)
    )


def forget(session: Session, bucket: str) -> None:
    """Forget every count of `bucket`."""
    session.execute(sa.delete(Throttle).where(Throttle.bucket == bucket))


def window_at(now: datetime, window: timedelta = WINDOW) -> datetime:
    """Give the beginning of the window that `now` lies in."""
    length = int(window.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // length * length, UTC)


def seconds_until_next_window(now: datetime) -> int:
    """Tell after how many seconds the counts begin anew."""
    return math.ceil((window_at(now) + WINDOW - now).total_seconds())


@cache
def _counts() -> AnySelect:
    return sa.select(Throttle.bucket, Throttle.count).where(
        Throttle.bucket.in_(sa.bindparam("buckets", expanding=True)),
        Throttle.window_at == sa.bindparam("at"),
    )


@cache
def _adding(dialect: str) -> postgresql.Insert | sqlite.Insert:
    table = table_of(Throttle)
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return insert.on_conflict_do_update(
        index_elements=[table.c.bucket, table.c.window_at],
        set_={"count": table.c.count + insert.excluded.count},
    )
