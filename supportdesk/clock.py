"""The only reader of the wall clock; everything else is given `now` or a `Clock`."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

SET_AGAIN_SECONDS = 30.0
_SLOWEST_ANSWER_SECONDS = 1.0


def system_clock() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def seconds_since_start() -> float:
    """Return seconds that only grow, whatever happens to the wall clock; a sleeping host counts."""
    # macOS's monotonic clock counts sleep as well, Linux's does not.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SharedClock:
    """A clock that several hosts share: set by what `ask` tells, it counts on by itself.

    The host's wall clock counts only until somebody answers for the first time, so that hosts whose
    clocks differ or jump agree on the instant. `ask` gives None when nobody answers just now.
    """

    def __init__(
        self,
        ask: Callable[[], datetime | None],
        *,
        seconds: Callable[[], float] = seconds_since_start,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._setting = threading.Lock()
        self._zero: datetime | None = None  # the instant at which `seconds` was 0
        self._ask_again_at = float("-inf")

    def __call__(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        # Whoever finds another thread asking goes on with what is known.
        if self._seconds() >= self._ask_again_at and self._setting.acquire(blocking=False):
            try:
                self._set()
            finally:
                self._setting.release()
        if self._zero is None:
            return system_clock()
        return self._zero + timedelta(seconds=self._seconds())

    def _set(self) -> None:
        asked = self._seconds()
        told = self._ask()
        took = self._seconds() - asked
        is_first = self._zero is None
        if told is not None and (is_first or took <= _SLOWEST_ANSWER_SECONDS):
            self._zero = told - timedelta(seconds=asked + took / 2)
        if self._zero is not None:
            self._ask_again_at = asked + SET_AGAIN_SECONDS
