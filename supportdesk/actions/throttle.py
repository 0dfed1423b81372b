"""Count what happens too often, in the database, so that all processes share one limit."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from supportdesk.db.models import Throttle

WINDOW = timedelta(minutes=15)


def count_up(session: Session, bucket: str, now: datetime) -> int:
    """Count one more in the present window of `bucket`, and give the new count."""
    return _add(session, bucket, 1, window_at(now))


def counts_in_window(
    session: Session, buckets: Collection[str], now: datetime, window: timedelta
) -> dict[str, int]:
    """Give the counts of several buckets in the present window; absent ones count nothing."""
    rows = session.execute(
        sa.select(Throttle.bucket, Throttle.count).where(
            Throttle.bucket.in_(buckets), Throttle.window_at == window_at(now, window)
        )
    )
    return {bucket: number for bucket, number in rows}  # noqa: C416 - a Row is no pair to mypy


def add_counts(
    session: Session, counts: Mapping[str, int], now: datetime, window: timedelta
) -> None:
    """Add to the present window of several buckets at once."""
    for bucket, count in counts.items():
        _add(session, bucket, count, window_at(now, window))


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
    return int((window_at(now) + WINDOW - now).total_seconds()) + 1


def _add(session: Session, bucket: str, count: int, at: datetime) -> int:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    added: int = session.execute(
        dialect.insert(Throttle)
        .values(bucket=bucket, window_at=at, count=count)
        .on_conflict_do_update(
            index_elements=[Throttle.bucket, Throttle.window_at],
            set_={"count": Throttle.count + count},
        )
        .returning(Throttle.count)
    ).scalar_one()
    return added
