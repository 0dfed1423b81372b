"""The work table: claiming with a lease, finishing with a fence.

One design on both databases. `visible_at` is when work is due and, once claimed, the end of the
lease; whoever crashes simply lets it run out. Finishing checks the lease, so a worker that slept
past it cannot finish what another one has taken over.

These functions run inside the caller's transaction.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from supportdesk.db.hints import hint
from supportdesk.db.models import Work, WorkState
from supportdesk.errors import SupportdeskError, write_down

_work = cast(sa.Table, Work.__table__)


class Kind(StrEnum):
    """What background work there is."""

    ROUTE = "route"  # understand a receipt and bring it to its desk
    SEND = "send"  # hand an outgoing mail to the relay
    POLL = "poll"  # fetch what is new in a mailbox
    POLL_AGAIN = "poll_again"  # the same for one that failed the last time
    FETCH = "fetch"  # fetch a mail whole of which there is only the header
    RECONCILE = "reconcile"  # look whether a mailbox holds mails without a receipt
    HAND_BACK = "hand_back"  # give the night's work to the consultants
    FOLLOW = "follow"  # move open tickets to the consultants assigned today
    CLOSE = "close"  # close what has been resolved long enough
    INDEX = "index"  # let search find older messages
    PRUNE = "prune"  # delete finished work and ended sessions
    WATCH = "watch"  # look for what is wrong with the service itself
    ALARM = "alarm"  # tell people by mail what is wrong


class LeaseLost(SupportdeskError):
    """Somebody else took the work over; what was done for it must be rolled back."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A piece of work that is ours until its lease ends; `attempts` counts this claim, too."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    max_attempts: int
    lease: str

    @property
    def is_last_attempt(self) -> bool:
        """Tell whether nobody will try again after this."""
        return self.attempts >= self.max_attempts


@dataclass(frozen=True, slots=True)
class Buried:
    """A piece of work that nobody will try again by itself."""

    kind: Kind
    payload: dict[str, Any]
    problem: str


CUT_SHORT = write_down(
    SupportdeskError("Every attempt was cut short; the worker was killed or crashed each time.")
)

_AT_ONCE = 1_000  # databases bound the parameters of a statement
_AHEAD = timedelta(minutes=1)
"""No lease is longer, and who writes down a later instant has a wrong clock."""

# Built once: building them costs several times what the database needs for them.
# A literal, not a parameter: only with it the partial index is used.
_IS_READY = _work.c.state == sa.literal_column(f"'{WorkState.READY}'")
_IS_DUE = sa.and_(
    _IS_READY,
    _work.c.visible_at <= sa.bindparam("now"),
    _work.c.kind.in_(sa.bindparam("kinds", expanding=True)),
)
_WAITING = sa.select(_work.c.id).where(_IS_DUE).order_by(_work.c.visible_at, _work.c.id)
_IS_FIRST_BEGUN = _WAITING.with_only_columns(_work.c.attempts > 0).limit(1)
_DUE = (
    _WAITING.where((_work.c.attempts > 0) == sa.bindparam("begun"))
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
    .prefix_with("MATERIALIZED", dialect="postgresql")
)
_TAKE = (
    sa.update(_work)
    .where(_work.c.id.in_(sa.select(_DUE.c.id)))
    .values(
        visible_at=sa.bindparam("lease_ends"),
        attempts=_work.c.attempts + 1,
        lease=sa.bindparam("new_lease"),
    )
    .returning(_work.c.id, _work.c.kind, _work.c.payload, _work.c.attempts, _work.c.max_attempts)
)
_BURY_EXHAUSTED = (
    sa.update(_work)
    .where(_IS_DUE, _work.c.attempts >= _work.c.max_attempts)
    .values(
        state=WorkState.DEAD,
        finished_at=sa.bindparam("now"),
        lease=None,
        dedupe_key=None,
        problem=sa.func.coalesce(_work.c.problem, CUT_SHORT),
    )
    .returning(_work.c.kind, _work.c.payload, _work.c.problem)
)
_STILL_OURS = (
    sa.select(_work.c.id)
    .where(
        _IS_READY,
        _work.c.id.in_(sa.bindparam("ours", expanding=True)),
        _work.c.lease == sa.bindparam("our_lease"),
    )
    # What is being finished at this moment needs no longer lease, and would be waited for.
    .with_for_update(skip_locked=True)
    .cte("still_ours")
    .prefix_with("MATERIALIZED", dialect="postgresql")
)
_RENEW = (
    sa.update(_work)
    .where(_work.c.id.in_(sa.select(_STILL_OURS.c.id)))
    .values(visible_at=sa.bindparam("lease_ends"))
)
_OURS = sa.update(_work).where(
    _work.c.id.in_(sa.bindparam("ours", expanding=True)), _work.c.lease == sa.bindparam("our_lease")
)


def enqueue(
    session: Session,
    kind: Kind,
    payload: dict[str, Any],
    *,
    now: datetime,
    max_attempts: int,
    run_at: datetime | None = None,
) -> None:
    """Ask for a piece of work."""
    enqueue_many(session, kind, [payload], now=now, max_attempts=max_attempts, run_at=run_at)


def enqueue_many(
    session: Session,
    kind: Kind,
    payloads: Sequence[dict[str, Any]],
    *,
    now: datetime,
    max_attempts: int,
    run_at: datetime | None = None,
) -> None:
    """Ask for several pieces of work of one kind in one statement."""
    if not payloads:
        return
    rows = [
        {
            "kind": kind,
            "payload": payload,
            "visible_at": run_at or now,
            "max_attempts": max_attempts,
            "created_at": now,
        }
        for payload in payloads
    ]
    session.connection().execute(sa.insert(_work), rows)
    if run_at is None or run_at <= now:
        hint(session, kind)


def enqueue_alone(
    session: Session,
    kind: Kind,
    payload: dict[str, Any],
    *,
    name: str,
    now: datetime,
    max_attempts: int,
) -> bool:
    """Ask for work unless work of this name waits or is being done: then False."""
    row = {
        "kind": kind,
        "payload": payload,
        "dedupe_key": name,
        "visible_at": now,
        "max_attempts": max_attempts,
        "created_at": now,
    }
    asking = insert_or_ignore(session, _work).returning(_work.c.id)
    if session.connection().scalar(asking, row) is None:
        return False
    hint(session, kind)
    return True


def is_anything_due(session: Session, kinds: Collection[Kind], *, now: datetime) -> bool:
    """Tell whether there is work of these kinds to claim."""
    asked = {"kinds": list(kinds), "now": now}
    return session.connection().scalar(_IS_FIRST_BEGUN, asked) is not None


def claim(
    session: Session,
    kinds: Collection[Kind],
    *,
    now: datetime,
    limit: int,
    lease_seconds: float,
) -> list[Claim]:
    """Take up to `limit` due pieces of work, the longest due first; give them by id.

    Work that somebody began before and did not finish is taken alone: if it is what kills its
    workers, the work beside it does not lose its attempts with it.
    """
    connection = session.connection()
    asked: dict[str, Any] = {"kinds": list(kinds), "now": now}
    begun_before = connection.scalar(_IS_FIRST_BEGUN, asked)
    if begun_before is None:
        return []
    lease = secrets.token_hex(16)
    taken = connection.execute(
        _TAKE,
        asked
        | {
            "begun": begun_before,
            "most": 1 if begun_before else limit,
            "lease_ends": now + timedelta(seconds=lease_seconds),
            "new_lease": lease,
        },
    ).all()
    claims = [
        Claim(row.id, row.kind, row.payload, row.attempts, row.max_attempts, lease) for row in taken
    ]
    return sorted(claims, key=lambda one: one.id)


def bury_exhausted(session: Session, kinds: Collection[Kind], *, now: datetime) -> list[Buried]:
    """Mark work dead whose every attempt was cut short by a crash; give what was buried."""
    buried = session.connection().execute(_BURY_EXHAUSTED, {"kinds": list(kinds), "now": now})
    return [Buried(Kind(row.kind), row.payload, row.problem) for row in buried]


def renew(
    session: Session, claims: Sequence[Claim], *, now: datetime, lease_seconds: float
) -> None:
    """Hold claimed work for so long from now; what is finished or another's stays as it is."""
    session.connection().execute(
        _RENEW,
        {
            "ours": [one.id for one in claims],
            "our_lease": claims[0].lease,
            "lease_ends": now + timedelta(seconds=lease_seconds),
        },
    )


def finish(session: Session, claims: Sequence[Claim], *, now: datetime) -> None:
    """Mark claimed work done, in the transaction of its effect.

    Raises:
        LeaseLost: at least one piece is no longer ours; the whole transaction must roll back.
    """
    values = {"state": WorkState.DONE, "finished_at": now, "lease": None, "dedupe_key": None}
    _update_ours(session, claims, values)


def ensure_ours(session: Session, one: Claim) -> None:
    """Refuse to begin what somebody else has taken over, where beginning cannot be undone.

    Raises:
        LeaseLost: the work is no longer ours.
    """
    _update_ours(session, [one], {"lease": one.lease})


def postpone(
    session: Session,
    one: Claim,
    *,
    until: datetime,
    problem: str,
    payload: dict[str, Any] | None = None,
) -> None:
    """Give claimed work back, to be due again at `until`; a `payload` says what is left to do."""
    values = {"visible_at": until, "lease": None, "problem": problem}
    _update_ours(session, [one], values if payload is None else values | {"payload": payload})


def release(session: Session, claims: Sequence[Claim], *, now: datetime) -> None:
    """Give back at once what was claimed and not begun, as if it had never been claimed."""
    values = {"visible_at": now, "lease": None, "attempts": _work.c.attempts - 1}
    _update_ours(session, claims, values)


def bury(session: Session, one: Claim, *, problem: str, now: datetime) -> None:
    """Mark claimed work dead: nobody tries again until a person asks for it."""
    values = {"state": WorkState.DEAD, "finished_at": now, "lease": None, "dedupe_key": None}
    _update_ours(session, [one], values | {"problem": problem})


def forget_dead(session: Session, kind: Kind, name: str, values: Collection[int]) -> None:
    """Put dead work aside with one of these in its payload: what it was about goes another way."""
    # A literal, not a parameter: only with it the partial index is used.
    is_dead = sa.and_(Work.state == sa.literal_column(f"'{WorkState.DEAD}'"), Work.kind == kind)
    wanted = set(values)
    dead = session.execute(sa.select(Work.id, Work.payload[name].as_integer()).where(is_dead))
    chosen = [work_id for work_id, value in dead if value in wanted]
    for start in range(0, len(chosen), _AT_ONCE):
        session.execute(
            sa.update(Work)
            .where(is_dead, Work.id.in_(chosen[start : start + _AT_ONCE]))
            .values(state=WorkState.DISCARDED)
            .execution_options(synchronize_session=False)
        )


def set_dates_right(session: Session, *, now: datetime) -> None:
    """Have done soon what a clock that ran ahead put off: it is right again, or another's holds."""
    ahead = now + _AHEAD
    session.connection().execute(
        sa.update(_work)
        .where(_IS_READY, _work.c.visible_at > ahead)
        .where(sa.or_(_work.c.created_at > ahead, _work.c.lease.is_not(None)))
        .values(visible_at=ahead)
    )


def insert_or_ignore(session: Session, table: sa.Table) -> sa.Insert:
    """Build an INSERT that skips rows which some unique key forbids."""
    return _insert_or_ignore(session.get_bind().dialect.name, table)


@cache
def _insert_or_ignore(dialect: str, table: sa.Table) -> sa.Insert:
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def _update_ours(session: Session, claims: Sequence[Claim], values: dict[str, Any]) -> None:
    if not claims:
        return
    changed = session.connection().execute(
        _OURS.values(**values), {"ours": [one.id for one in claims], "our_lease": claims[0].lease}
    )
    if changed.rowcount != len(claims):
        raise LeaseLost(
            "The lease on {kind} work ran out before it was finished;"
            " its effects are rolled back and another worker goes on.",
            kind=claims[0].kind,
        )
