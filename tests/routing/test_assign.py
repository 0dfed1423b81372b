"""Which assistant of the pool is next."""

from dataclasses import replace
from datetime import timedelta

import pytest

from supportdesk.routing.assign import Assistant, in_order, next_assistant
from tests.routing.cast import THURSDAY_NOON

ADA = Assistant(1, "Ada", experience=2, open_tickets=3, idle_since=THURSDAY_NOON)
EARLIER = THURSDAY_NOON - timedelta(hours=1)


@pytest.mark.parametrize(
    ("better", "reason"),
    [
        (replace(ADA, id=2, experience=3, open_tickets=9), "more experience"),
        (replace(ADA, id=2, open_tickets=2), "fewer open tickets"),
        (replace(ADA, id=2, idle_since=EARLIER), "longer idle"),
        (replace(ADA, id=2, idle_since=None), "no work yet"),
        (replace(ADA, id=0), "the lower identifier"),
    ],
)
def test_the_better_placed_assistant_is_next(better: Assistant, reason: str) -> None:
    assert next_assistant([ADA, better]) == better, reason
    assert in_order([ADA, better]) == [better, ADA]


def test_unavailable_assistants_are_left_out_however_experienced() -> None:
    expert = replace(ADA, id=2, experience=9, is_available=False)
    assert in_order([expert, ADA]) == [ADA]
    assert next_assistant([expert]) is None
