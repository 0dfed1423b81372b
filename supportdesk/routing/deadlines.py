"""Until when a request has to be answered and resolved; all deadlines count from its receipt."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from supportdesk.errors import InvalidInput
from supportdesk.routing.calendar import (
    MINUTES_A_WORKING_DAY,
    BusinessCalendar,
    day_bounds,
    local_date,
)

PRIORITIES: Final = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised for one priority, in minutes: around the clock, or of the desk's hours."""

    first_response_minutes: int
    resolution_minutes: int
    is_around_the_clock: bool = False


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The last instants for the first response and for the resolution, in UTC."""

    first_response_at: datetime
    resolution_at: datetime


_IN_DESK_HOURS: Final = Promise(
    first_response_minutes=4 * 60, resolution_minutes=2 * MINUTES_A_WORKING_DAY
)
FIRST_POLICY: Final[Mapping[int, Promise]] = {
    1: Promise(first_response_minutes=30, resolution_minutes=4 * 60, is_around_the_clock=True),
    2: _IN_DESK_HOURS,
    3: _IN_DESK_HOURS,
    4: _IN_DESK_HOURS,
}


def deadlines(
    priority: int,
    received_at: datetime,
    calendar: BusinessCalendar,
    policy: Mapping[int, Promise] = FIRST_POLICY,
) -> Deadlines:
    """Give the deadlines of a request received at `received_at`."""
    if priority not in policy:
        raise InvalidInput(
            "There is no promise for priority {priority}; there is for {known}.",
            priority=priority,
            known=sorted(policy),
        )
    promise = policy[priority]

    def after(minutes: int) -> datetime:
        if promise.is_around_the_clock:
            return received_at + timedelta(minutes=minutes)
        return calendar.add_business_minutes(received_at, minutes)

    return Deadlines(after(promise.first_response_minutes), after(promise.resolution_minutes))


def statutory_deadline(received_at: datetime, months: int = 1) -> datetime:
    """Give the end of the legal time for answering a complaint about a bill, in UTC.

    `months` calendar months after the local day of receipt, at that day's end (local midnight);
    a month that is too short gives its last day. Nothing pauses it.
    Source: Act 127/2005 Sb., section 64 (one month from delivery of the complaint).
    """
    received_on = local_date(received_at)
    years, month = divmod(received_on.month - 1 + months, 12)
    year, month = received_on.year + years, month + 1
    last_on = date(year, month, min(received_on.day, monthrange(year, month)[1]))
    return day_bounds(last_on)[1]
