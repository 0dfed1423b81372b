"""The gate in front of every view: who is logged in, and whether the view is for her.

Closed unless opened: a view without a mark of its own is for everybody who sees content.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote

from flask import Flask, current_app, g, redirect, request, session
from flask.typing import ResponseReturnValue

from supportdesk.actions.keep_session import how_often, keep_session
from supportdesk.actions.log_in import hash_of
from supportdesk.db.queries.log_ins import LoggedIn, find_logged_in
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import NotAllowed
from supportdesk.routing.calendar import local_date
from supportdesk.web.context import now, reading, runtime, stop_reading

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
Rule = Callable[[Viewer], bool]

TOKEN = "token"  # noqa: S105 - the key under which the cookie keeps it
PUBLIC_ENDPOINTS = {"static", "assets.icons", "assets.bootstrap"}

_RULE = "_supportdesk_rule"
# One slash and then neither a slash nor a backslash: browsers take both for another host.
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def for_everybody(view: View) -> View:
    """Open a view to visitors."""
    setattr(view, _RULE, None)
    return view


def for_staff(view: View) -> View:
    """Open a view to every member of staff, whatever her rights."""
    return _mark(view, lambda viewer: True)


def for_administrators(view: View) -> View:
    """Open a view to administrators only."""
    return _mark(view, lambda viewer: viewer.is_administrator)


def sees_content(viewer: Viewer) -> bool:
    """Tell whether the pages with customers' content are for the viewer; the rule of the rest."""
    return viewer.sees_content


def guard(app: Flask) -> None:
    """Put the gate in front of every view of `app`."""
    app.before_request(_let_pass)


def own_path(wanted: str | None) -> str | None:
    """Give the path to go to after log-in, None for what could lead to somebody else's site."""
    if wanted and len(wanted) <= 500 and _OWN_PATH.fullmatch(wanted):
        return wanted
    return None


def looks_after_service(viewer: Viewer) -> bool:
    """Let supervisors and administrators pass: they look after the service itself."""
    return viewer.looks_after_service


def for_those(rule: Rule) -> Callable[[View], View]:
    """Open a view to the members of staff whom the rule lets pass."""
    return lambda view: _mark(view, rule)


def _mark(view: View, rule: Rule) -> View:
    setattr(view, _RULE, rule)
    return view


def _let_pass() -> ResponseReturnValue | None:
    if request.endpoint in PUBLIC_ENDPOINTS:
        return None
    if request.endpoint is None:  # nothing here: the page that says so has the reader's menu
        g.logged_in = _find_logged_in()
        return None
    rule = getattr(current_app.view_functions[request.endpoint], _RULE, sees_content)
    if rule is None and request.blueprint == "health":
        return None  # asked by machines, also while the database is away
    g.logged_in = _find_logged_in()
    if rule is None:
        return None
    if g.logged_in is None:
        return _to_log_in()
    if not rule(g.logged_in.viewer):
        raise NotAllowed("This page is not for your account; ask an administrator for the right.")
    return None


def _find_logged_in() -> LoggedIn | None:
    token = session.get(TOKEN)
    if not token:
        return None
    settings = runtime().settings
    found = find_logged_in(
        reading(),
        hash_of(token),
        seen_after=now() - timedelta(minutes=settings.session_idle_minutes),
        created_after=now() - timedelta(hours=settings.session_hours),
        today=local_date(now()),
    )
    if found and now() - found.seen_at > how_often(runtime()):
        stop_reading()  # let go of the snapshot before writing
        keep_session(runtime(), found.session_id)
    return found


def _to_log_in() -> ResponseReturnValue:
    if request.method != "GET":
        return redirect("/log-in")
    wanted = own_path(request.full_path.rstrip("?"))
    return redirect(f"/log-in?next={quote(wanted)}" if wanted and wanted != "/" else "/log-in")
