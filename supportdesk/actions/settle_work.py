"""What becomes of claimed work when it went well, and when it did not."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from supportdesk.actions.intake.route_mail import quarantine
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import mail_failed
from supportdesk.db.work import Claim, Kind, bury, finish, postpone

_FIRST_DELAY_SECONDS = 5
_LONGEST_DELAY_SECONDS = 600


def work_done(runtime: Runtime, claim: Claim) -> None:
    """Mark work done whose effect was stored by itself.

    Raises:
        LeaseLost: another worker took it over and does it once more.
    """
    with runtime.database.write() as session:
        finish(session, [claim], now=runtime.clock())


def work_failed(runtime: Runtime, claim: Claim, problem: str) -> None:
    """Try again later, or give up after the last attempt where people see it.

    Raises:
        LeaseLost: another worker took it over; what becomes of it is that one's matter.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        if claim.is_last_attempt:
            bury(session, claim, problem=problem, now=now)
            show_given_up(session, Kind(claim.kind), claim.payload, problem, now=now)
        else:
            until = now + timedelta(seconds=delay_seconds(claim.attempts))
            postpone(session, claim, until=until, problem=problem)


def show_given_up(
    session: Session, kind: Kind, payload: dict[str, Any], problem: str, *, now: datetime
) -> None:
    """Bring work that nobody will do any more before people's eyes."""
    match kind:
        case Kind.ROUTE | Kind.FETCH:
            quarantine(session, payload["receipt_id"], problem)
        case Kind.SEND:
            mail_failed(session, payload["outbox_id"], problem, now=now)
        case Kind.POLL | Kind.POLL_AGAIN | Kind.HAND_BACK | Kind.FOLLOW | Kind.CLOSE:
            pass  # comes again by itself in a later slot
        case Kind.INDEX | Kind.PRUNE | Kind.WATCH | Kind.RECONCILE:
            pass  # comes again by itself in a later slot
        case Kind.ALARM:
            pass  # pages tell of the alarm, and of this work


def delay_seconds(attempts: int) -> int:
    """Give how long to wait after so many attempts: 5 s, doubling, at most 10 minutes."""
    return min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS << min(attempts - 1, 10))
