"""The mail sandbox of a demo: what was sent to customers, and answering it in their place."""

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from supportdesk.actions.answer_sandbox_mail import (
    SandboxMail,
    answer_sandbox_mail,
    open_sandbox_mail,
)
from supportdesk.actions.keys import THREADS, key_for
from supportdesk.channels.email.sandbox import kept_mails
from supportdesk.channels.email.sanitise import sanitise
from supportdesk.channels.email.tokens import read_message_id
from supportdesk.errors import InvalidInput, NotFound
from supportdesk.web.context import runtime, stop_reading
from supportdesk.web.forms import text_of
from supportdesk.web.refusals import told
from supportdesk.web.security import MAIL_POLICY
from supportdesk.web.shell import render_page

sandbox = Blueprint("sandbox", __name__, url_prefix="/sandbox")

SANDBOX = "sandbox"
MOST = 200


@sandbox.before_request
def only_with_sandbox() -> None:
    """Hide all of it where mail is really sent."""
    if not runtime().settings.mail_sandbox:
        raise NotFound("This service has no mail sandbox.")


@sandbox.get("")
def show_list() -> ResponseReturnValue:
    """Show what was sent, the newest first."""
    rows = kept_mails(runtime().settings.sandbox_folder, most=MOST)
    return render_page("sandbox/list.html", menu=SANDBOX, rows=rows)


@sandbox.get("/<name>")
def show(name: str) -> ResponseReturnValue:
    """Show one mail as its recipient sees it."""
    return _render(open_sandbox_mail(runtime(), name))


@sandbox.get("/<name>/html")
def show_html(name: str) -> ResponseReturnValue:
    """Give a mail's HTML for its frame, made harmless."""
    found = open_sandbox_mail(runtime(), name)
    body = Markup(sanitise(found.message.html))  # noqa: S704 - sanitised here
    response = Response(render_template("mail_frame.html", body=body))
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@sandbox.post("/<name>/answer")
def answer(name: str) -> ResponseReturnValue:
    """Answer in the place of one of its recipients."""
    found = open_sandbox_mail(runtime(), name)
    sender, text = text_of("sender", most=400), text_of("text")
    stop_reading()
    try:
        answer_sandbox_mail(runtime(), name, sender=sender, text=text)
    except InvalidInput as error:
        return make_response(_render(found, text=text, problem=told(error)), 422)
    flash(_("The customer's answer was delivered; its ticket shows it in a moment."))
    return redirect(url_for("sandbox.show", name=name), 303)


def _render(found: SandboxMail, *, text: str = "", problem: str = "") -> str:
    key = key_for(runtime().secret_key, THREADS)
    return render_page(
        "sandbox/mail.html",
        menu=SANDBOX,
        mail=found.message,
        kept=found.kept,
        answer_to=found.answer_to,
        ticket_id=read_message_id(found.message.message_id or "", key),
        text=text,
        problem=problem,
    )
