"""Addresses to which no machine writes any more: put on the list by failures, lifted by people."""

import re
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import DeliveryReport, Suppression
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, NotAllowed
from supportdesk.messages import ReportKind

# There is no such mailbox or domain. Source: RFC 3463 §3.2; 5.1.7 and 5.1.8 blame the sender.
_NOBODY_THERE = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"}
_ABOUT_RECIPIENT = re.compile(r"5\.[12]\.")  # 5.7.1, for example, is about us
_ABOUT_SENDER = {"5.1.7", "5.1.8"}
_COUNTED = timedelta(days=30)


def suppress_if_due(session: Session, report: DeliveryReport, *, after_failures: int) -> None:
    """Stop automatic mail to an address that does not exist, complains, or fails too often.

    `report` is stored already. Runs inside the caller's transaction.
    """
    known = session.scalar(sa.select(Suppression).where(Suppression.address == report.recipient))
    if known is not None and known.lifted_at is None:
        return
    is_final = report.kind is ReportKind.COMPLAINT or report.status in _NOBODY_THERE
    lifted_at = known.lifted_at if known is not None else None
    if not is_final and _failures(session, report, lifted_at) < after_failures:
        return
    entry = known or Suppression(address=report.recipient)
    entry.kind, entry.detail, entry.message_id = report.kind, report.detail, report.message_id
    entry.since, entry.lifted_at = report.at, None
    session.add(entry)
    session.flush()


def note_refusal(session: Session, refusal: DeliveryReport, *, after_failures: int) -> None:
    """Count that our own relay refused a recipient, unless that may be our or the relay's fault.

    A relay that is set up wrong refuses everybody, and nobody is to be suppressed for it.
    Runs inside the caller's transaction.
    """
    status = refusal.status or ""
    if not _ABOUT_RECIPIENT.match(status) or status in _ABOUT_SENDER:
        return
    session.add(refusal)
    session.flush()
    suppress_if_due(session, refusal, after_failures=after_failures)


def _failures(session: Session, report: DeliveryReport, lifted_at: datetime | None) -> int:
    """Count the mails that came back from the address, this one included."""
    since = report.at - _COUNTED
    return (
        session.scalar(
            sa.select(sa.func.count(sa.distinct(DeliveryReport.message_id))).where(
                DeliveryReport.recipient == report.recipient,
                DeliveryReport.kind == ReportKind.FAILED,
                DeliveryReport.at > max(since, lifted_at or since),
            )
        )
        or 0
    )


def lift_suppression(runtime: Runtime, viewer: Viewer, suppression_id: int) -> str:
    """Let machines write to a suppressed address again, and give the address.

    Raises:
        NotAllowed: the viewer does not work on every customer's requests.
        Conflict: it is not suppressed (any more).
    """
    if not viewer.sees_all_tickets:
        raise NotAllowed("Suppressed addresses are for the customer centre and the pool.")
    now = runtime.clock()
    with runtime.database.write() as session:
        address: str | None = session.scalar(
            sa.update(Suppression)
            .where(Suppression.id == suppression_id, Suppression.lifted_at.is_(None))
            .values(lifted_at=now)
            .returning(Suppression.address)
        )
        if address is None:
            raise Conflict("The address is not suppressed any more; somebody was faster than you.")
        record_audit(
            session,
            "suppression_lifted",
            actor=actor_of(viewer),
            at=now,
            subject=f"address:{address}",
        )
    return address
