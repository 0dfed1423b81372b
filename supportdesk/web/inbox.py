"""The lists of tickets."""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from supportdesk.db.queries.ticket_list import Cursor, View, list_tickets, views_of
from supportdesk.errors import InvalidInput, NotFound
from supportdesk.web.context import logged_in, reading, viewer
from supportdesk.web.forms import is_number
from supportdesk.web.gate import for_staff
from supportdesk.web.shell import render_page

inbox = Blueprint("inbox", __name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@inbox.get("/")
@for_staff
def go_home() -> ResponseReturnValue:
    """Lead everybody to where her work begins."""
    found = logged_in()
    if found and not found.viewer.sees_content:
        if found.viewer.is_administrator:
            return redirect(url_for("agents.show_list"))
        raise NotFound("Your account belongs to no desk yet; ask an administrator.")
    return redirect(url_for("inbox.show_view", view=views_of(viewer())[0]))


@inbox.get("/inbox/<view>")
def show_view(view: str) -> ResponseReturnValue:
    """Show one page of a list."""
    chosen = _view(view)
    after = read_cursor(request.args.get("after"))
    page = list_tickets(reading(), viewer(), chosen, after)
    return render_page(
        "inbox.html",
        menu=chosen,
        view=chosen,
        page=page,
        next_cursor=write_cursor(page.after),
        is_first=after is None,
    )


def read_cursor(raw: str | None) -> Cursor | None:
    """Read where the next page begins; a cursor that we did not write is refused."""
    if not raw:
        return None
    try:
        micros, ticket_id = (int(part) if is_number(part) else -1 for part in raw.split("-"))
        if min(micros, ticket_id) < 0:
            raise ValueError("not two numbers")
        return Cursor(_EPOCH + timedelta(microseconds=micros), ticket_id)
    except (ValueError, OverflowError):
        raise InvalidInput(
            "The address of the next page is damaged; start again from the first page."
        ) from None


def write_cursor(cursor: Cursor | None) -> str | None:
    """Write a cursor for an address, exact to the microsecond."""
    if cursor is None:
        return None
    micros = (cursor.last_message_at - _EPOCH) // timedelta(microseconds=1)
    return f"{micros}-{cursor.ticket_id}"


def _view(name: str) -> View:
    try:
        chosen = View(name)
    except ValueError:
        raise NotFound("There is no view {view!r}.", view=name[:40]) from None
    if chosen not in views_of(viewer()):
        raise NotFound("That view is for another desk.")
    return chosen
