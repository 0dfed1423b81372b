"""How the service itself goes, for those who look after it."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from supportdesk.db.queries.operations import list_alarms
from supportdesk.db.queries.viewers import Viewer
from supportdesk.web.context import reading
from supportdesk.web.gate import for_those
from supportdesk.web.shell import OPERATIONS, render_page

operations = Blueprint(OPERATIONS, __name__, url_prefix="/operations")


def _looks_after_service(viewer: Viewer) -> bool:
    return viewer.looks_after_service


@operations.get("")
@for_those(_looks_after_service)
def show_list() -> ResponseReturnValue:
    """Show what is wrong now, and what was."""
    lasting, past = list_alarms(reading())
    return render_page("operations.html", menu=OPERATIONS, lasting=lasting, past=past)
