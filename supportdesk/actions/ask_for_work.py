"""Asking for a scheduled piece of work: once for its slot, and never beside itself."""

from typing import Any

from supportdesk.actions.runtime import Runtime
from supportdesk.db.work import Kind, enqueue, is_asked_for

_ATTEMPTS = 3
"""A scheduled job that fails comes again by itself in a later slot."""


def ask_for_work(
    runtime: Runtime, kind: Kind, payload: dict[str, Any], *, name: str, slot: str
) -> bool:
    """Ask for work unless somebody asked for it in this slot, or it is not yet done: then False.

    Work that takes longer than its slot would otherwise pile up: one mailbox that hangs would soon
    keep every thread busy.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        if is_asked_for(session, name):
            return False
        enqueue(
            session,
            kind,
            payload,
            now=now,
            max_attempts=_ATTEMPTS,
            dedupe_key=f"{name}:{slot}",
        )
        return True
