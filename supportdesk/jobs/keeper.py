"""What a living worker keeps by saying so every few seconds: its work, and the lead.

Leases are short, so that the work of a worker that was killed waits for seconds only; work that
takes longer keeps its lease by being renewed here. A worker that is stopped says nothing, loses
both, and finds out at the fence.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from supportdesk.actions.lead import lead_schedule, resign_schedule
from supportdesk.actions.renew_claims import renew_claims
from supportdesk.actions.runtime import Runtime
from supportdesk.db.work import Claim

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
LEASE_SECONDS = 30
"""How long claimed work is ours without a beat: five beats may fail."""

LEAD_SECONDS = 15.0
"""How long a leader leads without a beat."""


@dataclass(slots=True, eq=False)
class _Held:
    """A batch in hand; from `gives_up_at` on it counts as hanging and is let go."""

    claims: Sequence[Claim]
    renewed_at: float
    gives_up_at: float


class Keeper:
    """The thread that renews a worker's leases and its leadership; `begin` is done on leading."""

    def __init__(self, runtime: Runtime, begin: Callable[[], None]) -> None:
        self._runtime = runtime
        self._begin = begin
        self._me = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._held: list[_Held] = []
        self._term: int | None = None
        self._leads_until = float("-inf")
        self._may_lead = True
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper")

    @property
    def leads(self) -> bool:
        """Whether this worker asks for the scheduled work now."""
        return self._may_lead and time.monotonic() < self._leads_until

    @contextmanager
    def holding(self, claims: Sequence[Claim], *, most_seconds: float) -> Iterator[None]:
        """Keep the leases of a batch while the block is running, but not for ever."""
        now = time.monotonic()
        held = _Held(claims, renewed_at=now, gives_up_at=now + most_seconds)
        self._held.append(held)
        try:
            yield
        finally:
            self._held.remove(held)

    def start(self) -> None:
        """Beat once, and then every few seconds."""
        self._beat()
        self._thread.start()

    def stop_leading(self) -> None:
        """Let another worker lead at once; what is in hand is kept."""
        self._may_lead = False
        if self._term is not None:
            _guarded(lambda: resign_schedule(self._runtime, self._me), "stop leading")

    def stop(self) -> None:
        """End the beat; nothing is in hand any more."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(BEAT_SECONDS):
            self._beat()

    def _beat(self) -> None:
        _guarded(self._renew, "renew leases")
        if self._may_lead:
            _guarded(self._lead, "lead the schedule")

    def _renew(self) -> None:
        now = time.monotonic()
        due = [
            one
            for one in list(self._held)
            if one.renewed_at <= now - BEAT_SECONDS and now < one.gives_up_at
        ]
        if not due:
            return
        renew_claims(self._runtime, [one.claims for one in due], seconds=LEASE_SECONDS)
        for one in due:
            one.renewed_at = now

    def _lead(self) -> None:
        asked_at = time.monotonic()
        term = lead_schedule(self._runtime, self._me, seconds=LEAD_SECONDS)
        if term is None:
            self._term, self._leads_until = None, float("-inf")
            return
        has_begun = term != self._term
        self._term, self._leads_until = term, asked_at + LEAD_SECONDS
        if has_begun:
            log.info("This worker asks for the scheduled work now (term %d).", term)
            self._begin()


def _guarded(do: Callable[[], None], what: str) -> None:
    try:
        do()
    except Exception as error:
        # The next beat tries again; until then leases and leadership run on.
        log.warning("Could not %s just now: %s", what, error)
