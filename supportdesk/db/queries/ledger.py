"""The ledger: what was received, what became of it, and what became of nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Mailbox, Receipt, ReceiptState, Work, WorkState
from supportdesk.db.queries.prepared import AnyUnion, fetch
from supportdesk.db.types import UtcDateTime
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
        if not count:
            continue
        line = lines.setdefault((channel, mailbox), LedgerLine(on, Channel(channel), mailbox))
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
def _counts() -> AnyUnion:
    """Count one day: a range of the index for each mailbox or channel, and what became of it.

    Grouping a day's receipts would sort them; so it stays cheap, however many there are.
    """
    fates = sa.union_all(
        *(
            sa.select(sa.literal(state).label("state"), sa.literal(repeated).label("repeated"))
            for state in ReceiptState
            for repeated in ((False, True) if state is ReceiptState.PROCESSED else (False,))
        )
    ).subquery("fates")
    without = sa.union_all(
        *(sa.select(sa.literal(channel).label("channel")) for channel in Channel)
    ).subquery("without")
    counted = (
        sa.select(sa.func.count())
        .where(
            Receipt.state == fates.c.state,
            Receipt.is_duplicate == fates.c.repeated,
            Receipt.received_at >= sa.bindparam("begins", type_=UtcDateTime),
            Receipt.received_at < sa.bindparam("ends", type_=UtcDateTime),
        )
        .correlate(Mailbox, without, fates)
    )
    of_mailbox = counted.where(
        Receipt.channel == Channel.EMAIL, Receipt.mailbox_id == Mailbox.id
    ).scalar_subquery()
    of_none = counted.where(
        Receipt.channel == without.c.channel, Receipt.mailbox_id.is_(None)
    ).scalar_subquery()
    address = sa.cast(sa.null(), sa.Text)
    return sa.union_all(
        sa.select(
            sa.literal(Channel.EMAIL), Mailbox.address, fates.c.state, fates.c.repeated, of_mailbox
        ).join_from(Mailbox, fates, sa.true()),
        sa.select(without.c.channel, address, fates.c.state, fates.c.repeated, of_none).join_from(
            without, fates, sa.true()
        ),
    )
