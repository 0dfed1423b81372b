"""What becomes of claimed work when it went well, and when it did not."""

from datetime import timedelta

from supportdesk.actions.intake.route_mail import quarantine
from supportdesk.actions.runtime import Runtime
from supportdesk.db.work import Claim, Kind, bury, finish, postpone

_FIRST_DELAY_SECONDS = 5
_LONGEST_DELAY_SECONDS = 600


def work_done(runtime: Runtime, claim: Claim) -> None:
    """Mark work done whose effect was stored by itself."""
    with runtime.database.write() as session:
        finish(session, [claim], now=runtime.clock())


def work_failed(runtime: Runtime, claim: Claim, problem: str) -> None:
    """Try again later, or give up after the last attempt where people see it."""
    now = runtime.clock()
    with runtime.database.write() as session:
        if not claim.is_last_attempt:
            until = now + timedelta(seconds=delay_seconds(claim.attempts))
            postpone(session, claim, until=until, problem=problem)
            return
        if claim.kind == Kind.ROUTE:
            quarantine(session, claim.payload["receipt_id"], problem)
        bury(session, claim, problem=problem, now=now)


def delay_seconds(attempts: int) -> int:
    """Give how long to wait after so many attempts: 5 s, doubling, at most 10 minutes."""
    return min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS << min(attempts - 1, 10))
