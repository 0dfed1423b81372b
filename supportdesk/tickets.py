"""Ticket states, desks and the transitions allowed between states. Pure."""

from enum import StrEnum


class State(StrEnum):
    """Where a ticket is in its life."""

    NEW = "new"
    OPEN = "open"
    WAITING_CUSTOMER = "waiting_customer"
    WAITING_INTERNAL = "waiting_internal"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Desk(StrEnum):
    """The team a ticket lies with now; the owner is a separate, lasting relationship."""

    CUSTOMER_CENTRE = "customer_centre"
    POOL = "pool"
    TDMS = "tdms"


class EventKind(StrEnum):
    """What can happen to a ticket; its history tells nothing else."""

    CREATED = "created"
    MESSAGE_RECEIVED = "message_received"
    DECIDED = "decided"
    REPLIED = "replied"
    ACKNOWLEDGED = "acknowledged"  # the customer was told that we have it
    SENT = "sent"
    SEND_FAILED = "send_failed"
    SENT_AGAIN = "sent_again"  # a person had a failed mail sent once more
    NOTE_ADDED = "note_added"
    ASSIGNED = "assigned"
    ESCALATED = "escalated"  # a person sent it to TDMS
    RETURNED = "returned"  # a person sent it back from TDMS
    OWNER_CHANGED = "owner_changed"
    STATE_CHANGED = "state_changed"
    TOPIC_CHANGED = "topic_changed"
    PRIORITY_CHANGED = "priority_changed"
    SENDER_IDENTIFIED = "sender_identified"
    HANDED_BACK = "handed_back"
    HAND_OVER_ACKNOWLEDGED = "hand_over_acknowledged"
    LINE_PROPOSED = "line_proposed"
    LINE_CONFIRMED = "line_confirmed"
    LINE_DISMISSED = "line_dismissed"
    LINE_CARRIED_OUT = "line_carried_out"
    LINE_HELD = "line_held"  # waits for the approval of somebody with the right role
    LINE_REFUSED = "line_refused"


ACTIVE_STATES = frozenset({State.NEW, State.OPEN, State.WAITING_CUSTOMER, State.WAITING_INTERNAL})

_WORKING = frozenset({State.OPEN, State.WAITING_CUSTOMER, State.WAITING_INTERNAL, State.RESOLVED})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.NEW: _WORKING,
    State.OPEN: _WORKING - {State.OPEN},
    State.WAITING_CUSTOMER: _WORKING - {State.WAITING_CUSTOMER},
    State.WAITING_INTERNAL: _WORKING - {State.WAITING_INTERNAL},
    State.RESOLVED: frozenset({State.OPEN, State.CLOSED}),
    State.CLOSED: frozenset(),
}


def may_become(current: State, wanted: State) -> bool:
    """Tell whether a ticket in `current` may be moved to `wanted`."""
    return wanted in TRANSITIONS[current]


def after_customer_message(current: State) -> State | None:
    """Give the state that a person's inbound message leads to.

    None means that the ticket takes no more messages: a new, linked ticket is opened.
    """
    match current:
        case State.CLOSED:
            return None
        case State.NEW:
            return State.NEW
        case State.OPEN | State.WAITING_CUSTOMER | State.WAITING_INTERNAL | State.RESOLVED:
            return State.OPEN
