"""Leading the schedule: of several workers one asks for the scheduled work."""

from supportdesk.actions.runtime import Runtime
from supportdesk.db import leadership

SCHEDULE = "schedule"


def lead_schedule(runtime: Runtime, holder: str, *, seconds: float) -> int | None:
    """Lead for so many seconds more; give the number of the term, None while another leads."""
    now = runtime.clock()
    with runtime.database.read() as session:
        leader = leadership.holder_of(session, SCHEDULE, now=now)
    if leader not in {None, holder}:
        return None  # who only watches writes nothing
    with runtime.database.write() as session:
        return leadership.lead(session, SCHEDULE, holder, now=now, seconds=seconds)


def resign_schedule(runtime: Runtime, holder: str) -> None:
    """Let another worker lead at once."""
    with runtime.database.write() as session:
        leadership.resign(session, SCHEDULE, holder, now=runtime.clock())
