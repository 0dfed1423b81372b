"""A short campaign on each database, and the proof that it would see a broken promise.

`make faults` runs the long one.
"""

import random

import pytest

from tests.faults.campaign.faults import FAULTS, Fault, freeze_sender, kill_everything, kill_intake
from tests.faults.campaign.installation import installed
from tests.faults.campaign.run import Phase, run_campaign, run_phase

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


BUSY = Fault("nothing but work", lambda _target, _chance: 0)

CONTROLS = {
    "acknowledge-first": Fault("kill -9 the intake", kill_intake),
    "finish-first": Fault("kill -9 everything", kill_everything),
    "naive-claim": BUSY,
    "no-fence": Fault("a frozen sender", freeze_sender),
}


@pytest.mark.server
@pytest.mark.parametrize("sabotage", CONTROLS)
def test_a_service_that_breaks_its_promise_is_caught(sabotage: str) -> None:
    with installed("sqlite", sabotage=sabotage) as target:
        phase = Phase(sabotage, (CONTROLS[sabotage],), 2, 12)
        assert run_phase(target, "sqlite", phase, chance()).verdict.problems != []
