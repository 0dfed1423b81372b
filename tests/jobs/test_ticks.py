"""Ticks: each deed again and again, by a clock that nobody sets."""

import threading

from supportdesk.jobs.schedule import Job
from supportdesk.jobs.ticks import Ticks
from tests.waiting import until


def job(name: str, seconds: float) -> Job:
    return Job(name, seconds, lambda _runtime: None)


def test_each_job_ticks_again_and_again_and_at_its_own_pace() -> None:
    done: list[str] = []
    ticks = Ticks(
        {
            job(name, seconds): lambda one: done.append(one.name)
            for name, seconds in (("often", 0.01), ("never", 3600))
        }
    )
    ticks.start()
    until(lambda: len(done) >= 3, "three ticks")
    ticks.stop()
    assert set(done) == {"often"}


def test_after_stop_nothing_ticks_any_more_and_what_was_begun_is_finished() -> None:
    begun, may_end, done = threading.Event(), threading.Event(), []

    def slowly(one: Job) -> None:
        begun.set()
        may_end.wait(60)
        done.append(one.name)

    ticks = Ticks({job("slow", 0.01): slowly})
    ticks.start()
    assert begun.wait(60)
    threading.Timer(0.05, may_end.set).start()
    ticks.stop()
    assert done == ["slow"]
