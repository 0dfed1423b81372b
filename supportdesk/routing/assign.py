"""Which assistant of the pool gets the next request."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Assistant:
    """One assistant of the pool; `experience` is a level set by the supervisor, more is better.

    `idle_since` is the end of the last work; None when there was none yet.
    """

    id: int
    name: str
    experience: int
    open_tickets: int
    idle_since: datetime | None
    is_available: bool = True


def in_order(assistants: Iterable[Assistant]) -> list[Assistant]:
    """List who may get the next request, the first choice first; unavailable ones are left out.

    The most experienced, then the fewest open tickets, then the longest idle, then the identifier.
    """
    return sorted((a for a in assistants if a.is_available), key=_rank)


def next_assistant(assistants: Iterable[Assistant]) -> Assistant | None:
    """Choose who gets the next request; None when nobody is available."""
    return min((a for a in assistants if a.is_available), key=_rank, default=None)


def _rank(assistant: Assistant) -> tuple[int, int, datetime, int]:
    return (
        -assistant.experience,
        assistant.open_tickets,
        assistant.idle_since or _NEVER,
        assistant.id,
    )
