"""The ticks of the schedule: each job every so many seconds, by a clock that nobody can set.

A scheduler that reckons by the wall clock stands still for an hour when that is put back an hour.
"""

import threading
import time
from collections.abc import Callable, Mapping

from supportdesk.jobs.schedule import Job


class Ticks:
    """A thread that does each job's deed again and again; the first time after its seconds."""

    def __init__(self, deeds: Mapping[Job, Callable[[Job], None]]) -> None:
        self._deeds = deeds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticks")

    def start(self) -> None:
        """Begin to count."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the tick in hand and end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        due = {job: began + job.seconds for job in self._deeds}
        while not self._stopping.wait(max(0.0, min(due.values()) - time.monotonic())):
            for job in [job for job, at in due.items() if at <= time.monotonic()]:
                self._deeds[job](job)
                due[job] = time.monotonic() + job.seconds
