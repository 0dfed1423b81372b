"""What happens to requests that could not be understood: tried again, or put aside for good."""

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Receipt, ReceiptState
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.work import Kind, enqueue, forget_dead
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound


def replay_receipt(runtime: Runtime, viewer: Viewer, receipt_id: int) -> None:
    """Try a quarantined request again; a mail that was too large is fetched whole first.

    Raises:
        Conflict: it is not in quarantine (any more).
    """
    if not viewer.sees_all_tickets:
        raise NotAllowed("Quarantined requests are for the customer centre and the pool.")
    now = runtime.clock()
    with runtime.database.write() as session:
        _leave_quarantine(session, receipt_id, ReceiptState.RECEIVED)
        is_truncated = session.get_one(Receipt, receipt_id).is_truncated
        enqueue(
            session,
            Kind.FETCH if is_truncated else Kind.ROUTE,
            {"receipt_id": receipt_id},
            now=now,
            max_attempts=runtime.settings.work_attempts,
        )
        record_audit(
            session,
            "receipt_replayed",
            actor=actor_of(viewer),
            at=now,
            subject=f"receipt:{receipt_id}",
        )


def discard_receipt(runtime: Runtime, viewer: Viewer, receipt_id: int, *, reason: str) -> None:
    """Put a quarantined request aside; what was received stays kept, with the reason.

    Raises:
        NotAllowed: the viewer is neither of the pool nor a supervisor.
        InvalidInput: there is no reason.
        Conflict: it is not in quarantine (any more).
    """
    if not viewer.may_discard_receipts:
        raise NotAllowed("Only the pool and supervisors discard requests; ask one of them.")
    reason = reason.strip()
    if not reason:
        raise InvalidInput("Say why the request is not worth reading; the audit log keeps it.")
    now = runtime.clock()
    with runtime.database.write() as session:
        _leave_quarantine(session, receipt_id, ReceiptState.DISCARDED)
        record_audit(
            session,
            "receipt_discarded",
            actor=actor_of(viewer),
            at=now,
            subject=f"receipt:{receipt_id}",
            detail={"reason": reason},
        )


def _leave_quarantine(session: Session, receipt_id: int, state: ReceiptState) -> None:
    changed = session.execute(
        sa.update(Receipt)
        .where(Receipt.id == receipt_id, Receipt.state == ReceiptState.QUARANTINED)
        .values(state=state)
    )
    if cast(sa.CursorResult[Any], changed).rowcount:
        forget_dead(session, Kind.ROUTE, "receipt_id", receipt_id)
        return
    found = session.scalar(sa.select(Receipt.state).where(Receipt.id == receipt_id))
    if found is None:
        raise NotFound("There is no receipt {receipt}.", receipt=receipt_id)
    raise Conflict(
        "Receipt {receipt} is not in quarantine any more; somebody was faster than you.",
        receipt=receipt_id,
    )
