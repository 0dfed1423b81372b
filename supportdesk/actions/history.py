"""What is written down of everything that people do: events of tickets and the audit log.

These functions run inside the caller's transaction.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from supportdesk.db.models import AuditEntry, Event
from supportdesk.db.queries.viewers import Viewer
from supportdesk.tickets import EventKind

SYSTEM = "system"
"""The actor of what nobody in particular did."""


def record_event(
    session: Session,
    kind: EventKind,
    *,
    ticket_id: int | None,
    at: datetime,
    agent_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Write down what happened to a ticket; `agent_id` is None when nobody of ours did it."""
    session.add(Event(ticket_id=ticket_id, kind=kind, at=at, agent_id=agent_id, data=data or {}))


def record_audit(
    session: Session,
    action: str,
    *,
    actor: str,
    at: datetime,
    subject: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write a line of the audit log; `subject` names the thing, such as "agent:7"."""
    session.add(AuditEntry(at=at, actor=actor, action=action, object=subject, detail=detail or {}))


def actor_of(viewer: Viewer | None) -> str:
    """Name the actor for the audit log; None is whoever runs the command line."""
    return SYSTEM if viewer is None else f"agent:{viewer.agent_id}"
