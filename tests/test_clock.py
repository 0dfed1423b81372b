"""The shared clock: what another one tells, and our own counting in between."""

from datetime import UTC, datetime, timedelta

import pytest

from supportdesk import clock as clock_module
from supportdesk.clock import SET_AGAIN_SECONDS, SharedClock, seconds_since_start

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WRONG = NOON + timedelta(hours=1)


class Elsewhere:
    """Another host's clock, and the seconds that pass here; an answer takes `takes` of them."""

    def __init__(self) -> None:
        self.tells: datetime | None = NOON
        self.seconds = 1000.0
        self.takes = 0.0
        self.asked = 0

    def ask(self) -> datetime | None:
        """Tell the time over there."""
        self.asked += 1
        self.seconds += self.takes
        return self.tells


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    monkeypatch.setattr(clock_module, "system_clock", lambda: WRONG)
    return Elsewhere()


def shared(elsewhere: Elsewhere) -> SharedClock:
    return SharedClock(elsewhere.ask, seconds=lambda: elsewhere.seconds)


def test_the_time_is_what_is_told_and_the_seconds_since(elsewhere: Elsewhere) -> None:
    clock = shared(elsewhere)
    assert clock() == NOON
    elsewhere.seconds += 29
    assert clock() == NOON + timedelta(seconds=29)
    assert elsewhere.asked == 1


def test_it_is_set_again_now_and_then(elsewhere: Elsewhere) -> None:
    clock = shared(elsewhere)
    clock()
    elsewhere.seconds += SET_AGAIN_SECONDS
    elsewhere.tells = NOON + timedelta(seconds=31)
    assert clock() == NOON + timedelta(seconds=31)


def test_half_of_the_way_to_the_answer_is_the_way_back(elsewhere: Elsewhere) -> None:
    elsewhere.takes = 0.2
    assert shared(elsewhere)() == NOON + timedelta(seconds=0.1)


def test_nobody_who_answers_changes_nothing(elsewhere: Elsewhere) -> None:
    clock = shared(elsewhere)
    clock()
    elsewhere.tells = None
    elsewhere.seconds += 3600
    assert clock() == NOON + timedelta(hours=1)


def test_an_answer_that_took_too_long_is_not_believed(elsewhere: Elsewhere) -> None:
    clock = shared(elsewhere)
    clock()
    elsewhere.takes = 20
    elsewhere.tells = NOON + timedelta(minutes=5)
    elsewhere.seconds += SET_AGAIN_SECONDS
    assert clock() == NOON + timedelta(seconds=SET_AGAIN_SECONDS + 20)


def test_before_the_first_answer_the_host_is_believed_and_every_time_it_is_asked_again(
    elsewhere: Elsewhere,
) -> None:
    clock = shared(elsewhere)
    elsewhere.tells = None
    assert clock() == WRONG
    elsewhere.tells = NOON
    assert clock() == NOON


def test_seconds_since_the_start_only_grow() -> None:
    first = seconds_since_start()
    assert 0 < first <= seconds_since_start()
