"""Who is logged in, who knocked too often, and who did what that matters for security."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from supportdesk.db.base import Base, Id


class LoginSession(Base):
    """A log-in of an agent or of a contact. Only the hash of its token is stored."""

    __tablename__ = "login_session"
    __table_args__ = (
        sa.CheckConstraint("(agent_id IS NULL) <> (contact_id IS NULL)", name="agent_or_contact"),
    )

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    agent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(sa.ForeignKey("contact.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(default="")
    user_agent: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None]


class Throttle(Base):
    """How often something happened within the window that began at `window_at`."""

    __tablename__ = "throttle"

    bucket: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    window_at: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)


class AuditEntry(Base):
    """One line of the security log; never changed, never deleted by the service."""

    __tablename__ = "audit"

    id: Mapped[Id]
    at: Mapped[datetime]
    actor: Mapped[str]  # "agent:7", "contact:3", "system", "address:203.0.113.9"
    action: Mapped[str] = mapped_column(sa.String(60))
    object: Mapped[str] = mapped_column(default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
