"""A short campaign on each database, and the proof that it would see a broken promise.

`make faults` runs the long one.
"""

import random

import pytest
import sqlalchemy as sa

from supportdesk.db.models import Receipt, ReceiptState, Work, WorkState
from supportdesk.db.work import Kind
from tests.faults.campaign.faults import FAULTS, Fault, freeze_sender, kill_everything, kill_intake
from tests.faults.campaign.installation import Installation, installed
from tests.faults.campaign.run import Phase, run_campaign, run_phase
from tests.waiting import until

SEED = 20261122


def chance() -> random.Random:
    return random.Random(SEED)  # noqa: S311 - repeatable, not secret


@pytest.mark.server
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_fault_once_in_random_order_loses_and_doubles_nothing(kind: str) -> None:
    here = tuple(fault for fault in FAULTS if kind in fault.databases)
    (result, *_) = run_campaign(kind, [Phase("each once", here, len(here), 4)], chance(), print)
    assert result.verdict.problems == []
    assert result.injected == len(here)


def kill_in_the_gap(target: Installation, chance: random.Random) -> int:
    """Kill everything while work is marked done whose effect is not there."""

    def is_there_a_gap() -> bool:
        with target.runtime.database.read() as session:
            finished = sa.select(sa.func.count()).where(
                Work.kind == Kind.ROUTE, Work.state == WorkState.DONE
            )
            understood = sa.select(sa.func.count()).where(Receipt.state != ReceiptState.RECEIVED)
            return (session.scalar(finished) or 0) > (session.scalar(understood) or 0)

    target.have_somebody_write()
    until(is_there_a_gap, "work is finished before it is done")
    return kill_everything(target, chance)


BUSY = Fault("nothing but work", lambda _target, _chance: 0)

CONTROLS = {
    "acknowledge-first": Fault("kill -9 the intake", kill_intake),
    "finish-first": Fault("kill -9 everything", kill_in_the_gap),
    "naive-claim": BUSY,
    "no-fence": Fault("a frozen sender", freeze_sender),
}


@pytest.mark.server
@pytest.mark.parametrize("sabotage", CONTROLS)
def test_a_service_that_breaks_its_promise_is_caught(sabotage: str) -> None:
    with installed("sqlite", sabotage=sabotage) as target:
        phase = Phase(sabotage, (CONTROLS[sabotage],), 2, 12)
        assert run_phase(target, "sqlite", phase, chance()).verdict.problems != []
