"""Who is looking: an agent with the desks and rights that decide what is shown to her."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Agent, AgentRight, Right, Team, TeamMember
from supportdesk.tickets import Desk

_EVERYTHING = frozenset({Desk.CUSTOMER_CENTRE, Desk.POOL})


@dataclass(frozen=True, slots=True)
class Viewer:
    """An active agent as of `today`, a date in the operator's zone: assignments count that day."""

    agent_id: int
    name: str
    username: str
    language: str
    desks: frozenset[Desk]
    rights: frozenset[Right]
    today: date

    @property
    def is_supervisor(self) -> bool:
        """Tell whether she supervises the desks."""
        return Right.SUPERVISOR in self.rights

    @property
    def is_administrator(self) -> bool:
        """Tell whether she may change settings; alone it shows no customer's content."""
        return Right.ADMINISTRATOR in self.rights

    @property
    def is_account_manager(self) -> bool:
        """Tell whether she reads the requests of the customers whom she manages."""
        return Right.ACCOUNT_MANAGER in self.rights

    @property
    def sees_all_tickets(self) -> bool:
        """Tell whether every ticket is hers to see and to work on."""
        return self.is_supervisor or bool(self.desks & _EVERYTHING)

    @property
    def sees_content(self) -> bool:
        """Tell whether any customer's content can be hers to see."""
        return self.sees_all_tickets or Desk.TDMS in self.desks or self.is_account_manager

    @property
    def works_on_tickets(self) -> bool:
        """Tell whether she may work on tickets at all, rather than only read them."""
        return self.sees_all_tickets or Desk.TDMS in self.desks

    @property
    def may_discard_receipts(self) -> bool:
        """Tell whether she may decide that a quarantined request is not worth reading."""
        return self.is_supervisor or Desk.POOL in self.desks

    @property
    def looks_after_service(self) -> bool:
        """Tell whether she is told what is wrong with the service itself, and may mend it."""
        return self.is_supervisor or self.is_administrator


def load_viewer(session: Session, agent_id: int, *, today: date) -> Viewer | None:
    """Give the agent as a viewer, None when there is no such agent or she left."""
    agent = session.execute(
        sa.select(Agent.name, Agent.username, Agent.language).where(
            Agent.id == agent_id, Agent.is_active
        )
    ).one_or_none()
    if agent is None:
        return None
    desks = session.scalars(
        sa.select(Team.desk).join(TeamMember).where(TeamMember.agent_id == agent_id)
    )
    rights = session.scalars(sa.select(AgentRight.right).where(AgentRight.agent_id == agent_id))
    return Viewer(
        agent_id=agent_id,
        name=agent.name,
        username=agent.username,
        language=agent.language,
        desks=frozenset(desks),
        rights=frozenset(rights),
        today=today,
    )
