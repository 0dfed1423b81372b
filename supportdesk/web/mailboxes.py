"""Setting up our mailboxes: their addresses, and where they are polled."""

from flask import Blueprint, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from supportdesk.actions.mailboxes import (
    SECURITY,
    TOPICS,
    MailboxDetails,
    save_mailbox,
    try_mailbox_now,
)
from supportdesk.actions.set_mailbox_grant import set_mailbox_grant
from supportdesk.channels.email.oauth import Grant
from supportdesk.db.queries.mailboxes import MailboxRow, find_mailbox, list_mailboxes
from supportdesk.errors import Conflict, InvalidInput, NotFound
from supportdesk.routing.facts import TopicKind
from supportdesk.web.context import reading, runtime, stop_reading, viewer
from supportdesk.web.errors import status_of
from supportdesk.web.forms import choice_of, number_of, text_of
from supportdesk.web.gate import for_administrators
from supportdesk.web.refusals import told
from supportdesk.web.shell import render_page

mailboxes = Blueprint("mailboxes", __name__, url_prefix="/settings/mailboxes")


@mailboxes.get("")
@for_administrators
def show_list() -> ResponseReturnValue:
    """Show all mailboxes and how their polling goes."""
    return render_page(
        "mailboxes.html",
        menu="mailboxes",
        rows=list_mailboxes(reading()),
        poll_seconds=runtime().settings.imap_poll_seconds,
    )


@mailboxes.get("/new")
@for_administrators
def show_new() -> ResponseReturnValue:
    """Show the empty form."""
    return _form(None, MailboxDetails(""))


@mailboxes.post("/new")
@for_administrators
def create() -> ResponseReturnValue:
    """Add a mailbox."""
    return _save(None)


@mailboxes.get("/<int:mailbox_id>")
@for_administrators
def show(mailbox_id: int) -> ResponseReturnValue:
    """Show one mailbox."""
    found = _found(mailbox_id)
    return _form(found, _stored(found))


@mailboxes.post("/<int:mailbox_id>/poll")
@for_administrators
def poll_now(mailbox_id: int) -> ResponseReturnValue:
    """Read a mailbox at once, however long it was to be left alone."""
    try_mailbox_now(runtime(), viewer(), mailbox_id)
    flash(_("The mailbox is being read now; how it went stands here in a moment."))
    return redirect(url_for("mailboxes.show_list"), 303)


@mailboxes.post("/<int:mailbox_id>")
@for_administrators
def change(mailbox_id: int) -> ResponseReturnValue:
    """Change a mailbox; an empty password keeps the stored one."""
    return _save(_found(mailbox_id))


@mailboxes.post("/<int:mailbox_id>/oauth")
@for_administrators
def change_grant(mailbox_id: int) -> ResponseReturnValue:
    """Have a mailbox polled with OAuth 2 tokens."""
    found = _found(mailbox_id)
    stop_reading()
    try:
        set_mailbox_grant(
            runtime(),
            viewer(),
            found.address,
            Grant(
                token_url=text_of("token_url", most=2000).strip(),
                client_id=text_of("client_id", most=500).strip(),
                client_secret=text_of("client_secret", most=2000).strip(),
                refresh_token=text_of("refresh_token", most=16_000).strip(),
            ),
        )
    except InvalidInput as error:
        return make_response(_form(found, _stored(found), problem=told(error)), 422)
    flash(_("The mailbox was saved."))
    return redirect(url_for("mailboxes.show_list"), 303)


def _save(found: MailboxRow | None) -> ResponseReturnValue:
    stop_reading()
    details = _stored(found) if found else MailboxDetails("")
    try:
        details = _details()
        save_mailbox(
            runtime(),
            viewer(),
            details,
            mailbox_id=found.id if found else None,
            password=text_of("imap_password", most=1000) or None,
        )
    except (Conflict, InvalidInput) as error:
        return make_response(_form(found, details, problem=told(error)), status_of(error))
    flash(_("The mailbox was saved."))
    return redirect(url_for("mailboxes.show_list"), 303)


def _found(mailbox_id: int) -> MailboxRow:
    found = find_mailbox(reading(), mailbox_id)
    if found is None:
        raise NotFound("There is no mailbox {mailbox}.", mailbox=mailbox_id)
    return found


def _stored(row: MailboxRow) -> MailboxDetails:
    return MailboxDetails(
        address=row.address,
        name=row.name,
        topic=TopicKind(row.topic) if row.topic else None,
        is_active=row.is_active,
        imap_host=row.imap_host,
        imap_port=row.imap_port,
        imap_security=row.imap_security,
        imap_username=row.imap_username,
        imap_folder=row.imap_folder,
    )


def _details() -> MailboxDetails:
    return MailboxDetails(
        address=text_of("address", most=320).strip(),
        name=text_of("name", most=200).strip(),
        topic=choice_of("topic", TopicKind) if request.form.get("topic") else None,
        is_active="is_active" in request.form,
        imap_host=text_of("imap_host", most=255).strip() or None,
        imap_port=number_of("imap_port"),
        imap_security=text_of("imap_security", most=10),
        imap_username=text_of("imap_username", most=320).strip(),
        imap_folder=text_of("imap_folder", most=255).strip(),
    )


def _form(found: MailboxRow | None, details: MailboxDetails, *, problem: str = "") -> str:
    return render_page(
        "mailbox.html",
        menu="mailboxes",
        found=found,
        details=details,
        topics=TOPICS,
        securities=SECURITY,
        problem=problem,
    )
