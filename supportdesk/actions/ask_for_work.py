"""Asking for a scheduled piece of work, once for its slot."""

from typing import Any

from supportdesk.actions.runtime import Runtime
from supportdesk.db.work import Kind, enqueue

_ATTEMPTS = 3
"""A scheduled job that fails comes again by itself in the next slot."""


def ask_for_work(runtime: Runtime, kind: Kind, payload: dict[str, Any], *, slot: str) -> None:
    """Ask for work unless somebody asked for it in this slot already."""
    now = runtime.clock()
    with runtime.database.write() as session:
        enqueue(session, kind, payload, now=now, max_attempts=_ATTEMPTS, dedupe_key=slot)
