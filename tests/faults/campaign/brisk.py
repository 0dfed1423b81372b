"""The `supportdesk` command with its waits shortened, so that a campaign need not sit them out.

With `--sabotage NAME` one promise is broken on purpose: what the campaign must catch.
"""

import os
import sys
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import supportdesk.actions.send_mail
import supportdesk.actions.settle_work
import supportdesk.clock
import supportdesk.db.work
import supportdesk.jobs.keeper
import supportdesk.jobs.worker
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap import poll
from supportdesk.channels.email.smtp import ready_to_send
from supportdesk.cli import main
from supportdesk.jobs.schedule import Job, jobs

LEASE_SECONDS = 3


def shorten_waits() -> None:
    """Have leases end and failures come again within seconds."""
    supportdesk.jobs.keeper.BEAT_SECONDS = 0.7
    supportdesk.jobs.keeper.LEAD_SECONDS = 3.0
    worker: Any = supportdesk.jobs.worker
    worker.LEASE_SECONDS = supportdesk.jobs.keeper.LEASE_SECONDS = LEASE_SECONDS
    worker.jobs = _jobs_every_few_seconds
    supportdesk.db.work._AHEAD = timedelta(seconds=LEASE_SECONDS + 1)
    supportdesk.actions.send_mail._FIRST_DELAY_SECONDS = 1
    supportdesk.actions.send_mail._LONGEST_DELAY_SECONDS = 2
    supportdesk.actions.settle_work._FIRST_DELAY_SECONDS = 1
    supportdesk.actions.settle_work._LONGEST_DELAY_SECONDS = 2
    sending: Any = ready_to_send
    sending.__wrapped__.__kwdefaults__ |= {"timeout_seconds": 3.0, "final_timeout_seconds": 6.0}
    polling: Any = poll
    polling.__kwdefaults__ |= {"timeout_seconds": 5.0}


def _jobs_every_few_seconds(runtime: Runtime) -> tuple[Job, ...]:
    return tuple(replace(job, seconds=min(job.seconds, 5)) for job in jobs(runtime))


class SetClock(datetime):
    """The wall clock, as far off as a file says."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Tell the instant that this process believes."""
        offset = int(Path(os.environ["CLOCK_FILE"]).read_text(encoding="ascii") or 0)
        return datetime.now(tz) + timedelta(seconds=offset)  # noqa: TID251 - it is the clock


def believe_the_file() -> None:
    """Have everything that reads the wall clock here read that one."""
    clock: Any = supportdesk.clock
    clock.datetime = SetClock


if __name__ == "__main__":
    shorten_waits()
    believe_the_file()
    arguments = sys.argv[1:]
    if arguments[0] == "--sabotage":
        from tests.faults.campaign.sabotage import SABOTAGE  # knows the whole service

        SABOTAGE[arguments[1]]()
        arguments = arguments[2:]
    main(arguments)
