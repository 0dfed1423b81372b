"""The table of scheduled jobs. A tick only asks for work; what is due is read from the data.

No time is reckoned with here, so that neither a wrong clock nor a downtime makes anything happen
twice or never. While a piece of work is not done, nobody asks for another of its name.
"""

from collections.abc import Callable
from dataclasses import dataclass

from supportdesk.actions.ask_for_work import ask_for_work
from supportdesk.actions.hand_back import is_hand_back_due
from supportdesk.actions.index_messages import is_index_behind
from supportdesk.actions.ledger import mailboxes_to_reconcile
from supportdesk.actions.poll_mailbox import ask_for_poll, mailboxes_to_poll
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.set_dates_right import set_dates_right
from supportdesk.db.work import Kind


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for every `seconds`."""

    name: str
    seconds: float
    tick: Callable[[Runtime], None]


def jobs(runtime: Runtime) -> tuple[Job, ...]:
    """Give THE table of what runs when."""
    return (
        Job("poll mailboxes", runtime.settings.imap_poll_seconds, poll_all),
        Job("hand back the night's work", 60, hand_back_if_due),
        Job("watch over the service", 60, asking(Kind.WATCH)),
        Job("set dates right", 60, set_dates_right),
        Job("index older messages", 60, index_if_behind),
        Job("follow new assignments", 900, asking(Kind.FOLLOW)),
        Job("reconcile mailboxes", 3600, reconcile_all),
        Job("close what is resolved", 3600, asking(Kind.CLOSE)),
        Job("delete what is over", 6 * 3600, asking(Kind.PRUNE)),
    )


def poll_all(runtime: Runtime) -> None:
    """Ask for a poll of each mailbox, but for those that wait after a failure."""
    for mailbox in mailboxes_to_poll(runtime):
        ask_for_poll(runtime, mailbox.id, is_failing=mailbox.is_failing)


def reconcile_all(runtime: Runtime) -> None:
    """Ask once a day whether each mailbox holds mails that we have no receipt of."""
    for mailbox_id in mailboxes_to_reconcile(runtime):
        ask_for_work(
            runtime,
            Kind.RECONCILE,
            {"mailbox_id": mailbox_id},
            name=f"{Kind.RECONCILE}:{mailbox_id}",
        )


def hand_back_if_due(runtime: Runtime) -> None:
    """Ask for the hand-back whenever the desk is open and something waits for it."""
    if is_hand_back_due(runtime):
        ask_for_work(runtime, Kind.HAND_BACK, {}, name=Kind.HAND_BACK)


def index_if_behind(runtime: Runtime) -> None:
    """Ask for indexing as long as search does not know every message."""
    if is_index_behind(runtime):
        ask_for_work(runtime, Kind.INDEX, {}, name=Kind.INDEX)


def asking(kind: Kind) -> Callable[[Runtime], None]:
    """Give a tick that asks for a piece of work of this kind."""

    def ask(runtime: Runtime) -> None:
        ask_for_work(runtime, kind, {}, name=kind)

    return ask
