"""After a clock ran ahead and was put back: what it dated into the future is done soon."""

from supportdesk.actions.runtime import Runtime
from supportdesk.db import work


def set_dates_right(runtime: Runtime) -> None:
    """Have work done within a minute that waits for a time which came of a wrong clock."""
    with runtime.database.write() as session:
        work.set_dates_right(session, now=runtime.clock())
