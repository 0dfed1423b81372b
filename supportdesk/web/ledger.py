"""The ledger: what came in each day, what became of it, and what became of nothing."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from supportdesk.actions.ledger import read_mailbox_again, route_again
from supportdesk.db.queries.ledger import read_ledger
from supportdesk.db.queries.mailboxes import polled_mailboxes
from supportdesk.routing.calendar import local_date
from supportdesk.web.context import now, reading, runtime, viewer
from supportdesk.web.gate import for_those, looks_after_service
from supportdesk.web.shell import LEDGER, render_page

ledger = Blueprint(LEDGER, __name__, url_prefix="/ledger")

DAYS = 14


@ledger.get("")
@for_those(looks_after_service)
def show_list() -> ResponseReturnValue:
    """Show the last two weeks."""
    today = local_date(now())
    found = read_ledger(reading(), today - timedelta(days=DAYS - 1), today, now=now())
    return render_page(
        "ledger.html", menu=LEDGER, ledger=found, mailboxes=polled_mailboxes(reading())
    )


@ledger.post("/<int:receipt_id>/route-again")
@for_those(looks_after_service)
def again(receipt_id: int) -> ResponseReturnValue:
    """Have a receipt understood that became nothing."""
    route_again(runtime(), viewer(), receipt_id)
    flash(_("It is being routed; look again in a moment."))
    return redirect(url_for("ledger.show_list"), 303)


@ledger.post("/mailboxes/<int:mailbox_id>/read-again")
@for_those(looks_after_service)
def read_again(mailbox_id: int) -> ResponseReturnValue:
    """Have the mails of a mailbox fetched that we passed without a receipt."""
    read_mailbox_again(runtime(), viewer(), mailbox_id)
    flash(
        _("The mailbox is being read again; within the hour it stands here whether all is there.")
    )
    return redirect(url_for("ledger.show_list"), 303)
