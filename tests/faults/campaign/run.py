"""A campaign: one phase a fault, then one in which anything may happen, and a verdict for each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from supportdesk.clock import system_clock
from tests.faults.campaign.faults import FAULTS, Fault
from tests.faults.campaign.installation import Installation, installed
from tests.faults.campaign.judge import Verdict, judge, mark
from tests.faults.campaign.load import Agent, Customers
from tests.faults.campaign.migrations import kill_migrations
from tests.faults.campaign.requests import Request, draw_requests

_DRAIN_SECONDS = 240.0
_TRIES = 3  # an injection finds nothing to break now and then


CLOCK_CHANGES = (
    datetime(2027, 3, 28, 1, 0, tzinfo=UTC),
    datetime(2027, 10, 31, 1, 0, tzinfo=UTC),
)
"""When clocks in Prague are put on and back; the second repeats an hour."""

_SECONDS_BEFORE = 6  # as long as an installation takes to start


@dataclass(frozen=True, slots=True)
class Phase:
    """So many injections, each while so many requests come in. Several faults are drawn from."""

    name: str
    faults: tuple[Fault, ...]
    injections: int
    requests: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a phase did and what came of it."""

    phase: Phase
    database: str
    injected: int
    kills: int
    verdict: Verdict
    seconds: float


def phases(kind: str, *, injections: int, mixed: int, requests: int) -> list[Phase]:
    """Give the phases of a campaign on a kind of database."""
    here = tuple(fault for fault in FAULTS if kind in fault.databases)
    each = [Phase(one.name, (one,), injections, requests) for one in here]
    return [*each, Phase("anything, at random", here, mixed, requests)]


def _let_pass(_target: Installation, _chance: Random) -> int:
    time.sleep(4)
    return 0


_CHANGES = "the hour of a clock change"
_LET_PASS = Fault(_CHANGES, _let_pass)


def run_campaign(
    kind: str, planned: Sequence[Phase], chance: Random, told: Callable[[Result], None]
) -> list[Result]:
    """Run phases one after the other on one installation, and tell of each when it is over."""
    results = []
    with installed(kind) as target:
        for phase in planned:
            result = run_phase(target, kind, phase, chance)
            told(result)
            results.append(result)
        ended = target.stop()
        assert set(ended.values()) == {0}, ended
        result = _migrate(target, kind, planned[0].injections, chance)
        told(result)
    return [*results, result]


def run_clock_changes(
    requests: int, chance: Random, told: Callable[[Result], None]
) -> list[Result]:
    """Run through the hours in which summer time begins and ends; where the clock is our own."""
    results = []
    for change in CLOCK_CHANGES:
        offset = change - system_clock() - timedelta(seconds=_SECONDS_BEFORE)
        with installed("sqlite", offset_seconds=round(offset.total_seconds())) as target:
            phase = Phase(_CHANGES, (_LET_PASS,), 3, requests)
            results.append(run_phase(target, "sqlite", phase, chance))
            told(results[-1])
    return results


def _migrate(target: Installation, kind: str, kills: int, chance: Random) -> Result:
    began = time.monotonic()
    hit, verdict = kill_migrations(target, kills, chance)
    phase = Phase("kill -9 a migration", (), kills, 0)
    return Result(phase, kind, hit, hit, verdict, time.monotonic() - began)


def run_phase(target: Installation, kind: str, phase: Phase, chance: Random) -> Result:
    """Let people write while things break, wait until everything is quiet, and judge."""
    began = time.monotonic()
    since = mark(target)
    customers, agent = Customers(target), Agent(target)
    customers.start()
    agent.start()
    written, broken = _break_things(target, phase, customers, chance)
    target.start()
    heal(target)
    was_heard = customers.finish(_DRAIN_SECONDS)
    agent.finish()
    is_quiet = _wait_until_quiet(target)
    verdict = judge(
        target,
        since,
        [one for one in written if one.key in customers.accepted],
        agent.answered,
        allowed=sum(repeats for _, repeats in broken),
        may_fail=any(fault.may_fail for fault in phase.faults),
        may_hold=any(fault.may_hold for fault in phase.faults),
    )
    verdict.other += agent.refusals
    if not was_heard:
        verdict.other.append(f"only {len(customers.accepted)} of {len(written)} were accepted")
    if not is_quiet:
        verdict.other.append(f"{target.waiting_work()} pieces of work are left")
    kills = sum(fault.is_kill for fault, _ in broken)
    return Result(phase, kind, len(broken), kills, verdict, time.monotonic() - began)


def _break_things(
    target: Installation, phase: Phase, customers: Customers, chance: Random
) -> tuple[list[Request], list[tuple[Fault, int]]]:
    """Give what was written meanwhile, and which faults came to pass with what they allow."""
    written: list[Request] = []
    broken: list[tuple[Fault, int]] = []
    deck: list[Fault] = []

    def write(count: int) -> None:
        burst = draw_requests(count, chance)
        written.extend(burst)
        customers.write(burst)

    target.have_somebody_write = lambda: write(1)
    target.has_answered_all = lambda: (
        len(customers.accepted) == len(written)
        and target.has_fetched_all()
        and not target.waiting_work()
    )
    for _ in range(phase.injections * _TRIES):
        write(phase.requests)
        time.sleep(chance.uniform(0, 0.6))
        target.start_dead()
        deck = deck or chance.sample(phase.faults, len(phase.faults))
        repeats = deck[-1].inject(target, chance)
        if repeats is not None:
            broken.append((deck.pop(), repeats))
        target.start_dead()
        if len(broken) == phase.injections:
            break
    return written, broken


def heal(target: Installation) -> None:
    """End every fault that lasts."""
    target.relay.work()
    target.imap_line.work()
    for role in target.services:
        target.set_clock(role, 0)


def _wait_until_quiet(target: Installation) -> bool:
    """Wait until all mail is fetched, routed and answered; processes that die are started again."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    quiet_since = None
    while time.monotonic() < deadline:
        target.start_dead()
        now = time.monotonic()
        if target.waiting_work() or not target.has_fetched_all():
            quiet_since = None
        elif quiet_since is None:
            quiet_since = now
        elif now - quiet_since > 0.5:
            return True
        time.sleep(0.1)
    return False
