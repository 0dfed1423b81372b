"""Promises broken on purpose. A campaign that lets one of these pass proves nothing."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import supportdesk.jobs.worker
from supportdesk import app
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.runtime import Runtime
from supportdesk.db import work
from supportdesk.db.models import Work, WorkState
from supportdesk.db.work import Claim, Kind

_DELAY_SECONDS = 0.5  # how wide the gaps are through which a broken promise falls


def acknowledge_first() -> None:
    """Say 250 before the mail is kept."""

    def receive_later(*arguments: Any, **named: Any) -> None:
        threading.Timer(_DELAY_SECONDS, receive_mail, arguments, named).start()

    app.receive_mail = receive_later  # type: ignore[attr-defined]


def claim_naively() -> None:
    """Look what is due, and take it whoever else has looked meanwhile."""
    finish_without_a_fence()
    supportdesk.jobs.worker.claim_work = _look_and_take  # type: ignore[attr-defined]


def _look_and_take(
    runtime: Runtime, kinds: Collection[Kind], *, limit: int, lease_seconds: float
) -> list[Claim]:
    now = runtime.clock()
    with runtime.database.read() as session:
        due = session.scalars(
            sa.select(Work)
            .where(Work.state == WorkState.READY, Work.visible_at <= now, Work.kind.in_(kinds))
            .order_by(Work.id)
            .limit(limit)
        ).all()
    time.sleep(_DELAY_SECONDS)
    claims = [
        Claim(one.id, one.kind, one.payload, one.attempts + 1, one.max_attempts, "naive")
        for one in due
    ]
    with runtime.database.write() as session:
        session.execute(
            sa.update(Work)
            .where(Work.id.in_([one.id for one in claims]))
            .values(visible_at=now + timedelta(seconds=lease_seconds), lease="naive")
        )
    return claims


def finish_without_a_fence() -> None:
    """Finish work whoever holds it by now."""

    def update(session: Session, claims: Sequence[Claim], values: dict[str, Any]) -> None:
        ids = [one.id for one in claims]
        session.execute(sa.update(Work).where(Work.id.in_(ids)).values(**values))

    work._update_ours = update


def finish_first() -> None:
    """Mark work done when it is taken, before anything is done for it."""
    worker: Any = supportdesk.jobs.worker
    take, handle = work.claim, worker.handle
    finish_without_a_fence()

    def handle_slowly(*arguments: Any) -> None:
        time.sleep(_DELAY_SECONDS)
        handle(*arguments)

    def take_and_finish(session: Session, *arguments: Any, **named: Any) -> list[Claim]:
        claims = take(session, *arguments, **named)
        work.finish(session, claims, now=named["now"])
        return claims

    work.claim = take_and_finish
    worker.handle = handle_slowly


SABOTAGE: dict[str, Callable[[], None]] = {
    "acknowledge-first": acknowledge_first,
    "naive-claim": claim_naively,
    "no-fence": finish_without_a_fence,
    "finish-first": finish_first,
}
