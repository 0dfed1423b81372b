"""Deadlines by priority and the statutory one for complaints about bills."""

import pytest

from supportdesk.errors import InvalidInput
from supportdesk.routing.deadlines import deadlines, statutory_deadline
from tests.routing.cast import CALENDAR, prague


@pytest.mark.parametrize(
    ("priority", "received", "response", "resolution"),
    [
        (1, "2026-04-02 23:45", "2026-04-03 00:15", "2026-04-03 03:45"),
        (1, "2026-03-29 01:45", "2026-03-29 03:15", "2026-03-29 06:45"),  # the clock goes forward
        (2, "2026-04-01 10:00", "2026-04-01 14:00", "2026-04-07 10:00"),
        (3, "2026-04-02 14:00", "2026-04-07 10:00", "2026-04-08 14:00"),
        (4, "2026-04-04 12:00", "2026-04-07 12:00", "2026-04-08 16:00"),
    ],
)
def test_deadlines_count_from_receipt_by_priority(
    priority: int, received: str, response: str, resolution: str
) -> None:
    due = deadlines(priority, prague(received), CALENDAR)
    assert due.first_response_at == prague(response)
    assert due.resolution_at == prague(resolution)


def test_an_unknown_priority_is_refused() -> None:
    with pytest.raises(InvalidInput, match="priority 5; there is for 1, 2, 3, 4"):
        deadlines(5, prague("2026-04-02 12:00"), CALENDAR)


@pytest.mark.parametrize(
    ("received", "months", "end"),
    [
        ("2026-04-02 12:00", 1, "2026-05-03 00:00"),
        ("2026-01-31 12:00", 1, "2026-03-01 00:00"),  # February has no 31st
        ("2028-01-31 12:00", 1, "2028-03-01 00:00"),  # nor in a leap year
        ("2026-12-15 23:59", 1, "2027-01-16 00:00"),
        ("2026-11-30 00:00", 3, "2027-03-01 00:00"),
        ("2026-02-28 23:30", 1, "2026-03-29 00:00"),
        ("2026-03-29 01:30", 1, "2026-04-30 00:00"),
    ],
)
def test_the_statutory_deadline_is_the_end_of_the_same_day_a_month_later(
    received: str, months: int, end: str
) -> None:
    assert statutory_deadline(prague(received), months) == prague(end)
