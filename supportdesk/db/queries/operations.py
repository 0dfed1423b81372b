"""How the service itself goes: alarms, what waits, what was given up, which parts live."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import (
    Alarm,
    Heartbeat,
    Message,
    OutboxMail,
    OutboxState,
    Work,
    WorkState,
)
from supportdesk.db.queries.prepared import AnySelect, fetch

WATCH = "watch"
"""The heartbeat of the watch: that it was made proves that scheduler and worker both live."""

MOST_ALARMS = 100

# Literals, not parameters: only so the partial indexes are used.
_IS_READY = Work.state == sa.literal_column(f"'{WorkState.READY}'")
_IS_DEAD = Work.state == sa.literal_column(f"'{WorkState.DEAD}'")
_IS_UNSETTLED = sa.text("outbox.state IN ('queued', 'sending', 'failed')")
_IS_FAILED = OutboxMail.state == sa.literal_column(f"'{OutboxState.FAILED}'")
_IS_UNSENT = sa.and_(
    _IS_UNSETTLED,
    OutboxMail.state != sa.literal_column(f"'{OutboxState.FAILED}'"),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits, and since when the oldest of it; None when nothing does."""

    count: int
    oldest_at: datetime | None

    def seconds(self, now: datetime) -> float:
        """Tell how long the oldest waits, 0 when nothing does."""
        return (now - self.oldest_at).total_seconds() if self.oldest_at else 0


@dataclass(frozen=True, slots=True)
class Queue:
    """One kind of work: how much is due, held by a worker, due later, and given up."""

    kind: str
    due: int
    oldest_at: datetime | None
    held: int
    later: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadWork:
    """Work that was given up; `payload` names what it is about."""

    id: int
    kind: str
    payload: dict[str, Any]
    problem: str | None
    finished_at: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True)
class FailedMail:
    """A mail that was given up, with the ticket that it belongs to."""

    ticket_id: int
    message_id: int
    subject: str
    recipients: list[str]
    problem: str | None
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm; `cleared_at` is None while what it is about lasts."""

    problem: str
    raised_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class Living:
    """A part of the service, and when it was last known to live."""

    name: str
    seen_at: datetime
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """What every page tells those who look after the service."""

    watched_at: datetime | None
    problems: tuple[str, ...]


def due_work(session: Session, *, now: datetime) -> dict[str, Waiting]:
    """Give what is due and held by nobody, by the kind of work."""
    rows = session.execute(
        sa.select(Work.kind, sa.func.count(), sa.func.min(Work.visible_at))
        .where(_IS_READY, Work.visible_at <= now)
        .group_by(Work.kind)
    )
    return {kind: Waiting(count, oldest_at) for kind, count, oldest_at in rows}


def list_queues(session: Session, *, now: datetime) -> list[Queue]:
    """Give every kind of work that there is something of, by name."""
    is_due = Work.visible_at <= now
    is_held = sa.and_(Work.lease.is_not(None), Work.visible_at > now)
    rows = session.execute(
        sa.select(
            Work.kind,
            _how_many(is_due),
            sa.func.min(sa.case((is_due, Work.visible_at))),
            _how_many(is_held),
            _how_many(sa.and_(Work.lease.is_(None), Work.visible_at > now)),
        )
        .where(_IS_READY)
        .group_by(Work.kind)
    )
    dead = dead_work(session)
    found = {
        kind: Queue(kind, due, oldest_at, held, later, dead.pop(kind, 0))
        for kind, due, oldest_at, held, later in rows
    }
    found |= {kind: Queue(kind, 0, None, 0, 0, count) for kind, count in dead.items()}
    return [found[kind] for kind in sorted(found)]


def _how_many(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def list_dead(session: Session, *, most: int = 50) -> list[DeadWork]:
    """Give what was given up and nobody has looked at yet, the newest first."""
    rows = session.execute(
        sa.select(Work.id, Work.kind, Work.payload, Work.problem, Work.finished_at, Work.attempts)
        .where(_IS_DEAD)
        .order_by(Work.id.desc())
        .limit(most)
    )
    return [DeadWork(*row) for row in rows]


def list_failed_mail(session: Session, *, most: int = 50) -> list[FailedMail]:
    """Give the mails that were given up and not sent again, the newest first."""
    rows = session.execute(
        sa.select(
            Message.ticket_id,
            Message.id,
            Message.subject,
            OutboxMail.recipients,
            OutboxMail.problem,
            OutboxMail.queued_at,
        )
        .join(Message, Message.id == OutboxMail.message_id)
        .where(_IS_UNSETTLED, _IS_FAILED)
        .order_by(OutboxMail.id.desc())
        .limit(most)
    )
    return [FailedMail(*row) for row in rows]


def dead_work(session: Session) -> dict[str, int]:
    """Count what was given up and nobody has looked at yet, by the kind of work."""
    rows = session.execute(
        sa.select(Work.kind, sa.func.count()).where(_IS_DEAD).group_by(Work.kind)
    )
    return {kind: count for kind, count in rows}  # noqa: C416 - a Row is no pair to mypy


def waiting_mail(session: Session) -> Waiting:
    """Give how much of the outbox is on its way, whatever the relay said of it so far."""
    count, oldest_at = session.execute(
        sa.select(sa.func.count(), sa.func.min(OutboxMail.queued_at)).where(_IS_UNSENT)
    ).one()
    return Waiting(count, oldest_at)


def failed_mail(session: Session) -> int:
    """Count the mails that were given up and not sent again."""
    asked = sa.select(sa.func.count()).where(_IS_UNSETTLED, _IS_FAILED)
    return session.scalar(asked) or 0


def open_alarm_keys(session: Session) -> Sequence[str]:
    """Give the keys of the alarms that last."""
    asked = sa.select(Alarm.key).where(Alarm.cleared_at.is_(None)).order_by(Alarm.id)
    return session.scalars(asked.limit(MOST_ALARMS)).all()


def list_heartbeats(session: Session) -> list[Living]:
    """Give every part of the service that tells that it lives, by name."""
    rows = session.execute(
        sa.select(Heartbeat.name, Heartbeat.seen_at, Heartbeat.detail)
        .where(Heartbeat.name != WATCH)
        .order_by(Heartbeat.name)
    )
    return [Living(*row) for row in rows]


def watched_at(session: Session) -> datetime | None:
    """Give when the service last looked at itself, None when it never did."""
    return session.scalar(sa.select(Heartbeat.seen_at).where(Heartbeat.name == WATCH))


def find_health(session: Session) -> Health:
    """Give what is wrong now, the oldest first, in one statement: every page asks it."""
    rows = fetch(session, _health()).all()
    return Health(rows[0].watched_at, tuple(row.problem for row in rows if row.problem))


@cache
def _health() -> AnySelect:
    once = sa.select(sa.literal_column("1")).subquery()
    watched = sa.select(Heartbeat.seen_at).where(Heartbeat.name == WATCH).scalar_subquery()
    return (
        sa.select(watched.label("watched_at"), Alarm.problem)
        .select_from(once.outerjoin(Alarm, Alarm.cleared_at.is_(None)))
        .order_by(Alarm.id)
        .limit(MOST_ALARMS)
    )


def list_alarms(session: Session, *, most_past: int = 20) -> tuple[list[AlarmRow], list[AlarmRow]]:
    """Give the alarms that last, the oldest first, and the newest of those that are over."""
    rows = sa.select(Alarm.problem, Alarm.raised_at, Alarm.last_seen_at, Alarm.cleared_at)
    lasting = rows.where(Alarm.cleared_at.is_(None)).order_by(Alarm.id).limit(MOST_ALARMS)
    past = rows.where(Alarm.cleared_at.is_not(None)).order_by(Alarm.cleared_at.desc())
    return (
        [AlarmRow(*row) for row in session.execute(lasting)],
        [AlarmRow(*row) for row in session.execute(past.limit(most_past))],
    )
