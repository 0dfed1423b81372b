"""Business time: opening hours, holidays, clock changes and sums of desk time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from supportdesk.errors import InvalidInput
from supportdesk.routing.calendar import (
    BusinessCalendar,
    day_bounds,
    local_date,
    local_time,
)
from supportdesk.routing.facts import ClosedReason
from tests.routing.cast import CALENDAR, prague

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 11 * 365 * 24 * 3600).map(lambda s: FIRST + timedelta(seconds=s))
MINUTES = st.integers(0, 3000)
FIXED = [(1, 1), (1, 5), (8, 5), (5, 7), (6, 7), (28, 9), (28, 10), (17, 11)]
CHRISTMAS = [(24, 12), (25, 12), (26, 12)]


def easter_sunday(year: int) -> date:
    """Compute Easter by the anonymous Gregorian method. Source: Meeus, Jones, Butcher."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), f = divmod(b, 4), (b + 8) // 25
    h = (19 * a + b - d - (b - f + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


@pytest.mark.parametrize("year", range(2024, 2036))
def test_public_holidays_are_those_of_the_law(year: int) -> None:
    easter = easter_sunday(year)
    expected = {date(year, month, day) for day, month in FIXED + CHRISTMAS}
    expected |= {easter - timedelta(days=2), easter + timedelta(days=1)}
    days = list(CALENDAR.days(date(year, 1, 1), date(year, 12, 31)))
    found = {day.on for day in days if day.closed_because is ClosedReason.HOLIDAY}
    assert found == expected
    assert all(day.name_cs and day.name_en for day in days if day.on in expected)


@pytest.mark.parametrize(("year", "working"), [(2024, 252), (2025, 251), (2026, 250), (2027, 252)])
def test_a_year_has_its_known_number_of_working_days(year: int, working: int) -> None:
    days = CALENDAR.days(date(year, 1, 1), date(year, 12, 31))
    assert sum(day.opening is not None for day in days) == working


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-04-02 07:59:59.999999", False),
        ("2026-04-02 08:00:00", True),
        ("2026-04-02 15:59:59.999999", True),
        ("2026-04-02 16:00:00", False),
        ("2026-01-05 08:00:00", True),  # winter time
        ("2026-04-03 12:00:00", False),  # Good Friday
        ("2026-04-06 12:00:00", False),  # Easter Monday
        ("2026-12-31 12:00:00", True),  # New Year's Eve is a working day
    ],
)
def test_the_desk_is_open_from_eight_to_sixteen_on_working_days(local: str, is_open: bool) -> None:
    at = prague(local)
    assert CALENDAR.is_open(at) is is_open
    assert CALENDAR.hours_at(at).is_open is is_open


@pytest.mark.parametrize(
    ("local", "reason", "opens"),
    [
        ("2026-04-02 07:00", ClosedReason.BEFORE_OPENING, "2026-04-02 08:00"),
        ("2026-04-02 16:00", ClosedReason.AFTER_CLOSING, "2026-04-07 08:00"),
        ("2026-04-03 09:00", ClosedReason.HOLIDAY, "2026-04-07 08:00"),
        ("2026-04-04 09:00", ClosedReason.WEEKEND, "2026-04-07 08:00"),
        ("2026-03-29 09:00", ClosedReason.WEEKEND, "2026-03-30 08:00"),
        ("2026-12-24 09:00", ClosedReason.HOLIDAY, "2026-12-28 08:00"),
        ("2026-12-26 09:00", ClosedReason.HOLIDAY, "2026-12-28 08:00"),  # on a Saturday
    ],
)
def test_the_hours_say_why_the_desk_is_closed_and_when_it_opens(
    local: str, reason: ClosedReason, opens: str
) -> None:
    hours = CALENDAR.hours_at(prague(local))
    assert (hours.closed_because, hours.opens_at) == (reason, prague(opens))
    assert hours.closes_at - hours.opens_at == timedelta(hours=8)


def test_the_hours_of_an_open_desk_are_those_of_the_day() -> None:
    hours = CALENDAR.hours_at(prague("2026-04-02 12:00"))
    assert hours.opens_at == prague("2026-04-02 08:00")
    assert hours.closes_at == prague("2026-04-02 16:00")
    assert hours.local_on == date(2026, 4, 2)


def test_a_holiday_begins_at_local_midnight() -> None:
    hours = CALENDAR.hours_at(datetime(2026, 12, 23, 23, 30, tzinfo=UTC))
    assert (hours.closed_because, hours.name_cs) == (ClosedReason.HOLIDAY, "Štědrý den")
    assert hours.name_en == "Christmas Eve"


def test_the_operators_own_closing_day_is_closed_and_named() -> None:
    calendar = BusinessCalendar({date(2026, 4, 2): "Inventura"})
    hours = calendar.hours_at(prague("2026-04-02 10:00"))
    assert (hours.closed_because, hours.name_cs) == (ClosedReason.CLOSING_DAY, "Inventura")
    assert calendar.next_opening(prague("2026-04-01 16:00")) == prague("2026-04-07 08:00")


@pytest.mark.parametrize(
    ("on", "hours"),
    [
        (date(2026, 3, 29), 23),
        (date(2026, 10, 25), 25),
        (date(2026, 4, 2), 24),
        (date(2027, 3, 28), 23),
        (date(2027, 10, 31), 25),
    ],
)
def test_days_of_a_clock_change_are_an_hour_shorter_or_longer(on: date, hours: int) -> None:
    begin, end = day_bounds(on)
    assert end - begin == timedelta(hours=hours)
    assert local_date(begin) == on
    assert local_date(end - timedelta(microseconds=1)) == on


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-04-02 15:00", 60, "2026-04-02 16:00"),
        ("2026-04-02 15:00", 61, "2026-04-07 08:01"),
        ("2026-04-02 16:00", 240, "2026-04-07 12:00"),
        ("2026-04-02 12:00", 0, "2026-04-02 12:00"),
        ("2026-04-04 12:00", 0, "2026-04-04 12:00"),
        ("2026-03-27 15:30", 60, "2026-03-30 08:30"),  # over the clock change
        ("2026-10-23 15:30", 60, "2026-10-26 08:30"),
    ],
)
def test_business_minutes_pass_only_while_the_desk_is_open(
    start: str, minutes: int, end: str
) -> None:
    assert CALENDAR.add_business_minutes(prague(start), minutes) == prague(end)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-04-01 10:30", 2, "2026-04-07 10:30"),
        ("2026-04-02 20:00", 2, "2026-04-08 16:00"),
        ("2026-10-23 09:00", 1, "2026-10-26 09:00"),
    ],
)
def test_working_days_are_whole_days_of_desk_time(start: str, days: int, end: str) -> None:
    assert CALENDAR.add_working_days(prague(start), days) == prague(end)


def test_negative_minutes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="-1 business minutes"):
        CALENDAR.add_business_minutes(FIRST, -1)


@pytest.mark.parametrize("year", [1991, 2038, 9999])
def test_years_that_nobody_knows_are_refused(year: int) -> None:
    with pytest.raises(InvalidInput, match="from 1993 to 2037"):
        CALENDAR.hours_at(datetime(year, 12, 31, 23, 30, tzinfo=UTC))


@given(INSTANTS)
def test_at_the_next_opening_the_desk_is_open_and_a_moment_before_it_is_closed(
    at: datetime,
) -> None:
    opening = CALENDAR.next_opening(at)
    assert opening > at
    assert CALENDAR.is_open(opening)
    assert not CALENDAR.is_open(opening - timedelta(microseconds=1))
    assert (local_time(opening).hour, local_time(opening).minute) == (8, 0)


@given(INSTANTS)
def test_hours_and_openness_agree(at: datetime) -> None:
    hours = CALENDAR.hours_at(at)
    assert hours.is_open is CALENDAR.is_open(at) is (hours.closed_because is None)
    assert at < hours.closes_at
    assert hours.is_open is (hours.opens_at <= at)
    if not hours.is_open:
        assert hours.opens_at == CALENDAR.next_opening(at)


@given(INSTANTS, MINUTES, MINUTES)
def test_business_minutes_add_up(at: datetime, first: int, second: int) -> None:
    stepwise = CALENDAR.add_business_minutes(CALENDAR.add_business_minutes(at, first), second)
    assert stepwise == CALENDAR.add_business_minutes(at, first + second)


@given(INSTANTS, st.integers(1, 3000))
def test_a_sum_of_business_minutes_ends_while_the_desk_is_open_or_at_closing(
    at: datetime, minutes: int
) -> None:
    end = CALENDAR.add_business_minutes(at, minutes)
    assert end >= at + timedelta(minutes=minutes)
    assert CALENDAR.is_open(end - timedelta(microseconds=1))


@given(INSTANTS, INSTANTS, MINUTES)
def test_who_comes_later_is_due_no_earlier(one: datetime, other: datetime, minutes: int) -> None:
    assume(one <= other)
    assert CALENDAR.add_business_minutes(one, minutes) <= CALENDAR.add_business_minutes(
        other, minutes
    )
