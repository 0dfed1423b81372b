"""Requests that were received but not understood: they wait here, visible and replayable."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Mailbox, Receipt, ReceiptState
from supportdesk.db.queries.prepared import AnySelect
from supportdesk.messages import Channel

MOST = 200

MOST_ALIKE = 5
"""How many the list shows for one reason, so that a storm hides nothing else."""

# Literals, not parameters, and the index's own condition: only so the partial index is used.
_IS_QUARANTINED = sa.and_(
    sa.text("receipt.state IN ('received', 'quarantined')"),
    Receipt.state == sa.literal_column(f"'{ReceiptState.QUARANTINED}'"),
)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A receipt in quarantine; `envelope` holds what the transport said of it.

    Of a mail that `is_truncated` there is only the header. `alike` counts those that are there for
    the same reason, itself included.
    """

    id: int
    channel: Channel
    mailbox: str | None
    received_at: datetime
    size_bytes: int
    problem: str | None
    envelope: dict[str, Any]
    blob_key: str
    is_truncated: bool
    alike: int


def list_quarantined(session: Session) -> list[Quarantined]:
    """Give what waits in quarantine, the newest first, and only some for each reason."""
    shown = _quarantined(_RANKED.c.place <= MOST_ALIKE)
    rows = session.execute(shown.order_by(Receipt.id.desc()).limit(MOST))
    return [Quarantined(*row) for row in rows]


def find_quarantined(session: Session, receipt_id: int) -> Quarantined | None:
    """Give one receipt that is in quarantine, None for any other."""
    row = session.execute(_quarantined(Receipt.id == receipt_id)).one_or_none()
    return Quarantined(*row) if row else None


def count_quarantined() -> sa.ScalarSelect[int]:
    """Count what waits in quarantine, for the number beside the menu entry."""
    some = sa.select(Receipt.id).where(_IS_QUARANTINED).limit(MOST + 1).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()


_RANKED = (
    sa.select(
        Receipt.id,
        sa.func.row_number()
        .over(partition_by=Receipt.problem, order_by=Receipt.id.desc())
        .label("place"),
        sa.func.count().over(partition_by=Receipt.problem).label("alike"),
    )
    .where(_IS_QUARANTINED)
    .subquery()
)


def _quarantined(chosen: sa.ColumnElement[bool]) -> AnySelect:
    return (
        sa.select(
            Receipt.id,
            Receipt.channel,
            Mailbox.address,
            Receipt.received_at,
            Receipt.size_bytes,
            Receipt.problem,
            Receipt.envelope,
            Receipt.blob_key,
            Receipt.is_truncated,
            _RANKED.c.alike,
        )
        .join(_RANKED, _RANKED.c.id == Receipt.id)
        .outerjoin(Mailbox, Mailbox.id == Receipt.mailbox_id)
        .where(chosen)
    )
