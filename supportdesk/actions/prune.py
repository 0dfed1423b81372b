"""Deleting what only takes space: finished work, ended log-ins and old counts."""

from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Heartbeat, LoginSession, Throttle, Work, WorkState

_KEPT = timedelta(days=7)


def prune(runtime: Runtime) -> None:
    """Delete finished work, log-ins that are over and counts, all older than a week.

    Dead work stays until somebody has looked at it.
    """
    before = runtime.clock() - _KEPT
    longest = timedelta(hours=runtime.settings.session_hours)
    with runtime.database.write() as session:
        session.execute(
            sa.delete(Work).where(
                Work.state.in_([WorkState.DONE, WorkState.DISCARDED]), Work.finished_at < before
            )
        )
        session.execute(
            sa.delete(LoginSession).where(
                sa.or_(LoginSession.ended_at < before, LoginSession.created_at < before - longest)
            )
        )
        session.execute(sa.delete(Throttle).where(Throttle.window_at < before))
        session.execute(sa.delete(Heartbeat).where(Heartbeat.seen_at < before))
