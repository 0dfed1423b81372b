"""Addresses that get no automatic mail, because mail came back or was called spam."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Message, Suppression
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.messages import ReportKind

MOST = 500


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A suppressed address, why, and the ticket whose mail came back."""

    id: int
    address: str
    kind: ReportKind
    detail: str
    since: datetime
    ticket_id: int


def find_suppressed(session: Session, addresses: Collection[str]) -> list[Suppressed]:
    """Give those of the normalised addresses that are suppressed."""
    if not addresses:
        return []
    rows = fetch(session, _among(), addresses=list(addresses))
    return [Suppressed(*row) for row in rows]


def list_suppressed(session: Session) -> list[Suppressed]:
    """Give the suppressed addresses, the newest first."""
    rows = session.execute(_suppressed().order_by(Suppression.since.desc()).limit(MOST))
    return [Suppressed(*row) for row in rows]


@cache
def _among() -> AnySelect:
    return _suppressed().where(Suppression.address.in_(sa.bindparam("addresses", expanding=True)))


def _suppressed() -> AnySelect:
    return (
        sa.select(
            Suppression.id,
            Suppression.address,
            Suppression.kind,
            Suppression.detail,
            Suppression.since,
            Message.ticket_id,
        )
        .join(Message, Message.id == Suppression.message_id)
        .where(Suppression.lifted_at.is_(None))
    )
