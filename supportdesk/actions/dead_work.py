"""What becomes of work that was given up: done again, or put aside because nobody needs it."""

from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import OutboxMail, OutboxState, Receipt, ReceiptState, Work, WorkState
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.work import Kind
from supportdesk.errors import Conflict, InvalidInput, NotAllowed

_AT_ONCE = 500


def replay_work(runtime: Runtime, viewer: Viewer | None, work_id: int) -> None:
    """Have one dead piece of work done again, with fresh attempts.

    Raises:
        Conflict: it is not dead (any more).
    """
    must_look_after_service(viewer)
    with runtime.database.write() as session:
        found = session.scalars(_dead().where(Work.id == work_id)).one_or_none()
        if found is None:
            raise _not_dead(work_id)
        _revive(session, found, now=runtime.clock())
        record_audit(
            session,
            "work_replayed",
            actor=actor_of(viewer),
            at=runtime.clock(),
            subject=f"work:{work_id}",
            detail={"kind": found.kind},
        )


def replay_kind(runtime: Runtime, viewer: Viewer | None, kind: Kind) -> int:
    """Have up to some hundred dead pieces of work of a kind done again; give how many."""
    must_look_after_service(viewer)
    with runtime.database.write() as session:
        dead = session.scalars(
            _dead().where(Work.kind == kind).order_by(Work.id).limit(_AT_ONCE)
        ).all()
        for one in dead:
            _revive(session, one, now=runtime.clock())
        record_audit(
            session,
            "work_replayed",
            actor=actor_of(viewer),
            at=runtime.clock(),
            subject=f"work:{kind}",
            detail={"kind": kind, "count": len(dead)},
        )
    return len(dead)


def discard_work(runtime: Runtime, viewer: Viewer, work_id: int, *, reason: str) -> None:
    """Put one dead piece of work aside; what it was about stays where it is.

    Raises:
        InvalidInput: there is no reason.
        Conflict: it is not dead (any more).
    """
    must_look_after_service(viewer)
    reason = reason.strip()
    if not reason:
        raise InvalidInput("Say why nobody needs this work any more; the audit log keeps it.")
    with runtime.database.write() as session:
        changed = session.execute(
            sa.update(Work)
            .where(Work.id == work_id, Work.state == WorkState.DEAD)
            .values(state=WorkState.DISCARDED)
        )
        if not cast(sa.CursorResult[Any], changed).rowcount:
            raise _not_dead(work_id)
        record_audit(
            session,
            "work_discarded",
            actor=actor_of(viewer),
            at=runtime.clock(),
            subject=f"work:{work_id}",
            detail={"reason": reason},
        )


def must_look_after_service(viewer: Viewer | None) -> None:
    """Refuse all but supervisors and administrators; None is whoever runs the command line."""
    if viewer is not None and not viewer.looks_after_service:
        raise NotAllowed("Only supervisors and administrators look after the service.")


def _dead() -> sa.Select[Work]:
    return sa.select(Work).where(Work.state == WorkState.DEAD).with_for_update()


def _not_dead(work_id: int) -> Conflict:
    return Conflict(
        "Work {work} does not wait to be looked at any more; somebody was faster than you.",
        work=work_id,
    )


def _revive(session: Session, work: Work, *, now: datetime) -> None:
    """Make work due, and what it is about ready for it again."""
    match work.kind:
        case Kind.ROUTE:
            session.execute(
                sa.update(Receipt)
                .where(Receipt.id == work.payload["receipt_id"])
                .where(Receipt.state == ReceiptState.QUARANTINED)
                .values(state=ReceiptState.RECEIVED)
            )
        case Kind.SEND:
            session.execute(
                sa.update(OutboxMail)
                .where(OutboxMail.id == work.payload["outbox_id"])
                .where(OutboxMail.state == OutboxState.FAILED)
                .values(state=OutboxState.QUEUED)
            )
    work.state, work.attempts, work.lease = WorkState.READY, 0, None
    work.visible_at, work.finished_at = now, None
