"""Keeping what is in hand: leases are short, and renewed while the work is being done."""

from collections.abc import Sequence

from supportdesk.actions.runtime import Runtime
from supportdesk.db import work
from supportdesk.db.work import Claim


def renew_claims(runtime: Runtime, batches: Sequence[Sequence[Claim]], *, seconds: float) -> None:
    """Hold these batches for so many seconds from now; what is no longer ours stays as it is."""
    with runtime.database.write() as session:
        for claims in batches:
            work.renew(session, claims, now=runtime.clock(), lease_seconds=seconds)
