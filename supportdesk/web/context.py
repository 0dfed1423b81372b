"""What a view needs of the request: the runtime, the read session, who asks and the present."""

from contextlib import ExitStack
from datetime import datetime

from flask import Flask, current_app, g
from sqlalchemy.orm import Session

from supportdesk.actions.runtime import Runtime
from supportdesk.db.queries.log_ins import LoggedIn
from supportdesk.db.queries.viewers import Viewer

RUNTIME = "supportdesk"


def runtime() -> Runtime:
    """Give the running service's parts."""
    found: Runtime = current_app.extensions[RUNTIME]
    return found


def reading() -> Session:
    """Give the request's read session; it ends with the request."""
    if "reading" not in g:
        g.reading_ends = ExitStack()
        g.reading = g.reading_ends.enter_context(runtime().database.read())
    session: Session = g.reading
    return session


def stop_reading() -> None:
    """Let go of what was read, before an action writes; reading again begins anew."""
    if g.pop("reading", None) is not None:
        g.pop("reading_ends").close()


def end_readings(app: Flask) -> None:
    """Have the read session of every request of `app` end with it."""
    app.teardown_appcontext(lambda _error: stop_reading())


def now() -> datetime:
    """Give the instant of the request, the same for all of it."""
    if "now" not in g:
        g.now = runtime().clock()
    instant: datetime = g.now
    return instant


def logged_in() -> LoggedIn | None:
    """Give who is logged in, None for a visitor."""
    found: LoggedIn | None = g.get("logged_in")
    return found


def viewer() -> Viewer:
    """Give who asks; only for views that visitors do not reach."""
    found = logged_in()
    if found is None:
        raise LookupError("A view for visitors asked who is logged in.")
    return found.viewer
