"""The morning: what others did in the meantime, acknowledged one by one."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from supportdesk.actions.acknowledge_hand_over import acknowledge_hand_over
from supportdesk.db.queries.hand_overs import list_hand_overs, may_acknowledge
from supportdesk.db.queries.menu import HAND_OVERS
from supportdesk.db.queries.viewers import Viewer
from supportdesk.web.context import reading, runtime, viewer
from supportdesk.web.gate import for_those
from supportdesk.web.shell import render_page

hand_overs = Blueprint("hand_overs", __name__)


def _works(viewer: Viewer) -> bool:
    return viewer.works_on_tickets


@hand_overs.get("/hand-overs")
@for_those(_works)
def show_list() -> ResponseReturnValue:
    """Show what waits to be acknowledged, urgent first."""
    rows = list_hand_overs(reading(), viewer())
    return render_page(
        "hand_overs.html",
        menu=HAND_OVERS,
        rows=[(row, may_acknowledge(viewer(), row), _told(row.summary)) for row in rows],
    )


@hand_overs.post("/hand-overs/<int:hand_over_id>/acknowledge")
@for_those(_works)
def acknowledge(hand_over_id: int) -> ResponseReturnValue:
    """Confirm that one knows; the list comes back without it."""
    acknowledge_hand_over(runtime(), viewer(), hand_over_id)
    flash(_("Acknowledged."))
    return redirect(url_for("hand_overs.show_list"), 303)


def _told(summary: dict[str, Any]) -> str:
    """Tell what was written in the meantime, and by whom."""
    received, replies, notes = (summary.get(key, 0) for key in ("received", "replies", "notes"))
    parts = (
        ngettext("%(num)s message came", "%(num)s messages came", received) if received else "",
        ngettext("%(num)s reply went out", "%(num)s replies went out", replies) if replies else "",
        ngettext("%(num)s note", "%(num)s notes", notes) if notes else "",
    )
    told = ", ".join(filter(None, parts))
    names = ", ".join(summary.get("agents", ()))
    return f"{told} ({names})" if told and names else told
