"""Ticket states: what may follow what."""

from itertools import product

import pytest

from supportdesk.tickets import ACTIVE_STATES, State, after_customer_message, may_become

ALLOWED = {
    State.NEW: "open waiting_customer waiting_internal resolved",
    State.OPEN: "waiting_customer waiting_internal resolved",
    State.WAITING_CUSTOMER: "open waiting_internal resolved",
    State.WAITING_INTERNAL: "open waiting_customer resolved",
    State.RESOLVED: "open closed",
    State.CLOSED: "",
}


@pytest.mark.parametrize(("current", "wanted"), list(product(State, State)))
def test_ticket_moves_only_as_the_table_says(current: State, wanted: State) -> None:
    assert may_become(current, wanted) == (wanted in ALLOWED[current].split())


@pytest.mark.parametrize(
    ("current", "next_state"),
    [
        (State.NEW, State.NEW),  # nobody has looked at it yet
        (State.OPEN, State.OPEN),
        (State.WAITING_CUSTOMER, State.OPEN),  # the answer we waited for
        (State.WAITING_INTERNAL, State.OPEN),
        (State.RESOLVED, State.OPEN),  # reopened
        (State.CLOSED, None),  # a new, linked ticket
    ],
)
def test_customer_message_leads_to(current: State, next_state: State | None) -> None:
    assert after_customer_message(current) == next_state


def test_what_a_customer_message_does_is_a_move_that_the_table_allows() -> None:
    for current in State:
        next_state = after_customer_message(current)
        assert next_state in {None, current} or may_become(current, State(next_state or ""))


def test_everything_is_active_until_it_is_resolved() -> None:
    assert set(State) - ACTIVE_STATES == {State.RESOLVED, State.CLOSED}
