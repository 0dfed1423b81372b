"""The ledger: what was received, what became of it, and what became of nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Mailbox, Receipt, ReceiptState, Work, WorkState
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.work import Kind
from supportdesk.messages import Channel
from supportdesk.routing.calendar import day_bounds

MOST_GAPS = 200
_GRACE = timedelta(minutes=10)
"""What was stored more lately may be in somebody's hands."""


@dataclass(slots=True)
class LedgerLine:
    """One day of one mailbox; what was `received` is the sum of the others but duplicates.

    Duplicates were processed, too: their message was there before. `mailbox` is None for what
    came for none.
    """

    on: date
    channel: Channel
    mailbox: str | None
    received: int = 0
    processed: int = 0
    duplicates: int = 0
    quarantined: int = 0
    discarded: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A receipt that became nothing and waits for nobody."""

    receipt_id: int
    channel: Channel
    mailbox: str | None
    received_at: datetime
    state: ReceiptState


@dataclass(frozen=True, slots=True)
class Ledger:
    """What came in some days, the newest first, and all gaps there are, up to 200."""

    lines: Sequence[LedgerLine] = field(default=())
    gaps: Sequence[Gap] = field(default=())
    oldest_waiting_at: datetime | None = None


def read_ledger(session: Session, first: date, last: date, *, now: datetime) -> Ledger:
    """Reconcile the receipts of the days from `first` to `last`, both included."""
    days = [last - timedelta(days=back) for back in range((last - first).days + 1)]
    return Ledger(
        lines=[line for on in days for line in _lines(session, on)],
        gaps=find_gaps(session, now=now),
        oldest_waiting_at=session.scalar(
            sa.select(sa.func.min(Receipt.received_at)).where(_IS_WAITING)
        ),
    )


def find_gaps(session: Session, *, now: datetime, receipt_id: int | None = None) -> list[Gap]:
    """Give the gaps, the oldest first, or the one of a receipt.

    A gap is a receipt that waits without work that will take it up, or one that was processed into
    no message. A message without a ticket cannot be: the database refuses it.
    """
    routed = sa.select(Work.payload["receipt_id"].as_integer()).where(
        Work.state == sa.literal_column(f"'{WorkState.READY}'"),
        Work.kind.in_([Kind.ROUTE, Kind.FETCH]),
    )
    forgotten = sa.and_(_IS_WAITING, Receipt.stored_at < now - _GRACE, Receipt.id.not_in(routed))
    empty = sa.and_(Receipt.state == ReceiptState.PROCESSED, Receipt.message_id.is_(None))
    gaps: list[Gap] = []
    for condition in (forgotten, empty):
        asked = (
            sa.select(
                Receipt.id, Receipt.channel, Mailbox.address, Receipt.received_at, Receipt.state
            )
            .outerjoin(Mailbox, Mailbox.id == Receipt.mailbox_id)
            .where(condition)
            .order_by(Receipt.id)
            .limit(MOST_GAPS)
        )
        if receipt_id is not None:
            asked = asked.where(Receipt.id == receipt_id)
        gaps += [Gap(*row) for row in session.execute(asked)]
    return gaps


# Literals, and the index's own condition: only so the partial index is used.
_IS_WAITING = sa.and_(
    sa.text("receipt.state IN ('received', 'quarantined')"),
    Receipt.state == sa.literal_column(f"'{ReceiptState.RECEIVED}'"),
)


def _lines(session: Session, on: date) -> list[LedgerLine]:
    begins, ends = day_bounds(on)
    lines: dict[tuple[Channel, str | None], LedgerLine] = {}
    for channel, mailbox, state, is_duplicate, count in fetch(
        session, _counts(), begins=begins, ends=ends
    ):
        line = lines.setdefault((channel, mailbox), LedgerLine(on, channel, mailbox))
        line.received += count
        line.duplicates += count if is_duplicate else 0
        match ReceiptState(state):
            case ReceiptState.PROCESSED:
                line.processed += count
            case ReceiptState.QUARANTINED:
                line.quarantined += count
            case ReceiptState.DISCARDED:
                line.discarded += count
            case ReceiptState.RECEIVED:
                line.waiting += count
    return sorted(lines.values(), key=lambda one: (one.channel, one.mailbox or ""))


@cache
def _counts() -> AnySelect:
    """Count one day from the index alone; the addresses are looked up for the few groups."""
    groups = (
        sa.select(
            Receipt.channel,
            Receipt.mailbox_id,
            Receipt.state,
            Receipt.is_duplicate,
            sa.func.count().label("count"),
        )
        .where(
            Receipt.received_at >= sa.bindparam("begins"),
            Receipt.received_at < sa.bindparam("ends"),
        )
        .group_by(Receipt.channel, Receipt.mailbox_id, Receipt.state, Receipt.is_duplicate)
        .subquery()
    )
    return sa.select(
        groups.c.channel,
        Mailbox.address,
        groups.c.state,
        groups.c.is_duplicate,
        groups.c.count,
    ).select_from(groups.outerjoin(Mailbox, Mailbox.id == groups.c.mailbox_id))
