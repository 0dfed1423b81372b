"""The worker: lanes of threads that claim work and do it, and the scheduler that asks for more."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from supportdesk.actions.claim_work import claim_work, release_work
from supportdesk.actions.intake.route_mail import Parser
from supportdesk.actions.note_alive import note_alive, note_end
from supportdesk.actions.runtime import Runtime
from supportdesk.db.work import Kind
from supportdesk.jobs.handlers import handle
from supportdesk.jobs.hint_listener import HintListener
from supportdesk.jobs.keeper import LEASE_SECONDS, Keeper
from supportdesk.jobs.schedule import Job, jobs
from supportdesk.jobs.ticks import Ticks

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How long a lane sleeps when nothing is due and nobody wakes it."""

COURTESY_SECONDS = 0.05
"""How long routing leaves the door alone while it is busy: what comes meanwhile is one batch."""

PATIENCE_SECONDS = 1.0
"""How long sending lets routing go first; in a flood of mail it goes on, only slowly."""

HEARTBEAT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Lane:
    """Threads for some kinds of work, so that a slow mailbox never holds up routing.

    The first thread does what comes; the others help as long as there are full batches. A batch
    that takes longer than `most_seconds` is taken for hanging: another may take it over.
    """

    kinds: tuple[Kind, ...]
    threads: int
    batch: int
    most_seconds: int


LANES = (
    Lane((Kind.ROUTE,), threads=2, batch=40, most_seconds=120),
    Lane((Kind.SEND, Kind.ALARM), threads=2, batch=1, most_seconds=600),
    Lane((Kind.POLL,), threads=2, batch=1, most_seconds=900),
    # Mailboxes that failed have threads of their own: while these wait for an answer, the others
    # are read.
    Lane((Kind.POLL_AGAIN, Kind.FETCH, Kind.RECONCILE), threads=2, batch=1, most_seconds=900),
    Lane(
        (Kind.HAND_BACK, Kind.FOLLOW, Kind.CLOSE, Kind.INDEX, Kind.PRUNE, Kind.WATCH),
        threads=1,
        batch=1,
        most_seconds=300,
    ),
)

INTAKE_LANES = tuple(
    lane for lane in LANES if not {Kind.POLL, Kind.POLL_AGAIN}.isdisjoint(lane.kinds)
)
"""What a process does that only takes requests in."""


@dataclass(frozen=True, slots=True)
class _Hand:
    """One thread of a lane; `news` is set when there may be something to do."""

    lane: Lane
    is_helper: bool
    news: threading.Event = field(default_factory=threading.Event)


class Worker:
    """Does background work until it is stopped; what it holds then is finished first.

    `part` says what kind of process it is to those who look after the service.
    """

    def __init__(
        self,
        runtime: Runtime,
        parser: Parser,
        *,
        lanes: Sequence[Lane] = LANES,
        part: str = "worker",
    ) -> None:
        self._hands = [
            _Hand(lane, is_helper=number > 0) for lane in lanes for number in range(lane.threads)
        ]
        self._runtime = runtime
        self._parser = parser
        self._keeper = Keeper(runtime, self._ask_for_all)
        self._listener = _listener_of(runtime, self._hear)
        self._stopping = threading.Event()
        self._door_is_busy = threading.Event()
        self._nothing_to_route = threading.Event()
        self._threads: list[threading.Thread] = []
        host = socket.gethostname()
        self._name = f"{part} {host}:{os.getpid()}"
        self._alive = Job(
            "tell that this worker lives",
            HEARTBEAT_SECONDS,
            lambda one: note_alive(one, name=self._name, host=host),
        )
        scheduled = dict.fromkeys(jobs(runtime), self._tick)
        self._ticks = Ticks({self._alive: self._ask, **scheduled})

    def start(self) -> None:
        """Start the lanes and the ticks."""
        for hand in self._hands:
            name = f"lane-{hand.lane.kinds[0]}"
            # A daemon, for the process ends even if somebody outside does not let go of it.
            thread = threading.Thread(target=self._run, args=(hand,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._keeper.start()
        self._ask(self._alive)
        if self._listener:
            self._listener.start()
        self._ticks.start()

    def mail_came(self) -> None:
        """Hear that a mail was kept just now: route it, and leave room for more."""
        self._door_is_busy.set()
        self._nothing_to_route.clear()
        self._wake(Kind.ROUTE, without_helpers=True)

    def wake(self) -> None:
        """Have every lane look for work at once."""
        for hand in self._hands:
            hand.news.set()

    def _wake(self, kind: str, *, without_helpers: bool = False) -> None:
        for hand in self._hands:
            if kind in hand.lane.kinds and not (without_helpers and hand.is_helper):
                hand.news.set()

    def stop(self) -> None:
        """Stop claiming, finish what is being done as far as the setting's time allows, return.

        What is not finished then is done again by another worker when its lease has run out.
        """
        self._ticks.stop()
        self._keeper.stop_leading()
        self._stopping.set()
        self.wake()
        deadline = time.monotonic() + self._runtime.settings.stop_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for late in (thread for thread in self._threads if thread.is_alive()):
            log.warning("%s is not finished and is cut short.", late.name)
        self._keeper.stop()
        if self._listener:
            self._listener.stop()
        try:
            note_end(self._runtime, name=self._name)
        except Exception:
            log.warning("Could not note that this worker ended; it will be taken for a dead one.")

    def _hear(self, kind: str) -> None:
        if kind == Kind.ROUTE:
            self._nothing_to_route.clear()
        self._wake(kind, without_helpers=True)

    def _ask_for_all(self) -> None:
        """Ask for what came due while nobody led."""
        for job in jobs(self._runtime):
            self._ask(job)

    def _tick(self, job: Job) -> None:
        if self._keeper.leads:
            self._ask(job)

    def _ask(self, job: Job) -> None:
        try:
            job.tick(self._runtime)
        except Exception:
            log.exception("Could not %s now; the next tick tries again.", job.name)
        self.wake()

    def _run(self, hand: _Hand) -> None:
        lane = hand.lane
        while not self._stopping.is_set():
            hand.news.clear()
            if Kind.SEND in lane.kinds:
                self._nothing_to_route.wait(PATIENCE_SECONDS)
            done = self._do_some(lane)
            if not done or (hand.is_helper and done < lane.batch):
                hand.news.wait(IDLE_SECONDS)

    def _do_some(self, lane: Lane) -> int:
        """Do one batch and give its size."""
        try:
            claims = claim_work(
                self._runtime, lane.kinds, limit=lane.batch, lease_seconds=LEASE_SECONDS
            )
        except Exception:
            log.exception("Could not look for work; trying again.")
            return 0
        if not claims:
            if Kind.ROUTE in lane.kinds:
                self._nothing_to_route.set()
            return 0
        if self._stopping.is_set():
            release_work(self._runtime, claims)
            return 0
        if len(claims) == lane.batch > 1:
            for kind in lane.kinds:  # there is more than one can do
                self._wake(kind)
        with self._keeper.holding(claims, most_seconds=lane.most_seconds):
            handle(self._runtime, self._parser, claims)
        if Kind.ROUTE in lane.kinds:
            self._wake(Kind.SEND)  # routing queues acknowledgements
            self._step_back()
        return len(claims)

    def _step_back(self) -> None:
        if self._door_is_busy.is_set():
            self._door_is_busy.clear()
            self._stopping.wait(COURTESY_SECONDS)


def _listener_of(runtime: Runtime, heard: Callable[[str], None]) -> HintListener | None:
    own = runtime.database.engine.url.render_as_string(hide_password=False)
    url = runtime.settings.listen_database_url or own
    return HintListener(url, heard) if url.startswith("postgresql") else None


def work_off(runtime: Runtime, parser: Parser) -> int:
    """Do all work that is due now and what it leads to, in this thread; give how much it was."""
    finished = 0
    while done := sum(_work_off(runtime, parser, lane) for lane in LANES):
        finished += done
    return finished


def _work_off(runtime: Runtime, parser: Parser, lane: Lane) -> int:
    finished = 0
    while claims := claim_work(
        runtime, lane.kinds, limit=lane.batch, lease_seconds=lane.most_seconds
    ):
        handle(runtime, parser, claims)
        finished += len(claims)
    return finished
