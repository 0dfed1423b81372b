"""Threads that listen to mailboxes whose server tells of new mail, and ask for a poll then.

They follow what is set up: a mailbox that is added, changed, paused or failing is found within a
few seconds. Nothing depends on them, for every mailbox is polled all the same.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from supportdesk.actions.listen_to_mailboxes import (
    Heard,
    account_to_hear,
    leave_mailboxes,
    take_mailboxes,
)
from supportdesk.actions.poll_mailbox import ask_for_poll
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.idle import listen
from supportdesk.errors import SupportdeskError

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 5.0
"""How often to look which mailboxes there are."""

LONGEST_WAIT_SECONDS = 300.0
"""How long to wait, at most, before listening again after the line broke."""

_STEADY_SECONDS = 60.0  # a line that held so long was a good one
_FAREWELL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Ear:
    """One thread that listens; `stop` ends it."""

    mailbox: Heard
    stop: threading.Event = field(default_factory=threading.Event)


class MailboxListeners:
    """Listens while the context is open; `wake` is called when there is something to poll."""

    def __init__(self, runtime: Runtime, wake: Callable[[], None]) -> None:
        self._runtime = runtime
        self._wake = wake
        self._name = secrets.token_hex(8)
        self._ears: dict[_Ear, threading.Thread] = {}
        self._stopping = threading.Event()
        self._following = threading.Thread(target=self._run, name="listeners")

    def __enter__(self) -> Self:
        self._following.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._following.join()
        for ear in self._ears:
            ear.stop.set()
        deadline = time.monotonic() + _FAREWELL_SECONDS
        for thread in self._ears.values():
            # One that still waits for a server to answer ends with the process.
            thread.join(max(deadline - time.monotonic(), 0))
        self._guarded(lambda: leave_mailboxes(self._runtime, self._name), "leave the mailboxes")

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._guarded(self._follow, "look which mailboxes there are")
            self._stopping.wait(FOLLOW_SECONDS)

    def _follow(self) -> None:
        self._ears = {ear: thread for ear, thread in self._ears.items() if thread.is_alive()}
        wanted = take_mailboxes(self._runtime, self._name)
        for ear in self._ears:
            if ear.mailbox not in wanted:
                ear.stop.set()
        there = [ear.mailbox for ear in self._ears if not ear.stop.is_set()]
        for mailbox in wanted:
            if mailbox not in there:
                self._start(_Ear(mailbox))

    def _start(self, ear: _Ear) -> None:
        thread = threading.Thread(
            target=self._listen, args=(ear,), name=f"listener-{ear.mailbox.id}", daemon=True
        )
        self._ears[ear] = thread
        thread.start()

    def _listen(self, ear: _Ear) -> None:
        """Listen until told to stop; each time the line breaks, wait longer before the next."""
        failures = 0
        while not ear.stop.is_set():
            began = time.monotonic()
            self._guarded(lambda: self._listen_once(ear), f"listen to mailbox {ear.mailbox.id}")
            if ear.stop.is_set():
                return
            self._news(ear)  # what came when the line was dead already
            failures = 1 if time.monotonic() - began > _STEADY_SECONDS else failures + 1
            ear.stop.wait(seconds_before_listening(failures))

    def _listen_once(self, ear: _Ear) -> None:
        listen(
            account_to_hear(self._runtime, ear.mailbox.id),
            news=lambda: self._news(ear),
            stop=ear.stop,
        )

    def _news(self, ear: _Ear) -> bool:
        """Ask for a poll; False when one is under way, which may have looked too early."""
        try:
            is_asked = ask_for_poll(self._runtime, ear.mailbox.id)
        except Exception:
            log.exception("Could not ask for a poll of mailbox %d.", ear.mailbox.id)
            return False
        if is_asked:
            self._wake()
        return is_asked

    @staticmethod
    def _guarded(work: Callable[[], None], what: str) -> None:
        try:
            work()
        except SupportdeskError as error:
            log.warning("Could not %s: %s", what, error)
        except Exception:
            log.exception("Could not %s; trying again.", what)


def seconds_before_listening(failures: int) -> float:
    """Give how long to wait after so many broken lines: 2 s, doubling, at most five minutes.

    Half of it is left to chance: a server that comes back is not asked by everybody at once.
    """
    longest = min(LONGEST_WAIT_SECONDS, float(2 << min(failures - 1, 10)))
    return longest * (1 - secrets.randbelow(501) / 1000)
