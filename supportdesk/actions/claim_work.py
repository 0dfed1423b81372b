"""Taking work: a look whether there is any, and only then a transaction that writes."""

from collections.abc import Collection, Sequence

from supportdesk.actions.runtime import Runtime
from supportdesk.actions.settle_work import show_given_up
from supportdesk.db import work
from supportdesk.db.queries.upkeep import is_paused
from supportdesk.db.work import Claim, Kind

WAITS_IN_PAUSE = frozenset({Kind.SEND, Kind.POLL, Kind.POLL_AGAIN, Kind.FETCH, Kind.RECONCILE})


def claim_work(
    runtime: Runtime, kinds: Collection[Kind], *, limit: int, lease_seconds: float
) -> list[Claim]:
    """Take up to `limit` due pieces of work of these kinds; an empty list when nothing is due.

    After a restore nothing is sent and no mailbox read until the service is released.
    """
    now = runtime.clock()
    with runtime.database.read() as session:
        if not WAITS_IN_PAUSE.isdisjoint(kinds) and is_paused(session):
            kinds = [kind for kind in kinds if kind not in WAITS_IN_PAUSE]
        is_due = work.is_anything_due(session, kinds, now=now)
    if not is_due:
        return []
    with runtime.database.write() as session:
        for buried in work.bury_exhausted(session, kinds, now=now):
            show_given_up(session, buried.kind, buried.payload, buried.problem, now=now)
        return work.claim(session, kinds, now=now, limit=limit, lease_seconds=lease_seconds)


def release_work(runtime: Runtime, claims: Sequence[Claim]) -> None:
    """Give back what was taken and not begun, so that nobody waits for its lease to end."""
    with runtime.database.write() as session:
        work.release(session, claims, now=runtime.clock())
