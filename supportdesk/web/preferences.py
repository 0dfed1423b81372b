"""What everybody sets for herself: language, availability and her password."""

from flask import Blueprint, flash, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from supportdesk.actions.availability import set_status
from supportdesk.actions.set_language import set_language
from supportdesk.actions.set_password import set_password
from supportdesk.errors import InvalidInput, NotAllowed
from supportdesk.routing.facts import AgentStatus
from supportdesk.web.context import logged_in, runtime, viewer
from supportdesk.web.errors import status_of
from supportdesk.web.forms import choice_of, text_of
from supportdesk.web.gate import for_everybody, for_staff, own_path
from supportdesk.web.language import COOKIE, LANGUAGES
from supportdesk.web.refusals import told
from supportdesk.web.shell import render_page

preferences = Blueprint("preferences", __name__)
_YEAR = 365 * 24 * 3600


@preferences.post("/language")
@for_everybody
def choose_language() -> ResponseReturnValue:
    """Speak Czech or English from now on: with the account, or with the visitor's browser."""
    chosen = text_of("language")
    if chosen not in LANGUAGES:
        raise InvalidInput(
            "The language {language!r} is unknown; use cs or en.", language=chosen[:40]
        )
    found = logged_in()
    if found is not None:
        set_language(runtime(), found.viewer, chosen)
    response = redirect(_back(), 303)
    response.set_cookie(
        COOKIE,
        chosen,
        max_age=_YEAR,
        httponly=True,
        samesite="Lax",
        secure=runtime().settings.public_url.startswith("https:"),
    )
    return response


@preferences.post("/status")
@for_staff
def choose_status() -> ResponseReturnValue:
    """Be available or away from now on."""
    set_status(runtime(), viewer(), choice_of("status", AgentStatus))
    return redirect(_back(), 303)


@preferences.get("/password")
@for_staff
def show_password() -> ResponseReturnValue:
    """Show the form for a new password."""
    return render_page("password.html")


@preferences.post("/password")
@for_staff
def change_password() -> ResponseReturnValue:
    """Change one's own password; every session ends, this one as well."""
    try:
        set_password(
            runtime(),
            viewer(),
            viewer().agent_id,
            text_of("password", most=1000),
            current_password=text_of("current_password", most=1000),
        )
    except (InvalidInput, NotAllowed) as error:
        return make_response(render_page("password.html", problem=told(error)), status_of(error))
    session.clear()
    flash(_("The password was changed. Log in with the new one."))
    return redirect(url_for("doors.show_log_in"), 303)


def _back() -> str:
    return own_path(request.form.get("back")) or "/"
