"""Our own people by desk, for the menus that assign a ticket."""

from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Agent, Team, TeamMember
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.routing.facts import AgentStatus
from supportdesk.tickets import Desk


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who works at a desk."""

    desk: Desk
    agent_id: int
    name: str
    status: AgentStatus


def list_colleagues(session: Session) -> list[Colleague]:
    """Give everybody who works at a desk, by desk and name."""
    return [Colleague(*row) for row in fetch(session, _colleagues())]


@cache
def _colleagues() -> AnySelect:
    return (
        sa.select(Team.desk, Agent.id, Agent.name, Agent.status)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .join(Agent, Agent.id == TeamMember.agent_id)
        .where(Agent.is_active)
        .order_by(Team.id, Agent.name)
    )
