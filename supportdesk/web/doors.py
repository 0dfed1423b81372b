"""Logging in and out, and what everybody sets for herself: language and availability."""

from flask import Blueprint, make_response, redirect, request, session
from flask.typing import ResponseReturnValue

from supportdesk.actions.log_in import TooManyAttempts, WrongLogIn, log_in
from supportdesk.actions.log_out import log_out
from supportdesk.web.context import logged_in, runtime
from supportdesk.web.forms import text_of
from supportdesk.web.gate import TOKEN, for_everybody, own_path
from supportdesk.web.shell import render_page

doors = Blueprint("doors", __name__)


@doors.get("/log-in")
@for_everybody
def show_log_in() -> ResponseReturnValue:
    """Show the door."""
    if logged_in() is not None:
        return redirect("/")
    return render_page("log_in.html", wanted=own_path(request.args.get("next")) or "")


@doors.post("/log-in")
@for_everybody
def enter() -> ResponseReturnValue:
    """Let a member of staff in, with a session of its own and nothing of the visitor's."""
    username, password = text_of("username", most=300), text_of("password", most=1000)
    wanted = own_path(request.form.get("next"))
    try:
        token = log_in(
            runtime(),
            username=username,
            password=password,
            address=request.remote_addr or "",
            user_agent=request.user_agent.string,
        )
    except WrongLogIn:
        page = render_page("log_in.html", wanted=wanted or "", username=username, is_wrong=True)
        return make_response(page, 401)
    except TooManyAttempts as error:
        page = render_page("log_in.html", wanted=wanted or "", username=username, is_throttled=True)
        return make_response(page, 429, {"Retry-After": str(error.retry_after_seconds)})
    session.clear()
    session[TOKEN] = token
    return redirect(wanted or "/")


@doors.post("/log-out")
@for_everybody
def leave() -> ResponseReturnValue:
    """End the session for good: its cookie opens nothing any more."""
    token = session.get(TOKEN)
    if token:
        log_out(runtime(), token=token)
    session.clear()
    return redirect("/log-in")
