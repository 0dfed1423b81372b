"""Giving a member of staff a password."""

import sqlalchemy as sa

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.log_out import end_sessions_of
from supportdesk.actions.passwords import hash_password, matches
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Agent
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput, NotAllowed, NotFound


def set_password(
    runtime: Runtime,
    viewer: Viewer | None,
    agent_id: int,
    password: str,
    *,
    current_password: str | None = None,
) -> None:
    """Set a password and end every session of its holder.

    One's own needs the current one; others' are set by administrators and, with `viewer` None, by
    the command line.

    Raises:
        InvalidInput: the password is too easy to guess.
        NotAllowed: the current password is wrong, or the viewer may not do it.
    """
    is_own = viewer is not None and viewer.agent_id == agent_id
    if viewer is not None and not is_own and not viewer.is_administrator:
        raise NotAllowed("Only administrators set others' passwords; ask one.")
    username, stored = _account(runtime, agent_id)
    if is_own and not matches(current_password or "", stored):
        raise NotAllowed("The current password is not right; nothing was changed.")
    if username in password.casefold():
        raise InvalidInput("A password must not contain the user name; choose another.")
    hashed = hash_password(password)  # slow, so outside the transaction
    now = runtime.clock()
    with runtime.database.write() as session:
        session.execute(sa.update(Agent).where(Agent.id == agent_id).values(password_hash=hashed))
        end_sessions_of(session, agent_id, now)
        record_audit(
            session,
            "password_set",
            actor=actor_of(viewer),
            at=now,
            subject=f"agent:{agent_id}",
        )


def find_agent(runtime: Runtime, username: str) -> int:
    """Give the id of the agent with this user name."""
    with runtime.database.read() as session:
        agent_id = session.scalar(
            sa.select(Agent.id).where(Agent.username == username.strip().casefold())
        )
    if agent_id is None:
        raise NotFound(
            "There is no agent {username}; import or add that person first.", username=username
        )
    return agent_id


def _account(runtime: Runtime, agent_id: int) -> tuple[str, str | None]:
    with runtime.database.read() as session:
        row = session.execute(
            sa.select(Agent.username, Agent.password_hash).where(Agent.id == agent_id)
        ).one_or_none()
    if row is None:
        raise NotFound("There is no agent {agent}.", agent=agent_id)
    return row.username, row.password_hash
