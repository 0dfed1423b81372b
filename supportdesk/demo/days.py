"""The days of the demo's stories: "W3 15:59" is a time on the third working day before today. Pure.

A story is told relative to today, so that it is always fresh, and by kinds of days, so that what
happens in the evening, at the weekend or on a holiday does so whenever the demo is loaded.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count

from supportdesk.errors import InvalidInput
from supportdesk.routing.calendar import BusinessCalendar, day_bounds, local_date
from supportdesk.routing.facts import ClosedReason

WORKING_DAYS = 10
CLOSING_DAY_NAME = "Stěhování zákaznického centra"

_SATURDAY = 6
_CLOSED_WORKING_DAYS_AGO = 6
_TIME = re.compile(
    r"(?:now-(?P<minutes>\d+)m|(?P<day>[A-Z]+\d*)(?:\+(?P<later>\d))?"
    r" (?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?)"
)
_MONTHS = (
    "leden únor březen duben květen červen červenec srpen září říjen listopad prosinec".split()
)


class Days:
    """The two weeks before `now`.

    `closing_day` is the operator's own; None when a public holiday lies within the two weeks.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today = local_date(now)
        self.closing_day = None if _holiday_before(self.today) else self._some_working_day()
        closed = {self.closing_day: CLOSING_DAY_NAME} if self.closing_day else {}
        self.calendar = BusinessCalendar(closed)
        working = _working_days_before(self.today, self.calendar)
        self._days = {f"W{n}": next(working) for n in range(1, WORKING_DAYS + 1)}
        self._days["SAT"] = self.today - timedelta(days=self.today.isoweekday() % 7 + 1)
        self._days["HOLIDAY"] = _holiday_before(self.today) or self.closing_day or self.today
        self.first = self._days[f"W{WORKING_DAYS}"]

    @property
    def begins_at(self) -> datetime:
        """Give an instant before everything that happens."""
        return day_bounds(self.first)[0]

    def on(self, name: str) -> date:
        """Give a day by its name: W1 to W10, SAT, HOLIDAY."""
        if name not in self._days:
            raise InvalidInput(
                "{name!r} is no day of the demo; known are {known}.",
                name=name,
                known=list(self._days),
            )
        return self._days[name]

    def at(self, written: str) -> datetime:
        """Give the instant of "W3 15:59", of "W3+1 02:10" (the night after) or of "now-20m"."""
        found = _TIME.fullmatch(written)
        if found is None:
            raise InvalidInput(
                "{written!r} is no time of the demo; write such as 'W3 15:59'.", written=written
            )
        if found["minutes"]:
            return self.now - timedelta(minutes=int(found["minutes"]))
        on = self.on(found["day"]) + timedelta(days=int(found["later"] or 0))
        # Right except on the Sundays when the clock changes; no story happens on a Sunday.
        return day_bounds(on)[0] + timedelta(
            hours=int(found["hour"]),
            minutes=int(found["minute"]),
            seconds=int(found["second"] or 0),
        )

    def openings(self) -> Iterator[datetime]:
        """Give the instants from the first day until now at which the consultants' desk opened."""
        for day in self.calendar.days(self.first, self.today):
            if day.opening is not None and day.opening[0] <= self.now:
                yield day.opening[0]

    def fill_in(self, text: str) -> str:
        """Put days into a text: {W3} becomes "19. 11.", {month} the month before this one."""
        last_month = self.today.replace(day=1) - timedelta(days=1)
        words = {name: f"{day.day}. {day.month}." for name, day in self._days.items()}
        words["month"] = f"{_MONTHS[last_month.month - 1]} {last_month.year}"
        words["month_en"] = f"{last_month:%B %Y}"
        words["today"] = f"{self.today.day}. {self.today.month}."
        return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), text)

    def _some_working_day(self) -> date:
        working = _working_days_before(self.today, BusinessCalendar())
        return [next(working) for _ in range(_CLOSED_WORKING_DAYS_AGO)][-1]


def _holiday_before(today: date) -> date | None:
    """Give the latest public holiday of the two weeks before `today` that is no weekend."""
    calendar = BusinessCalendar()
    for back in range(1, 15):
        on = today - timedelta(days=back)
        is_holiday = calendar.day(on).closed_because is ClosedReason.HOLIDAY
        if is_holiday and on.isoweekday() < _SATURDAY:
            return on
    return None


def _working_days_before(today: date, calendar: BusinessCalendar) -> Iterator[date]:
    for back in count(1):
        on = today - timedelta(days=back)
        if calendar.day(on).opening is not None:
            yield on
