"""Our own people: agents, their teams and rights, whom they serve, and when they are away."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from supportdesk.db.base import Base, Id
from supportdesk.db.types import enum_text
from supportdesk.routing.facts import AbsenceKind, AgentStatus
from supportdesk.tickets import Desk


class Right(StrEnum):
    """What an agent may do beyond the work of her teams."""

    SUPERVISOR = "supervisor"
    ACCOUNT_MANAGER = "account_manager"
    ADMINISTRATOR = "administrator"


class Service(StrEnum):
    """In what capacity an agent serves a customer."""

    CONSULTANT = "consultant"
    DEPUTY = "deputy"
    ACCOUNT_MANAGER = "account_manager"


class Agent(Base):
    """A member of staff. An agent without a password cannot log in."""

    __tablename__ = "agent"

    id: Mapped[Id]
    username: Mapped[str] = mapped_column(sa.String(80), unique=True)
    name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None] = mapped_column(sa.String(20))
    language: Mapped[str] = mapped_column(sa.String(2), default="cs")
    password_hash: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    status: Mapped[AgentStatus] = mapped_column(
        enum_text(AgentStatus), default=AgentStatus.AVAILABLE
    )

    teams: Mapped[list["TeamMember"]] = relationship(cascade="all, delete-orphan")
    rights: Mapped[list["AgentRight"]] = relationship(cascade="all, delete-orphan")


class AgentRight(Base):
    """A right that an agent holds."""

    __tablename__ = "agent_right"

    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id"), primary_key=True)
    right: Mapped[Right] = mapped_column(enum_text(Right), primary_key=True)


class Team(Base):
    """The people of one desk."""

    __tablename__ = "team"

    id: Mapped[Id]
    desk: Mapped[Desk] = mapped_column(enum_text(Desk), unique=True)
    name: Mapped[str]


class TeamMember(Base):
    """An agent's place in a team; more `experience` is asked first (pool: 1 to 5)."""

    __tablename__ = "team_member"

    team_id: Mapped[int] = mapped_column(sa.ForeignKey("team.id"), primary_key=True)
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id"), primary_key=True, index=True)
    experience: Mapped[int] = mapped_column(sa.SmallInteger, default=1)

    team: Mapped[Team] = relationship()


class Assignment(Base):
    """Who serves a customer on the days [valid_from, valid_until).

    One on the framework contract applies to every organisation under it that has none of its own.
    """

    __tablename__ = "assignment"
    __table_args__ = (
        sa.CheckConstraint(
            "(organisation_id IS NULL) <> (contract_id IS NULL)", name="organisation_or_contract"
        ),
    )

    id: Mapped[Id]
    service: Mapped[Service] = mapped_column(enum_text(Service))
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("organisation.id"), index=True
    )
    contract_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("framework_contract.id"), index=True
    )
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]


class Absence(Base):
    """An agent is away during [starts_at, ends_at); the substitute continues the chain."""

    __tablename__ = "absence"
    __table_args__ = (sa.CheckConstraint("starts_at < ends_at", name="starts_before_end"),)

    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agent.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    kind: Mapped[AbsenceKind] = mapped_column(enum_text(AbsenceKind), default=AbsenceKind.LEAVE)
    substitute_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agent.id"))


class ClosingDay(Base):
    """A day on which the operator's customer centre stays closed, beyond the public holidays."""

    __tablename__ = "closing_day"

    on_date: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str]
