"""How the service itself goes, for those who look after it; and mending what was given up."""

from datetime import timedelta

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from supportdesk import __version__
from supportdesk.actions.dead_work import discard_work, replay_kind, replay_work
from supportdesk.actions.release import release_after_restore
from supportdesk.actions.watch import FRESH, WORK_NAMES, free_percent
from supportdesk.db.migrate import current_revision
from supportdesk.db.queries import operations as queries
from supportdesk.db.queries.mailboxes import list_mailboxes
from supportdesk.db.queries.quarantine import list_quarantined
from supportdesk.db.queries.upkeep import find_pause
from supportdesk.db.work import Kind
from supportdesk.errors import NotFound
from supportdesk.web.context import now, reading, runtime, stop_reading, viewer
from supportdesk.web.forms import text_of
from supportdesk.web.gate import for_administrators, for_those, looks_after_service
from supportdesk.web.refusals import told
from supportdesk.web.shell import OPERATIONS, render_page

operations = Blueprint(OPERATIONS, __name__, url_prefix="/operations")


@operations.get("")
@for_those(looks_after_service)
def show_list() -> ResponseReturnValue:
    """Show what is wrong, what waits, what was given up, and which parts live.

    What customers wrote, and to whom we do, is only for those who see all tickets.
    """
    session = reading()
    lasting, past = queries.list_alarms(session)
    sees_content = viewer().sees_all_tickets
    return render_page(
        "operations.html",
        menu=OPERATIONS,
        lasting=lasting,
        past=past,
        queues=queries.list_queues(session, now=now()),
        dead=queries.list_dead(session),
        outbox=queries.waiting_mail(session),
        failed_count=queries.failed_mail(session),
        failed=queries.list_failed_mail(session) if sees_content else (),
        quarantined=len(list_quarantined(session)),
        sees_content=sees_content,
        mailboxes=list_mailboxes(session),
        living=queries.list_heartbeats(session),
        is_fresh=_is_fresh,
        work_name=work_name,
        version=__version__,
        revision=current_revision(runtime().database.engine),
        pause=find_pause(session),
        free_percent=free_percent(runtime().settings.data_dir),
    )


@operations.post("/work/<int:work_id>/replay")
@for_those(looks_after_service)
def replay(work_id: int) -> ResponseReturnValue:
    """Have one piece of work done again."""
    stop_reading()
    replay_work(runtime(), viewer(), work_id)
    flash(_("It is being tried again; if it fails, it comes back here."))
    return redirect(url_for("operations.show_list"), 303)


@operations.post("/work/<kind>/replay-all")
@for_those(looks_after_service)
def replay_all(kind: str) -> ResponseReturnValue:
    """Have all that was given up of a kind done again."""
    if kind not in set(Kind):
        raise NotFound("There is no such kind of work.")
    stop_reading()
    count = replay_kind(runtime(), viewer(), Kind(kind))
    flash(ngettext("%(num)s is being tried again.", "%(num)s are being tried again.", count))
    return redirect(url_for("operations.show_list"), 303)


@operations.post("/work/<int:work_id>/discard")
@for_those(looks_after_service)
def discard(work_id: int) -> ResponseReturnValue:
    """Put one piece of work aside, with a reason."""
    stop_reading()
    discard_work(runtime(), viewer(), work_id, reason=text_of("reason", most=1000))
    flash(_("The work was discarded; the reason is in the audit log."))
    return redirect(url_for("operations.show_list"), 303)


@operations.post("/release")
@for_administrators
def release() -> ResponseReturnValue:
    """After a restore: send mail and read mailboxes again."""
    stop_reading()
    held = release_after_restore(runtime(), viewer(), send_waiting="send_waiting" in request.form)
    flash(_("The service sends and reads again; mails held back: %(count)s.", count=held))
    return redirect(url_for("operations.show_list"), 303)


def work_name(kind: str) -> str:
    """Name a kind of work, beginning with a capital letter."""
    known = WORK_NAMES.get(kind)
    name = told(known) if known else kind
    return name[:1].upper() + name[1:]


def _is_fresh(living: queries.Living) -> bool:
    age: timedelta = now() - living.seen_at
    return age <= FRESH
