"""Note that a session is still in use."""

from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import LoginSession

MOST = timedelta(minutes=10)


def how_often(runtime: Runtime) -> timedelta:
    """Tell how old the last note may be before a new one is due; each is a write."""
    return min(MOST, timedelta(minutes=runtime.settings.session_idle_minutes) / 5)


def keep_session(runtime: Runtime, session_id: int) -> None:
    """Begin the idle time of a session anew."""
    with runtime.database.write() as session:
        session.execute(
            sa.update(LoginSession)
            .where(LoginSession.id == session_id, LoginSession.ended_at.is_(None))
            .values(seen_at=runtime.clock())
        )
