"""Hints that there is work: PostgreSQL's NOTIFY, which nobody may rely on.

A hint is lost when nobody listens, and does not pass a pooler; workers look for work by themselves
as well. A transaction gives one for each kind of work that it asks for, because PostgreSQL commits
transactions that notify one after the other.
"""

import threading
from collections.abc import Callable

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.engine import CONNECTION_MANNERS, is_behind_pooler
from supportdesk.errors import SettingsError

_CHANNEL = "supportdesk_work"
_GIVEN = "hints_given"
_LOOK_UP_SECONDS = 1.0

_NOTIFY = sa.select(sa.func.pg_notify(_CHANNEL, sa.bindparam("kind")))


def hint(session: Session, kind: str) -> None:
    """Have those who listen hear, once this transaction commits, that there is work of a kind."""
    given: set[str] = session.info.setdefault(_GIVEN, set())
    if session.get_bind().dialect.name == "postgresql" and kind not in given:
        given.add(kind)
        session.connection().execute(_NOTIFY, {"kind": kind})


def listen(url: str, heard: Callable[[str], None], is_over: threading.Event) -> None:
    """Call `heard` with the kind of work that every hint names until `is_over`.

    Raises:
        SettingsError: the address is that of a pooler, where nothing can be heard.
        psycopg.Error: the connection broke.
    """
    address = sa.make_url(url).set(drivername="postgresql")
    plain = address.render_as_string(hide_password=False)
    manners = CONNECTION_MANNERS | {"application_name": "supportdesk listener"}
    with psycopg.connect(plain, autocommit=True, **manners) as connection:  # type: ignore[arg-type]
        if is_behind_pooler(connection):
            raise SettingsError(
                "There is a pooler before the database, and hints do not pass it: workers look for"
                " work every second. Set listen_database_url to the address of PostgreSQL itself"
                " to have them told at once."
            )
        connection.execute(f"LISTEN {_CHANNEL}")
        while not is_over.is_set():
            for notice in connection.notifies(timeout=_LOOK_UP_SECONDS, stop_after=1):
                heard(notice.payload)
