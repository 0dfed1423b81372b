"""A process tells that it lives, and how the machine is that it runs on."""

import sqlalchemy as sa

from supportdesk import __version__
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.watch import free_percent
from supportdesk.db.models import Heartbeat


def note_alive(runtime: Runtime, *, name: str, host: str) -> None:
    """Note that the process `name` on the machine `host` lives."""
    detail = {
        "host": host,
        "version": __version__,
        "free_percent": round(free_percent(runtime.settings.data_dir), 1),
    }
    with runtime.database.write() as session:
        session.merge(Heartbeat(name=name, seen_at=runtime.clock(), detail=detail))


def note_end(runtime: Runtime, *, name: str) -> None:
    """Note that a process ended as it should: nobody has to look where it went."""
    with runtime.database.write() as session:
        session.execute(sa.delete(Heartbeat).where(Heartbeat.name == name))
