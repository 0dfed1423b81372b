"""End sessions of members of staff."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_audit
from supportdesk.actions.log_in import hash_of
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import LoginSession


def log_out(runtime: Runtime, *, token: str) -> None:
    """End the session of this token; a token that opens nothing is no error."""
    now = runtime.clock()
    with runtime.database.write() as session:
        agent_id = session.scalar(
            sa.update(LoginSession)
            .where(LoginSession.token_hash == hash_of(token), LoginSession.ended_at.is_(None))
            .values(ended_at=now)
            .returning(LoginSession.agent_id)
        )
        if agent_id is not None:
            record_audit(session, "log_out", actor=f"agent:{agent_id}", at=now)


def end_sessions_of(session: Session, agent_id: int, now: datetime) -> None:
    """End every session of an agent within the caller's transaction.

    Due whenever her password changes or she leaves.
    """
    session.execute(
        sa.update(LoginSession)
        .where(LoginSession.agent_id == agent_id, LoginSession.ended_at.is_(None))
        .values(ended_at=now)
    )
