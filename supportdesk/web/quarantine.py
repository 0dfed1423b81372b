"""Requests that could not be understood: looked at, tried again, or put aside."""

from flask import Blueprint, Response, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from supportdesk.actions.receipts import discard_receipt, replay_receipt
from supportdesk.db.queries.menu import QUARANTINE
from supportdesk.db.queries.quarantine import Quarantined, find_quarantined, list_quarantined
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput, NotFound
from supportdesk.web.context import reading, runtime, stop_reading, viewer
from supportdesk.web.forms import text_of
from supportdesk.web.gate import for_those
from supportdesk.web.refusals import told
from supportdesk.web.security import FILE_POLICY
from supportdesk.web.shell import render_page

quarantine = Blueprint("quarantine", __name__)

MOST_HEADER_CHARS = 20_000


def _sees_everything(viewer: Viewer) -> bool:
    return viewer.sees_all_tickets


@quarantine.get("/quarantine")
@for_those(_sees_everything)
def show_list() -> ResponseReturnValue:
    """Show what waits, the newest first."""
    return render_page("quarantine.html", menu=QUARANTINE, rows=list_quarantined(reading()))


@quarantine.get("/quarantine/<int:receipt_id>")
@for_those(_sees_everything)
def show(receipt_id: int) -> ResponseReturnValue:
    """Show one: why it is here, and its headers as far as anybody can read them."""
    return _render(_receipt(receipt_id))


@quarantine.get("/quarantine/<int:receipt_id>/raw")
@for_those(_sees_everything)
def download(receipt_id: int) -> ResponseReturnValue:
    """Give the bytes as they were received."""
    receipt = _receipt(receipt_id)
    response = Response(runtime().blobs.get(receipt.blob_key), mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="receipt-{receipt.id}.eml"'
    response.headers["Content-Security-Policy"] = FILE_POLICY
    return response


@quarantine.post("/quarantine/<int:receipt_id>/replay")
@for_those(_sees_everything)
def replay(receipt_id: int) -> ResponseReturnValue:
    """Try it again."""
    replay_receipt(runtime(), viewer(), receipt_id, alike="alike" in request.form)
    flash(_("It is being tried again; if it fails, it comes back here."))
    return redirect(url_for("quarantine.show_list"), 303)


@quarantine.post("/quarantine/<int:receipt_id>/discard")
@for_those(_sees_everything)
def discard(receipt_id: int) -> ResponseReturnValue:
    """Put it aside for good, with a reason."""
    receipt = _receipt(receipt_id)
    stop_reading()
    try:
        discard_receipt(
            runtime(),
            viewer(),
            receipt_id,
            reason=text_of("reason", most=1000),
            alike="alike" in request.form,
        )
    except InvalidInput as error:
        return make_response(_render(receipt, told(error)), 422)
    flash(_("The request was discarded; what was received stays kept."))
    return redirect(url_for("quarantine.show_list"), 303)


def _receipt(receipt_id: int) -> Quarantined:
    found = find_quarantined(reading(), receipt_id)
    if found is None:
        raise NotFound("Receipt {receipt} is not in quarantine.", receipt=receipt_id)
    return found


def _render(receipt: Quarantined, problem: str = "") -> str:
    return render_page(
        "quarantined.html",
        menu=QUARANTINE,
        receipt=receipt,
        headers=_readable_headers(receipt),
        problem=problem,
    )


def _readable_headers(receipt: Quarantined) -> str:
    """Give the text above the first empty line; whatever is no text is shown as such."""
    raw = runtime().blobs.get(receipt.blob_key)[: 4 * MOST_HEADER_CHARS]
    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    text = head.decode("utf-8", errors="replace")[:MOST_HEADER_CHARS]
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in text)
