"""Background work: what is due, who holds it, what gave up; and who leads."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from supportdesk.db.base import Base, Id
from supportdesk.db.types import enum_text


class WorkState(StrEnum):
    """The life of a piece of work."""

    READY = "ready"
    DONE = "done"
    DEAD = "dead"  # given up; waits for somebody to look at it
    DISCARDED = "discarded"  # somebody did, and nobody needs it


class Work(Base):
    """One piece of work, done at least once and finished at most once.

    `visible_at` is when it is due and, while somebody holds it, the end of the lease: a lease that
    ran out makes the work visible again without any reaper. `attempts` counts claims, so a crash
    counts as well. `dedupe_key` names work of which no second piece waits or is being done beside
    it; the name is free again when the work ends.
    """

    __tablename__ = "work"
    __table_args__ = (
        sa.Index(
            "ix_work_due",
            "visible_at",
            "id",
            postgresql_where=sa.text("state = 'ready'"),
            sqlite_where=sa.text("state = 'ready'"),
        ),
        sa.Index(
            "ix_work_dead",
            "kind",
            "id",
            postgresql_where=sa.text("state = 'dead'"),
            sqlite_where=sa.text("state = 'dead'"),
        ),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(sa.String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    dedupe_key: Mapped[str | None] = mapped_column(sa.String(200), unique=True)
    state: Mapped[WorkState] = mapped_column(enum_text(WorkState), default=WorkState.READY)
    visible_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    lease: Mapped[str | None] = mapped_column(sa.String(32))
    problem: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Leadership(Base):
    """Who leads what until when; `term` counts how often somebody began to."""

    __tablename__ = "leadership"

    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(100))  # host:pid:random
    term: Mapped[int]
    began_at: Mapped[datetime]
    renewed_at: Mapped[datetime]
    ends_at: Mapped[datetime]
