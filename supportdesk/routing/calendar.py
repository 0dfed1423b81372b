"""Business time: when the consultants' desk is open, in the operator's zone.

The only module that knows the zone. Opening hours are half-open, [08:00, 16:00) local time, on
working days. Instants are aware; all arithmetic is done in UTC, because subtracting two local
times across a clock change is wrong by an hour.
Source: Act 245/2000 Sb. (public holidays), as kept by the `holidays` package.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final, TypeGuard

import holidays
import pytz

from supportdesk.errors import InvalidInput
from supportdesk.routing.facts import ClosedReason, Hours

ZONE: Final = pytz.timezone("Europe/Prague")
OPENS: Final = time(8)
CLOSES: Final = time(16)
MINUTES_A_WORKING_DAY: Final = 480
# Before 1993 there was no Czech calendar of holidays; pytz knows clock changes to the end of 2037.
FIRST_YEAR: Final = 1993
LAST_YEAR: Final = 2037


Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Day:
    """One local day; the opening is None, and the reason given, when the desk stays closed.

    `opening` is a half-open interval in UTC. `closed_because` is WEEKEND, HOLIDAY or
    CLOSING_DAY; the names come with the latter two.
    """

    on: date
    opening: Interval | None
    closed_because: ClosedReason | None = None
    name_cs: str = ""
    name_en: str = ""

    def to_json(self) -> dict[str, str | None]:
        """Give the day as plain values, its hours in local time with the offset of that day."""
        opens_at, closes_at = self.opening or (None, None)
        return {
            "date": self.on.isoformat(),
            "opens_at": local_time(opens_at).isoformat() if opens_at else None,
            "closes_at": local_time(closes_at).isoformat() if closes_at else None,
            "reason": self.closed_because,
            "name_cs": self.name_cs or None,
            "name_en": self.name_en or None,
        }


class BusinessCalendar:
    """The desk's opening hours; `closing_days` are the operator's own, each with its name.

    Every method raises InvalidInput for days outside the years FIRST_YEAR to LAST_YEAR.
    """

    def __init__(self, closing_days: Mapping[date, str] | None = None) -> None:
        self._closing_days = dict(closing_days or {})
        self._days: dict[date, Day] = {}

    def day(self, on: date) -> Day:
        """Give the opening hours of one local day."""
        known = self._days.get(on)
        if known is None:
            known = self._days[on] = self._work_out(on)
        return known

    def days(self, first: date, last: date) -> Iterator[Day]:
        """Give the days from `first` to `last`, both included."""
        for offset in range((last - first).days + 1):
            yield self.day(first + timedelta(days=offset))

    def is_open(self, at: datetime) -> bool:
        """Tell whether the desk is open at `at`."""
        return _contains(self.day(local_date(at)).opening, at)

    def hours_at(self, at: datetime) -> Hours:
        """Give the hours fact for `at`: open or not, why not, and the present or next opening."""
        day = self.day(local_date(at))
        if _contains(day.opening, at):
            opening, reason = day.opening, None
        else:
            opening, reason = self._next(at), _why_closed(day, at)
        opens_at, closes_at = opening
        return Hours(
            is_open=reason is None,
            local_on=day.on,
            opens_at=opens_at,
            closes_at=closes_at,
            closed_because=reason,
            name_cs=day.name_cs,
            name_en=day.name_en,
        )

    def next_opening(self, at: datetime) -> datetime:
        """Give the first instant after `at` at which the desk opens, in UTC."""
        return self._next(at)[0]

    def add_business_minutes(self, start: datetime, minutes: int) -> datetime:
        """Give the instant at which the desk has been open for `minutes` since `start`, in UTC.

        A sum that is full at closing time ends then, not at the next opening.
        """
        if minutes < 0:
            raise InvalidInput(
                "{minutes} business minutes cannot be added; give 0 or more.", minutes=minutes
            )
        at = start.astimezone(UTC)
        left = timedelta(minutes=minutes)
        while left:
            opening = self.day(local_date(at)).opening
            opens_at, closes_at = opening if _contains(opening, at) else self._next(at)
            begins_at = max(at, opens_at)
            if left <= closes_at - begins_at:
                return begins_at + left
            left -= closes_at - begins_at
            at = closes_at
        return at

    def add_working_days(self, start: datetime, days: int) -> datetime:
        """Give the instant `days` whole working days of desk time after `start`, in UTC.

        From within hours it is the same local time that many working days later; from outside,
        closing time of the last of them.
        """
        return self.add_business_minutes(start, days * MINUTES_A_WORKING_DAY)

    def _next(self, at: datetime) -> Interval:
        day = self.day(local_date(at))
        while day.opening is None or day.opening[0] <= at:
            day = self.day(day.on + timedelta(days=1))
        return day.opening

    def _work_out(self, on: date) -> Day:
        if not FIRST_YEAR <= on.year <= LAST_YEAR:
            raise InvalidInput(
                "The calendar is known from {first} to {last}; {on} lies outside it.",
                first=FIRST_YEAR,
                last=LAST_YEAR,
                on=on,
            )
        czech, english = _public_holidays(on.year)
        if on in czech:
            return Day(on, None, ClosedReason.HOLIDAY, czech[on], english[on])
        if on in self._closing_days:
            name = self._closing_days[on]
            return Day(on, None, ClosedReason.CLOSING_DAY, name, name)
        if on.isoweekday() > 5:
            return Day(on, None, ClosedReason.WEEKEND)
        return Day(on, (_utc(on, OPENS), _utc(on, CLOSES)))


def local_time(at: datetime) -> datetime:
    """Show an instant in the operator's zone; for people and for output, never for arithmetic."""
    return at.astimezone(ZONE)


def local_date(at: datetime) -> date:
    """Give the date that people in the operator's zone write at `at`."""
    try:
        return at.astimezone(ZONE).date()
    except OverflowError:
        raise InvalidInput(
            "The calendar is known from {first} to {last}; {at} lies outside it.",
            first=FIRST_YEAR,
            last=LAST_YEAR,
            at=at.isoformat(),
        ) from None


def day_bounds(on: date) -> tuple[datetime, datetime]:
    """Give a local day as a half-open interval in UTC; 23 or 25 hours when the clock changes."""
    return _utc(on, time.min), _utc(on + timedelta(days=1), time.min)


def _utc(on: date, at: time) -> datetime:
    return ZONE.localize(datetime.combine(on, at)).astimezone(UTC)


def _contains(interval: Interval | None, at: datetime) -> TypeGuard[Interval]:
    return interval is not None and interval[0] <= at < interval[1]


def _why_closed(day: Day, at: datetime) -> ClosedReason | None:
    if day.opening is None:
        return day.closed_because
    is_early = at < day.opening[0]
    return ClosedReason.BEFORE_OPENING if is_early else ClosedReason.AFTER_CLOSING


@cache
def _public_holidays(year: int) -> tuple[Mapping[date, str], Mapping[date, str]]:
    # Without a language the names follow the locale of the process.
    return (
        dict(holidays.country_holidays("CZ", years=year, language="cs")),
        dict(holidays.country_holidays("CZ", years=year, language="en_US")),
    )
