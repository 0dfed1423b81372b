"""Setting up the people of the centre. Every change is written to the audit log.

`viewer` None is whoever runs the command line on the server.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.log_out import end_sessions_of
from supportdesk.actions.owners import move_open_tickets
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import (
    Agent,
    AgentRight,
    Assignment,
    FrameworkContract,
    Organisation,
    Right,
    Service,
    Team,
    TeamMember,
    Ticket,
)
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound
from supportdesk.routing.calendar import local_date
from supportdesk.tickets import Desk

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,79}")
EXPERIENCE = range(1, 6)
TEAM_NAMES = {
    Desk.CUSTOMER_CENTRE: "Zákaznické centrum",
    Desk.POOL: "Pohotovost 24/7",
    Desk.TDMS: "TDMS",
}


@dataclass(frozen=True, slots=True)
class AgentDetails:
    """A member of staff as an administrator sets her up; `teams` gives the experience at desks."""

    username: str
    name: str
    email: str | None = None
    phone: str | None = None
    language: str = "cs"
    teams: Mapping[Desk, int] = field(default_factory=dict)
    rights: frozenset[Right] = frozenset()


def create_agent(runtime: Runtime, viewer: Viewer | None, details: AgentDetails) -> int:
    """Add a member of staff, who cannot log in before she gets a password; give her id.

    Raises:
        Conflict: somebody has the user name already.
    """
    must_administer(viewer)
    check_details(details)
    with runtime.database.write() as session:
        _must_be_free(session, details.username, agent_id=None)
        agent = Agent(username=details.username, name=details.name)
        session.add(agent)
        session.flush()
        apply_details(session, agent, details)
        _audit(
            session,
            viewer,
            "agent_created",
            agent_id=agent.id,
            details=details,
            at=runtime.clock(),
        )
        return agent.id


def update_agent(
    runtime: Runtime,
    viewer: Viewer | None,
    agent_id: int,
    details: AgentDetails,
    *,
    is_active: bool = True,
) -> None:
    """Change what is on file of a member of staff, or let her go.

    Who leaves is logged out, and what she was working on stays with its desk.

    Raises:
        Conflict: she is a personal consultant, or the last administrator; or the user name is
            somebody else's.
    """
    must_administer(viewer)
    check_details(details)
    now = runtime.clock()
    with runtime.database.write() as session:
        agent = session.get(Agent, agent_id, with_for_update=True)
        if agent is None:
            raise NotFound("There is no agent {agent}.", agent=agent_id)
        _must_be_free(session, details.username, agent_id=agent_id)
        if not is_active:
            must_serve_nobody(session, agent, now)
        was_administrator = is_administrator(agent)
        agent.is_active = is_active
        apply_details(session, agent, details)
        session.flush()
        if was_administrator:
            must_have_administrator(session, agent.name)
        release_tickets(session, agent)
        if not is_active:
            end_sessions_of(session, agent_id, now)
            move_open_tickets(session, now=now)
        _audit(
            session,
            viewer,
            "agent_updated",
            agent_id=agent_id,
            details=details,
            at=now,
            is_active=is_active,
        )


def must_administer(viewer: Viewer | None) -> None:
    """Raise NotAllowed unless the viewer is an administrator or the command line."""
    if viewer is not None and not viewer.is_administrator:
        raise NotAllowed("Only administrators change this; ask one.")


def check_details(details: AgentDetails) -> None:
    """Raise InvalidInput, naming what is wrong, unless the details can be stored."""
    if not USERNAME.fullmatch(details.username):
        raise InvalidInput(
            "The user name {username!r} cannot be used; it needs 2 to 80 of a-z, 0-9,"
            " dot, dash and underscore, and begins with a letter or digit.",
            username=details.username,
        )
    if not details.name.strip():
        raise InvalidInput("A member of staff needs a name.")
    if details.language not in {"cs", "en"}:
        raise InvalidInput(
            "The language {language!r} is unknown; use cs or en.", language=details.language
        )
    for desk, experience in details.teams.items():
        if experience not in EXPERIENCE:
            raise InvalidInput(
                "The experience {experience} at the desk {desk} cannot be used;"
                " it goes from 1 to 5, the most experienced.",
                experience=experience,
                desk=desk,
            )


def apply_details(session: Session, agent: Agent, details: AgentDetails) -> None:
    """Write checked details to the agent's rows, inside the caller's transaction."""
    agent.username = details.username
    agent.name = " ".join(details.name.split())
    agent.email = details.email
    agent.phone = details.phone
    agent.language = details.language
    present = {member.team.desk: member for member in agent.teams}
    agent.teams = [
        present.get(desk) or TeamMember(team=team_of(session, desk)) for desk in details.teams
    ]
    for member in agent.teams:
        member.experience = details.teams[member.team.desk]
    held = {row.right: row for row in agent.rights}
    agent.rights = [held.get(right) or AgentRight(right=right) for right in details.rights]


def team_of(session: Session, desk: Desk) -> Team:
    """Give the team of a desk, made when it is not there yet."""
    team = session.scalar(sa.select(Team).where(Team.desk == desk))
    if team is None:
        team = Team(desk=desk, name=TEAM_NAMES[desk])
        session.add(team)
        session.flush()
    return team


def release_tickets(session: Session, agent: Agent) -> None:
    """Leave to their desk the open tickets that the agent handles but cannot reach any more."""
    desks = [] if not agent.is_active else [member.team.desk for member in agent.teams]
    session.execute(
        sa.update(Ticket)
        .where(Ticket.handler_id == agent.id, Ticket.is_active, Ticket.desk.not_in(desks))
        .values(handler_id=None, replying_id=None, replying_until=None, version=Ticket.version + 1)
    )


def must_serve_nobody(session: Session, agent: Agent, now: datetime) -> None:
    """Raise Conflict, with the list, while the agent is the personal consultant of anybody."""
    customers = session.scalars(
        sa.select(sa.func.coalesce(Organisation.name, FrameworkContract.name))
        .select_from(Assignment)
        .outerjoin(Organisation, Organisation.id == Assignment.organisation_id)
        .outerjoin(FrameworkContract, FrameworkContract.id == Assignment.contract_id)
        .where(
            Assignment.agent_id == agent.id,
            Assignment.service == Service.CONSULTANT,
            sa.or_(Assignment.valid_until.is_(None), Assignment.valid_until > local_date(now)),
        )
        .order_by(Assignment.id)
    ).all()
    if customers:
        raise Conflict(
            "{agent} is the personal consultant of {customers};"
            " assign somebody else to them first.",
            agent=agent.name,
            customers=list(customers),
        )


def is_administrator(agent: Agent) -> bool:
    """Tell whether the agent can administer the service."""
    return agent.is_active and any(row.right is Right.ADMINISTRATOR for row in agent.rights)


def must_have_administrator(session: Session, name: str) -> None:
    """Raise Conflict when `name` was the last active administrator, inside a transaction."""
    remaining = session.scalar(
        sa.select(Agent.id)
        .join(AgentRight)
        .where(Agent.is_active, AgentRight.right == Right.ADMINISTRATOR)
        .limit(1)
    )
    if remaining is None:
        raise Conflict(
            "{agent} is the last administrator; make somebody else one first.", agent=name
        )


def _must_be_free(session: Session, username: str, *, agent_id: int | None) -> None:
    holder = session.scalar(sa.select(Agent.id).where(Agent.username == username))
    if holder not in {None, agent_id}:
        raise Conflict(
            "The user name {username} belongs to somebody else; choose another.", username=username
        )


def _audit(
    session: Session,
    viewer: Viewer | None,
    action: str,
    *,
    agent_id: int,
    details: AgentDetails,
    at: datetime,
    is_active: bool = True,
) -> None:
    record_audit(
        session,
        action,
        actor=actor_of(viewer),
        at=at,
        subject=f"agent:{agent_id}",
        detail={
            **asdict(details),
            "teams": {desk.value: experience for desk, experience in details.teams.items()},
            "rights": sorted(details.rights),
            "is_active": is_active,
        },
    )
