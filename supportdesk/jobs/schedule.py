"""The table of scheduled jobs. A tick only asks for work; what is due is read from the data.

Each request carries the slot it is for, so that ticks of several workers ask for one piece of work;
while that is not done, nobody asks for the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from supportdesk.actions.ask_for_work import ask_for_work
from supportdesk.actions.hand_back import is_hand_back_due
from supportdesk.actions.index_messages import is_index_behind
from supportdesk.actions.poll_mailbox import ask_for_poll, mailboxes_to_poll
from supportdesk.actions.runtime import Runtime
from supportdesk.db.work import Kind


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for every `seconds`."""

    name: str
    seconds: int
    tick: Callable[[Runtime], None]


def jobs(runtime: Runtime) -> tuple[Job, ...]:
    """Give THE table of what runs when."""
    poll_seconds = runtime.settings.imap_poll_seconds
    return (
        Job("poll mailboxes", poll_seconds, lambda one: poll_all(one, poll_seconds)),
        Job("hand back the night's work", 60, hand_back_if_due),
        Job("watch over the service", 60, lambda one: every(one, Kind.WATCH, 60)),
        Job("index older messages", 60, index_if_behind),
        Job("follow new assignments", 900, lambda one: every(one, Kind.FOLLOW, 900)),
        Job("close what is resolved", 3600, lambda one: every(one, Kind.CLOSE, 3600)),
        Job("delete what is over", 6 * 3600, lambda one: every(one, Kind.PRUNE, 6 * 3600)),
    )


def poll_all(runtime: Runtime, seconds: int) -> None:
    """Ask for a poll of each mailbox in this slot, but for those that wait after a failure."""
    slot = _slot(runtime.clock(), seconds)
    for mailbox in mailboxes_to_poll(runtime):
        ask_for_poll(runtime, mailbox.id, slot=slot, is_failing=mailbox.is_failing)


def hand_back_if_due(runtime: Runtime) -> None:
    """Ask for the hand-back whenever the desk is open and something waits for it."""
    if is_hand_back_due(runtime):
        every(runtime, Kind.HAND_BACK, 60)


def index_if_behind(runtime: Runtime) -> None:
    """Ask for indexing as long as search does not know every message."""
    if is_index_behind(runtime):
        every(runtime, Kind.INDEX, 60)


def every(runtime: Runtime, kind: Kind, seconds: int) -> None:
    """Ask for a piece of work once in each slot of so many seconds."""
    ask_for_work(runtime, kind, {}, name=kind, slot=_slot(runtime.clock(), seconds))


def _slot(now: datetime, seconds: int) -> str:
    return str(int(now.timestamp()) // seconds)
