"""What a view needs of the request: the runtime, the read session, who asks and the present."""

from datetime import datetime

from flask import current_app, g
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
    """Give the request's read session; it is rolled back when the request ends."""
    session: Session = current_app.extensions["sqlalchemy"].session
    return session


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
