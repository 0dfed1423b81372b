"""The days of the stories: told relative to today, whatever day that is."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.demo.days import Days
from supportdesk.demo.story import Mail, Step, read_stories
from supportdesk.errors import InvalidInput
from supportdesk.routing.calendar import local_time
from supportdesk.routing.facts import ClosedReason

SUNDAY = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
instants = st.integers(min_value=0, max_value=11 * 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 20, tzinfo=UTC) + timedelta(minutes=minutes)
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("W1", date(2026, 11, 20)),
        ("W3", date(2026, 11, 18)),
        ("W4", date(2026, 11, 16)),  # Tuesday 17 November is a public holiday
        ("SAT", date(2026, 11, 21)),
        ("HOLIDAY", date(2026, 11, 17)),
    ],
)
def test_days_have_names(name: str, expected: date) -> None:
    assert Days(SUNDAY).on(name) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("W1 15:59", "2026-11-20T15:59:00+01:00"),
        ("W1 15:59:59", "2026-11-20T15:59:59+01:00"),
        ("W1+1 02:10", "2026-11-21T02:10:00+01:00"),
        ("now-90m", "2026-11-22T15:30:00+01:00"),
    ],
)
def test_times_are_local_times_of_those_days(written: str, expected: str) -> None:
    assert local_time(Days(SUNDAY).at(written)).isoformat() == expected


@pytest.mark.parametrize("written", ["", "W1", "W11 10:00", "15:59", "now", "w1 15:59"])
def test_what_is_no_time_is_refused_with_a_hint(written: str) -> None:
    with pytest.raises(InvalidInput, match="demo"):
        Days(SUNDAY).at(written)


def test_public_holiday_needs_no_closing_day() -> None:
    assert Days(SUNDAY).closing_day is None


def test_without_a_public_holiday_the_operator_closes_for_a_day() -> None:
    days = Days(datetime(2026, 6, 17, 10, 0, tzinfo=UTC))
    assert days.closing_day == days.on("HOLIDAY") == date(2026, 6, 9)
    assert days.calendar.day(date(2026, 6, 9)).closed_because is ClosedReason.CLOSING_DAY
    assert date(2026, 6, 9) not in {days.on(f"W{n}") for n in range(1, 11)}


@given(instants)
def test_every_story_can_be_told_on_any_day(now: datetime) -> None:
    days = Days(now)
    told = defaultdict(list)
    for happening in read_stories():
        told[happening.story].append((days.at(happening.at), happening))
    for story, happenings in told.items():
        first = min(happenings, key=lambda one: one[0])[1]
        assert isinstance(first, Mail), story
        assert not first.answers, story
    assert all(days.begins_at <= at for at in days.openings())
    assert days.calendar.day(days.on("HOLIDAY")).opening is None
    assert now - timedelta(days=40) < days.begins_at < now


@given(instants)
def test_no_text_keeps_a_placeholder(now: datetime) -> None:
    days = Days(now)
    for happening in read_stories():
        match happening:
            case Mail():
                texts = [happening.mail, happening.subject, happening.html]
            case Step():
                texts = [happening.reply, happening.note, happening.escalate]
        assert not any("{" in days.fill_in(text) for text in texts)
