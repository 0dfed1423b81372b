"""Asking for a scheduled piece of work, never beside itself."""

from typing import Any

from supportdesk.actions.runtime import Runtime
from supportdesk.db.work import Kind, enqueue_alone

_ATTEMPTS = 3
"""A scheduled job that fails comes again by itself."""


def ask_for_work(runtime: Runtime, kind: Kind, payload: dict[str, Any], *, name: str) -> bool:
    """Ask for work of this name unless some waits or is being done: then False.

    It would otherwise pile up: one mailbox that hangs would soon keep every thread busy.
    """
    with runtime.database.write() as session:
        return enqueue_alone(
            session, kind, payload, name=name, now=runtime.clock(), max_attempts=_ATTEMPTS
        )
