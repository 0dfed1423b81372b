"""Whose session a token opens."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Agent, AgentRight, LoginSession, Right, Team, TeamMember
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.queries.viewers import Viewer
from supportdesk.routing.facts import AgentStatus
from supportdesk.tickets import Desk


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A member of staff in a session that is not over."""

    session_id: int
    seen_at: datetime
    viewer: Viewer
    status: AgentStatus


def find_logged_in(
    session: Session,
    token_hash: str,
    *,
    seen_after: datetime,
    created_after: datetime,
    today: date,
) -> LoggedIn | None:
    """Give who is logged in by this token, None when the session is over or she left."""
    row = fetch(
        session,
        _logged_in(),
        token_hash=token_hash,
        seen_after=seen_after,
        created_after=created_after,
    ).one_or_none()
    if row is None:
        return None
    viewer = Viewer(
        agent_id=row.agent_id,
        name=row.name,
        username=row.username,
        language=row.language,
        desks=frozenset(map(Desk, _words(row.desks))),
        rights=frozenset(map(Right, _words(row.rights))),
        today=today,
    )
    return LoggedIn(row.id, row.seen_at, viewer, row.status)


@cache
def _logged_in() -> AnySelect:
    """Ask for the session, the agent, her desks and her rights at once: every page asks it."""
    desks = (
        sa.select(sa.func.aggregate_strings(Team.desk.cast(sa.Text), ","))
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.agent_id == Agent.id)
        .scalar_subquery()
    )
    rights = (
        sa.select(sa.func.aggregate_strings(AgentRight.right.cast(sa.Text), ","))
        .where(AgentRight.agent_id == Agent.id)
        .scalar_subquery()
    )
    return (
        sa.select(
            LoginSession.id,
            LoginSession.seen_at,
            Agent.id.label("agent_id"),
            Agent.name,
            Agent.username,
            Agent.language,
            Agent.status,
            desks.label("desks"),
            rights.label("rights"),
        )
        .join(Agent, Agent.id == LoginSession.agent_id)
        .where(
            LoginSession.token_hash == sa.bindparam("token_hash"),
            LoginSession.ended_at.is_(None),
            LoginSession.seen_at > sa.bindparam("seen_after"),
            LoginSession.created_at > sa.bindparam("created_after"),
            Agent.is_active,
        )
    )


def _words(joined: str | None) -> list[str]:
    return joined.split(",") if joined else []
