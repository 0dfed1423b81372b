"""The addresses of a ticket. Every change is a form post that ends where it began."""

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, flash, jsonify, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from supportdesk.actions.add_note import add_note
from supportdesk.actions.assign_ticket import assign_ticket, take_ticket
from supportdesk.actions.change_state import change_state
from supportdesk.actions.classify_ticket import set_priority, set_topic
from supportdesk.actions.identify_sender import identify_sender
from supportdesk.actions.note_replying import note_replying
from supportdesk.actions.reply import reply
from supportdesk.actions.request_lines import (
    carry_out_line,
    confirm_line,
    dismiss_line,
    propose_line,
)
from supportdesk.actions.send_again import send_again
from supportdesk.db.queries.customers import search_people
from supportdesk.db.queries.ticket_page import list_reasons
from supportdesk.errors import Conflict, InvalidInput, NotAllowed
from supportdesk.routing.authority import Activity, Circumstance
from supportdesk.routing.facts import TopicKind
from supportdesk.tickets import Desk, State
from supportdesk.web.context import reading, runtime, stop_reading, viewer
from supportdesk.web.conversation import tell
from supportdesk.web.errors import status_of
from supportdesk.web.forms import (
    addresses_of,
    choice_of,
    is_number,
    number_of,
    text_of,
)
from supportdesk.web.refusals import told
from supportdesk.web.shell import render_page
from supportdesk.web.tickets.page import Draft, render_ticket, ticket_or_404

tickets = Blueprint("tickets", __name__, url_prefix="/tickets/<int:ticket_id>")


@tickets.get("")
def show(ticket_id: int) -> ResponseReturnValue:
    """Show the conversation with the customer beside it."""
    return render_ticket(ticket_id, is_whole="all" in request.args)


@tickets.get("/why")
def show_why(ticket_id: int) -> ResponseReturnValue:
    """Tell of every decision why the ticket is where it is, the latest first."""
    ticket = ticket_or_404(ticket_id)
    reasons = [tell(reason) for reason in list_reasons(reading(), ticket.id)]
    return render_page("why.html", ticket=ticket, reasons=reasons)


@tickets.post("/reply")
def send_reply(ticket_id: int) -> ResponseReturnValue:
    """Send a reply, unless the customer wrote something that the writer has not seen."""
    draft = Draft(text=text_of("text"), to=text_of("to"), cc=text_of("cc"))

    def act() -> None:
        reply(
            runtime(),
            viewer(),
            ticket_id,
            text=draft.text,
            to=addresses_of("to"),
            cc=addresses_of("cc"),
            last_seen_message_id=number_of("last_seen_message_id"),
            then_state=choice_of("then_state", State),
        )

    return _do(ticket_id, act, _("Your reply is on its way."), draft)


@tickets.post("/messages/<int:message_id>/send-again")
def have_sent_again(ticket_id: int, message_id: int) -> ResponseReturnValue:
    """Try once more to deliver a mail that was refused."""
    return _do(
        ticket_id,
        lambda: send_again(runtime(), viewer(), ticket_id, message_id),
        _("The mail is on its way again."),
    )


@tickets.post("/note")
def write_note(ticket_id: int) -> ResponseReturnValue:
    """Add a note that the customer never sees."""
    draft = Draft(note=text_of("text"))
    return _do(
        ticket_id,
        lambda: add_note(runtime(), viewer(), ticket_id, draft.note),
        _("The note was added."),
        draft,
    )


@tickets.post("/take")
def take(ticket_id: int) -> ResponseReturnValue:
    """Take the ticket oneself."""
    return _do(
        ticket_id,
        lambda: take_ticket(
            runtime(), viewer(), ticket_id, version=number_of("version"), reason=text_of("reason")
        ),
        _("The ticket is yours."),
    )


@tickets.post("/assign")
def assign(ticket_id: int) -> ResponseReturnValue:
    """Give the ticket to a desk or to somebody there; the field says "desk" or "desk:agent"."""

    def act() -> None:
        desk, _colon, agent = text_of("target").partition(":")
        if desk not in set(Desk) or (agent and not is_number(agent)):
            raise InvalidInput("Choose a desk or a colleague from the list.")
        assign_ticket(
            runtime(),
            viewer(),
            ticket_id,
            version=number_of("version"),
            desk=Desk(desk),
            handler_id=int(agent) if agent else None,
            reason=text_of("reason"),
        )

    return _do(ticket_id, act, _("The ticket was handed on."))


@tickets.post("/state")
def set_state(ticket_id: int) -> ResponseReturnValue:
    """Move the ticket to another state."""
    return _do(
        ticket_id,
        lambda: change_state(
            runtime(),
            viewer(),
            ticket_id,
            choice_of("state", State),
            version=number_of("version"),
        ),
        _("The state was changed."),
    )


@tickets.post("/topic")
def choose_topic(ticket_id: int) -> ResponseReturnValue:
    """Say what the ticket is about."""
    return _do(
        ticket_id,
        lambda: set_topic(
            runtime(),
            viewer(),
            ticket_id,
            choice_of("topic", TopicKind),
            version=number_of("version"),
        ),
        _("The topic was set."),
    )


@tickets.post("/priority")
def choose_priority(ticket_id: int) -> ResponseReturnValue:
    """Say how urgent the ticket is."""
    return _do(
        ticket_id,
        lambda: set_priority(
            runtime(),
            viewer(),
            ticket_id,
            number_of("priority"),
            version=number_of("version"),
        ),
        _("The priority was set."),
    )


@tickets.post("/sender")
def say_who_wrote(ticket_id: int) -> ResponseReturnValue:
    """Say which contact, for which organisation, the ticket came from."""

    def act() -> None:
        contact, _colon, organisation = text_of("person").partition(":")
        if not (is_number(contact) and is_number(organisation)):
            raise InvalidInput("Choose one of the customer's contacts from the list.")
        identify_sender(
            runtime(),
            viewer(),
            ticket_id,
            version=number_of("version"),
            contact_id=int(contact),
            organisation_id=int(organisation),
        )

    return _do(ticket_id, act, _("Now we know who wrote."))


@tickets.get("/sender")
def find_sender(ticket_id: int) -> ResponseReturnValue:
    """Look for the contact who may have written."""
    ticket = ticket_or_404(ticket_id)
    if not ticket.is_writable:
        raise NotAllowed("Who only reads a ticket does not say who wrote it; ask the pool.")
    wanted = request.args.get("q", "")[:200]
    people = search_people(reading(), wanted, viewer().today) if wanted.strip() else []
    return render_page("find_sender.html", ticket=ticket, wanted=wanted, people=people)


@tickets.post("/lines")
def add_line(ticket_id: int) -> ResponseReturnValue:
    """Write down one more thing that the ticket asks for."""
    return _do(
        ticket_id,
        lambda: propose_line(
            runtime(), viewer(), ticket_id, choice_of("activity", Activity), text_of("object")
        ),
        _("The request was added."),
    )


@tickets.post("/lines/<int:line_id>/confirm")
def confirm(ticket_id: int, line_id: int) -> ResponseReturnValue:
    """Confirm that the customer asks for this."""
    return _do(
        ticket_id,
        lambda: confirm_line(
            runtime(), viewer(), ticket_id, line_id, circumstances=_circumstances()
        ),
        _("The request was confirmed."),
    )


@tickets.post("/lines/<int:line_id>/dismiss")
def dismiss(ticket_id: int, line_id: int) -> ResponseReturnValue:
    """Put aside what nobody asked for."""
    return _do(
        ticket_id,
        lambda: dismiss_line(runtime(), viewer(), ticket_id, line_id, reason=text_of("reason")),
        _("The request was put aside."),
    )


@tickets.post("/lines/<int:line_id>/carry-out")
def carry_out(ticket_id: int, line_id: int) -> ResponseReturnValue:
    """Carry a request out, if the contact has the authority for it now."""
    return _do(
        ticket_id,
        lambda: carry_out_line(
            runtime(),
            viewer(),
            ticket_id,
            line_id,
            circumstances=_circumstances(),
            override_reason=text_of("override_reason"),
        ),
        _("The request was carried out."),
    )


@tickets.post("/replying")
def say_replying(ticket_id: int) -> ResponseReturnValue:
    """Note that a reply is open, and tell whose was there first."""
    return jsonify(colleague=note_replying(runtime(), viewer(), ticket_id))


def _do(
    ticket_id: int, act: Callable[[], object], done: str, draft: Draft | None = None
) -> ResponseReturnValue:
    """Act and show the ticket; what cannot be done is said there, and nothing typed is lost."""
    ticket_or_404(ticket_id)
    stop_reading()  # the action reads for itself, and the page afterwards reads anew
    try:
        act()
    except (Conflict, InvalidInput, NotAllowed) as error:
        page = render_ticket(ticket_id, problem=told(error), draft=draft)
        return make_response(page, status_of(error))
    flash(done)
    return redirect(url_for("tickets.show", ticket_id=ticket_id), HTTPStatus.SEE_OTHER)


def _circumstances() -> frozenset[Circumstance]:
    given = request.form.getlist("circumstance")
    if not set(given) <= set(Circumstance):
        raise InvalidInput("Choose the circumstances from the list.")
    return frozenset(map(Circumstance, given))
