"""Our own people as administrators see them."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from supportdesk.db.models import Agent, Right, TeamMember
from supportdesk.routing.facts import AgentStatus
from supportdesk.tickets import Desk


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff; `teams` gives the experience at each desk."""

    id: int
    username: str
    name: str
    email: str | None
    phone: str | None
    language: str
    is_active: bool
    status: AgentStatus
    has_password: bool
    teams: dict[Desk, int]
    rights: frozenset[Right]


def list_staff(session: Session) -> list[StaffRow]:
    """Give everybody, those who work here first, by name."""
    agents = session.scalars(_with_details().order_by(Agent.is_active.desc(), Agent.name))
    return [_row(agent) for agent in agents]


def find_staff(session: Session, agent_id: int) -> StaffRow | None:
    """Give one member of staff, None when there is no such."""
    agent = session.scalar(_with_details().where(Agent.id == agent_id))
    return _row(agent) if agent else None


def _with_details() -> sa.Select[Agent]:
    return sa.select(Agent).options(
        selectinload(Agent.teams).joinedload(TeamMember.team), selectinload(Agent.rights)
    )


def _row(agent: Agent) -> StaffRow:
    return StaffRow(
        agent.id,
        agent.username,
        agent.name,
        agent.email,
        agent.phone,
        agent.language,
        agent.is_active,
        agent.status,
        agent.password_hash is not None,
        {member.team.desk: member.experience for member in agent.teams},
        frozenset(row.right for row in agent.rights),
    )
