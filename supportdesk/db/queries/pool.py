"""The assistants of the 24/7 pool, as the choice among them needs them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Absence, Agent, Team, TeamMember, Ticket
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.routing.assign import Assistant
from supportdesk.routing.facts import AgentStatus
from supportdesk.tickets import Desk

_RECENT = timedelta(days=1)


def load_pool(session: Session, now: datetime) -> Sequence[Assistant]:
    """Load the pool's active assistants; idle since their last message of the past day."""
    members = fetch(session, _members(), now=now).all()
    load = {
        row.handler_id: row
        for row in fetch(
            session, _load(), members=[member.id for member in members], since=now - _RECENT
        )
    }
    return [
        Assistant(
            member.id,
            member.name,
            member.experience,
            load[member.id].open_tickets if member.id in load else 0,
            load[member.id].idle_since if member.id in load else None,
            bool(member.is_available),
        )
        for member in members
    ]


@cache
def _members() -> AnySelect:
    now: sa.BindParameter[datetime] = sa.bindparam("now")
    return (
        sa.select(
            Agent.id,
            Agent.name,
            TeamMember.experience,
            sa.and_(
                Agent.status == AgentStatus.AVAILABLE,
                ~sa.exists().where(
                    Absence.agent_id == Agent.id, Absence.starts_at <= now, Absence.ends_at > now
                ),
            ).label("is_available"),
        )
        .join(TeamMember, TeamMember.agent_id == Agent.id)
        .join(Team, Team.id == TeamMember.team_id)
        .where(Team.desk == Desk.POOL, Agent.is_active)
    )


@cache
def _load() -> AnySelect:
    return (
        sa.select(
            Ticket.handler_id,
            sa.func.count().filter(Ticket.is_active).label("open_tickets"),
            sa.func.max(Ticket.last_staff_message_at).label("idle_since"),
        )
        .where(Ticket.handler_id.in_(sa.bindparam("members", expanding=True)))
        .where(sa.or_(Ticket.is_active, Ticket.last_message_at > sa.bindparam("since")))
        .group_by(Ticket.handler_id)
    )
