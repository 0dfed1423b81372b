"""How the service itself goes: what is wrong with it, and which of its parts live."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from supportdesk.db.base import Base, Id


class Alarm(Base):
    """Something that an operator has to look at; once it is gone, the row stays as history.

    `key` names the condition: "late_work:route". A condition has one open alarm at most.
    `told_at` is when people were last told by mail, None when never.
    """

    __tablename__ = "alarm"
    __table_args__ = (
        sa.Index(
            "uq_alarm_one_open",
            "key",
            unique=True,
            postgresql_where=sa.text("cleared_at IS NULL"),
            sqlite_where=sa.text("cleared_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(sa.String(200))
    problem: Mapped[str]
    raised_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]


class Heartbeat(Base):
    """When a part of the service was last known to live; `detail` says what it is."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    seen_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
