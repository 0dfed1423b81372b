"""Addresses that get no automatic mail: looked at, and written to again."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from supportdesk.actions.suppressions import lift_suppression
from supportdesk.db.queries.menu import QUARANTINE
from supportdesk.db.queries.suppressions import list_suppressed
from supportdesk.db.queries.viewers import Viewer
from supportdesk.web.context import reading, runtime, viewer
from supportdesk.web.gate import for_those, own_path
from supportdesk.web.shell import render_page

suppressions = Blueprint("suppressions", __name__, url_prefix="/suppressed")


def _sees_everything(viewer: Viewer) -> bool:
    return viewer.sees_all_tickets


@suppressions.get("")
@for_those(_sees_everything)
def show_list() -> ResponseReturnValue:
    """Show the addresses, the newest first."""
    return render_page("suppressions.html", menu=QUARANTINE, rows=list_suppressed(reading()))


@suppressions.post("/<int:suppression_id>/lift")
@for_those(_sees_everything)
def lift(suppression_id: int) -> ResponseReturnValue:
    """Let machines write to an address again."""
    address = lift_suppression(runtime(), viewer(), suppression_id)
    flash(_("%(address)s gets automatic mail again.", address=address))
    return redirect(own_path(request.form.get("back")) or url_for("suppressions.show_list"), 303)
