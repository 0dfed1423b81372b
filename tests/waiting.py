"""Waiting for what another process or thread does, and saying what did not happen."""

import time
from collections.abc import Callable

MOST_SECONDS = 60.0


def until(happened: Callable[[], object], what: str, *, seconds: float = MOST_SECONDS) -> None:
    """Return as soon as it happened; fail with `what` when it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"Not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
