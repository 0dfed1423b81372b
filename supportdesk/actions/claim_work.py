"""Taking work: a look whether there is any, and only then a transaction that writes."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.intake.route_mail import quarantine
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import mail_failed
from supportdesk.db import work
from supportdesk.db.models import Work, WorkState
from supportdesk.db.work import Buried, Claim, Kind


def claim_work(
    runtime: Runtime, kinds: Collection[Kind], *, limit: int, lease_seconds: int
) -> list[Claim]:
    """Take up to `limit` due pieces of work of these kinds; an empty list when nothing is due."""
    now = runtime.clock()
    with runtime.database.read() as session:
        is_due = session.scalar(
            sa.select(Work.id)
            .where(Work.state == WorkState.READY, Work.visible_at <= now, Work.kind.in_(kinds))
            .limit(1)
        )
    if is_due is None:
        return []
    with runtime.database.write() as session:
        for buried in work.bury_exhausted(session, kinds, now=now):
            _show(session, buried, now)
        return work.claim(session, kinds, now=now, limit=limit, lease_seconds=lease_seconds)


def _show(session: Session, buried: Buried, now: datetime) -> None:
    """Bring work that nobody will do any more before people's eyes."""
    match buried.kind:
        case Kind.ROUTE:
            quarantine(session, buried.payload["receipt_id"], buried.problem)
        case Kind.SEND:
            mail_failed(session, buried.payload["outbox_id"], buried.problem, now=now)
        case Kind.POLL | Kind.HAND_BACK | Kind.CLOSE | Kind.PRUNE:
            pass  # comes again by itself in the next slot
