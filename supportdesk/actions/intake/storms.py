"""Storms: machines that write without end do not get a ticket for each mail, nor fill one.

Their mails wait in quarantine, kept and visible, and one click lets them all through. People are
never held up: a mail that looks like a person's is routed however many there are.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from supportdesk.actions.intake.filing import Filing
from supportdesk.actions.throttle import add_counts, counts_in_window
from supportdesk.errors import Unreadable, write_down
from supportdesk.messages import Automatic
from supportdesk.settings import Settings

RELEASED = "released"
"""Key in the work of a receipt that a person let through."""

_HOUR = timedelta(hours=1)
_ALL = "storm:all"


def hold_storms(
    session: Session,
    settings: Settings,
    filings: Sequence[Filing],
    *,
    released: Collection[int],
    now: datetime,
) -> dict[int, str]:
    """Give the receipts to be held, each with the reason written down, and count the others.

    Only automatic mail counts: that of a sender that would open tickets, and that which goes to one
    ticket, whoever sends it. `released` receipts never do.
    """
    risky = [one for one in filings if _is_risky(one) and one.arrival.receipt_id not in released]
    if not risky:
        return {}
    counts = Counter(counts_in_window(session, {_ALL, *map(_bucket, risky)}, now, _HOUR))
    held: dict[int, str] = {}
    added: Counter[str] = Counter()
    for one in risky:
        bucket = _bucket(one)
        if counts[bucket] + added[bucket] >= settings.automatic_per_sender_an_hour:
            held[one.arrival.receipt_id] = _too_many(one, settings)
        elif not one.is_new_ticket:
            added[bucket] += 1
        elif counts[_ALL] + added[_ALL] >= settings.automatic_per_hour:
            held[one.arrival.receipt_id] = _from_all(settings)
        else:
            added.update((bucket, _ALL))
    add_counts(session, added, now, _HOUR)
    return held


def _is_risky(filing: Filing) -> bool:
    return filing.arrival.message.automatic is not Automatic.NO


def _bucket(filing: Filing) -> str:
    if filing.place.thread is not None:
        return f"storm:ticket:{filing.place.thread.ticket_id}"
    # Hashed: an address may be longer than the name of a bucket.
    return f"storm:{hashlib.sha256(filing.arrival.sender.encode()).hexdigest()[:32]}"


def _too_many(filing: Filing, settings: Settings) -> str:
    if filing.place.thread is not None:
        return write_down(
            Unreadable(
                "A storm: more than {most} automatic mails about request {ticket} within an hour."
                " They wait here.",
                most=settings.automatic_per_sender_an_hour,
                ticket=filing.place.thread.ticket_id,
            )
        )
    return write_down(
        Unreadable(
            "A storm: more than {most} automatic mails of {sender} within an hour. They wait here.",
            most=settings.automatic_per_sender_an_hour,
            sender=filing.arrival.sender or "—",
        )
    )


def _from_all(settings: Settings) -> str:
    return write_down(
        Unreadable(
            "A storm: more than {most} automatic mails in all within an hour. They wait here.",
            most=settings.automatic_per_hour,
        )
    )
