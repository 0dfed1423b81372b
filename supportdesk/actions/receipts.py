"""What happens to requests that could not be understood: tried again, or put aside for good."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.intake.storms import RELEASED
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Receipt, ReceiptState
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.work import Kind, enqueue_many, forget_dead
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound


def replay_receipt(
    runtime: Runtime, viewer: Viewer, receipt_id: int, *, alike: bool = False
) -> None:
    """Try a quarantined request again; a mail that was too large is fetched whole first.

    With `alike` all that are there for the same reason. What a person lets through is not held
    again for coming in a storm.

    Raises:
        Conflict: it is not in quarantine (any more).
    """
    if not viewer.sees_all_tickets:
        raise NotAllowed("Quarantined requests are for the customer centre and the pool.")
    now = runtime.clock()
    with runtime.database.write() as session:
        released = _leave_quarantine(session, receipt_id, ReceiptState.RECEIVED, alike=alike)
        for kind, is_truncated in ((Kind.FETCH, True), (Kind.ROUTE, False)):
            enqueue_many(
                session,
                kind,
                [
                    {"receipt_id": one, RELEASED: True}
                    for one in sorted(released)
                    if released[one] == is_truncated
                ],
                now=now,
                max_attempts=runtime.settings.work_attempts,
            )
        record_audit(
            session,
            "receipt_replayed",
            actor=actor_of(viewer),
            at=now,
            subject=f"receipt:{receipt_id}",
            detail={"count": len(released)},
        )


def discard_receipt(
    runtime: Runtime, viewer: Viewer, receipt_id: int, *, reason: str, alike: bool = False
) -> None:
    """Put a quarantined request aside, or all that are there for the same reason when `alike`.

    What was received stays kept, with the reason.

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
        discarded = _leave_quarantine(session, receipt_id, ReceiptState.DISCARDED, alike=alike)
        record_audit(
            session,
            "receipt_discarded",
            actor=actor_of(viewer),
            at=now,
            subject=f"receipt:{receipt_id}",
            detail={"reason": reason, "count": len(discarded)},
        )


def _leave_quarantine(
    session: Session, receipt_id: int, state: ReceiptState, *, alike: bool
) -> dict[int, bool]:
    """Take a receipt out, and those there for the same reason when `alike`.

    Give their ids, each with whether only a part of the mail was fetched.
    """
    chosen = Receipt.id == receipt_id
    if alike:
        reason = session.scalar(sa.select(Receipt.problem).where(chosen))
        chosen = sa.or_(chosen, Receipt.problem == reason)
    changed = session.execute(
        sa.update(Receipt)
        .where(chosen, Receipt.state == ReceiptState.QUARANTINED)
        .values(state=state)
        .returning(Receipt.id, Receipt.is_truncated)
        .execution_options(synchronize_session=False)
    )
    taken = {row.id: row.is_truncated for row in changed}
    if receipt_id in taken:
        for kind in (Kind.ROUTE, Kind.FETCH):
            forget_dead(session, kind, "receipt_id", taken)
        return taken
    found = session.scalar(sa.select(Receipt.state).where(Receipt.id == receipt_id))
    if found is None:
        raise NotFound("There is no receipt {receipt}.", receipt=receipt_id)
    raise Conflict(
        "Receipt {receipt} is not in quarantine any more; somebody was faster than you.",
        receipt=receipt_id,
    )
