"""Whether the service lives, and whether it is ready for work."""

import tempfile

import sqlalchemy as sa
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from supportdesk.actions.watch import LEAST_FREE_PERCENT, free_percent
from supportdesk.db.migrate import schema_problem
from supportdesk.db.queries.operations import watched_at
from supportdesk.errors import NotFound, SupportdeskError
from supportdesk.web.context import now, reading, runtime
from supportdesk.web.gate import for_everybody

health = Blueprint("health", __name__)

_NO_BLOB = "0" * 64

IS_DRAINING = "supportdesk.is_draining"


@health.get("/healthz")
@for_everybody
def live() -> ResponseReturnValue:
    """Tell that the process answers. The database is not asked: its hiccup must not restart us."""
    return jsonify(status="ok")


@health.get("/readyz")
@for_everybody
def ready() -> ResponseReturnValue:
    """Tell whether requests can be served; 503 names what is wrong.

    How long ago a worker last looked after the service is told as well; the web serves without one.
    """
    checks = {
        "draining": _draining(),
        "database": _database(),
        "data_dir": _data_dir(),
        "blobs": _blobs(),
        "disk": _disk(),
    }
    problems = {name: problem for name, problem in checks.items() if problem}
    if problems:
        return jsonify(status="not ready", problems=problems), 503
    return jsonify(status="ready", seconds_since_watch=_seconds_since_watch())


def _draining() -> str:
    return "is about to end; send nothing new" if current_app.extensions[IS_DRAINING]() else ""


def _blobs() -> str:
    try:
        runtime().blobs.get(_NO_BLOB)
    except NotFound:
        return ""  # it answers
    except (OSError, SupportdeskError) as error:
        return f"cannot be read: {type(error).__name__}"
    return ""


def _database() -> str:
    try:
        problem = schema_problem(runtime().database.engine)
    except sa.exc.SQLAlchemyError as error:
        return f"does not answer ({type(error).__name__})"
    return str(problem or "")


def _seconds_since_watch() -> int | None:
    last = watched_at(reading())
    return None if last is None else int((now() - last).total_seconds())


def _data_dir() -> str:
    folder = runtime().settings.data_dir
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"cannot be written to: {error.strerror}"


def _disk() -> str:
    try:
        free = free_percent(runtime().settings.data_dir)
    except OSError as error:
        return f"cannot be measured: {error.strerror}"
    return "" if free > LEAST_FREE_PERCENT else f"has only {free:.1f} % free"
