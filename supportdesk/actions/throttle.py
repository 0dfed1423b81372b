"""Count what happens too often, in the database, so that all processes share one limit."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from supportdesk.db.models import Throttle

WINDOW = timedelta(minutes=15)


def count_up(session: Session, bucket: str, now: datetime) -> int:
    """Count one more in the present window of `bucket`, and give the new count."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return session.execute(
        dialect.insert(Throttle)
        .values(bucket=bucket, window_at=window_at(now), count=1)
        .on_conflict_do_update(
            index_elements=[Throttle.bucket, Throttle.window_at],
            set_={"count": Throttle.count + 1},
        )
        .returning(Throttle.count)
    ).scalar_one()


def count_in_window(session: Session, bucket: str, now: datetime) -> int:
    """Give the count of `bucket` in the present window."""
    found = session.scalar(
        sa.select(Throttle.count).where(
            Throttle.bucket == bucket, Throttle.window_at == window_at(now)
        )
    )
    return found or 0


def forget(session: Session, bucket: str) -> None:
    """Forget every count of `bucket`."""
    session.execute(sa.delete(Throttle).where(Throttle.bucket == bucket))


def window_at(now: datetime) -> datetime:
    """Give the beginning of the window that `now` lies in."""
    seconds = int(now.timestamp()) // int(WINDOW.total_seconds()) * int(WINDOW.total_seconds())
    return datetime.fromtimestamp(seconds, UTC)


def seconds_until_next_window(now: datetime) -> int:
    """Tell after how many seconds the counts begin anew."""
    return int((window_at(now) + WINDOW - now).total_seconds()) + 1
