"""Gathering what the page of a ticket shows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supportdesk.channels.email.addresses import normalise_address
from supportdesk.channels.email.tokens import strip_plus
from supportdesk.db.models import Author, Service
from supportdesk.db.queries.conversation import Entry, list_entries, list_happenings
from supportdesk.db.queries.customers import (
    Earlier,
    Person,
    find_person,
    find_servants,
    list_earlier,
)
from supportdesk.db.queries.directory import list_colleagues
from supportdesk.db.queries.hand_overs import find_open_hand_over, may_acknowledge
from supportdesk.db.queries.mailboxes import our_addresses
from supportdesk.db.queries.suppressions import Suppressed, find_suppressed
from supportdesk.db.queries.ticket_page import (
    Due,
    TicketHead,
    find_ticket,
    list_deadlines,
    list_lines,
    list_reasons,
)
from supportdesk.errors import NotFound
from supportdesk.messages import Assurance, Automatic
from supportdesk.routing.authority import Activity
from supportdesk.tickets import TRANSITIONS, State
from supportdesk.web.context import now, reading, viewer
from supportdesk.web.conversation import explain_line, failed_delivery, tell, weave
from supportdesk.web.shell import render_page

LATEST = 40  # messages; older ones are folded away until asked for


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wrote and could not be stored; it goes back into the form."""

    text: str = ""
    note: str = ""
    to: str | None = None
    cc: str | None = None


@dataclass(frozen=True, slots=True)
class Recipients:
    """Whom a reply goes to unless the writer says otherwise."""

    to: str
    cc: str


def ticket_or_404(ticket_id: int) -> TicketHead:
    """Give the ticket, the same 404 for one that is missing and one that is foreign."""
    found = find_ticket(reading(), viewer(), ticket_id)
    if found is None:
        raise NotFound(
            "There is no ticket {ticket} that you may see; check its number.", ticket=ticket_id
        )
    return found


def render_ticket(
    ticket_id: int, *, is_whole: bool = False, problem: str = "", draft: Draft | None = None
) -> str:
    """Render the page of a ticket; `problem` says why the last attempt changed nothing."""
    session, ticket = reading(), ticket_or_404(ticket_id)
    entries = list_entries(session, ticket.id, latest=None if is_whole else LATEST + 1)
    has_older = not is_whole and len(entries) > LATEST
    if has_older:
        entries = entries[1:]
    since = entries[0].created_at if has_older else ticket.created_at
    reasons = list_reasons(session, ticket.id)
    deadlines = list_deadlines(session, ticket.id)
    recipients = _recipients(ticket, entries)
    hand_over = find_open_hand_over(session, viewer(), ticket.id)
    return render_page(
        "ticket.html",
        ticket=ticket,
        items=weave(entries, list_happenings(session, ticket.id, since), reasons),
        has_older=has_older,
        last_seen_id=entries[-1].id if entries else 0,
        last_theirs=_last_theirs(entries),
        reason=tell(reasons[0]) if reasons else None,
        reasons_count=len(reasons),
        due=_next_due(deadlines) if ticket.is_active else None,
        deadlines=deadlines,
        lines=[(line, explain_line(line)) for line in list_lines(session, ticket.id)],
        activities=list(Activity),
        undelivered=failed_delivery(entries),
        hand_over=hand_over,
        may_acknowledge=hand_over is not None and may_acknowledge(viewer(), hand_over),
        recipients=recipients,
        suppressed=_suppressed(recipients, draft),
        colleagues=list_colleagues(session) if ticket.is_writable else [],
        next_states=sorted(TRANSITIONS[ticket.state], key=list(State).index),
        replying=_replying(ticket, now()),
        problem=problem,
        draft=draft or Draft(),
        **_customer(ticket),
    )


def _customer(ticket: TicketHead) -> dict[str, Any]:
    session, today = reading(), viewer().today
    person: Person | None = None
    servants: dict[Service, str] = {}
    earlier: list[Earlier] = []
    if ticket.contact_id is not None:
        person = find_person(session, ticket.contact_id, ticket.organisation_id, today)
    if ticket.organisation_id is not None:
        servants = dict(find_servants(session, ticket.organisation_id, ticket.contract_id, today))
        earlier = list_earlier(session, viewer(), ticket.organisation_id, but=ticket.id)
    return {"person": person, "servants": servants, "earlier": earlier}


def _recipients(ticket: TicketHead, entries: list[Entry]) -> Recipients:
    """Answer the last person who wrote, and whom she copied; never ourselves.

    Whom an unproven sender copied is not suggested: anybody can write in a participant's name and
    have the answer copied to himself.
    """
    last = _last_theirs(entries)
    if last is None:
        return Recipients("", "")
    if last.assurance is Assurance.L0:
        return Recipients(last.sender_address, "")
    known = {last.sender_address.casefold(), ticket.mailbox}
    others = _without(known, [*last.recipients, *last.cc])
    if others:  # most people write to us alone
        others = _without(our_addresses(reading()), others)
    return Recipients(last.sender_address, ", ".join(others))


def _suppressed(recipients: Recipients, draft: Draft | None) -> list[Suppressed]:
    """Give those of the addressees to whom mail came back."""
    fields = [recipients.to, recipients.cc, (draft and draft.to) or "", (draft and draft.cc) or ""]
    addresses = {normalise_address(one) for field in fields for one in field.split(",") if one}
    return find_suppressed(reading(), addresses)


def _without(known: Collection[str | None], addresses: Sequence[str]) -> list[str]:
    """Leave out addresses that are known, with or without a plus part, and repeated ones."""
    return [
        address
        for address in dict.fromkeys(addresses)
        if address.casefold() not in known and strip_plus(address.casefold()) not in known
    ]


def _last_theirs(entries: list[Entry]) -> Entry | None:
    """Give the last message that a person on the customer's side wrote."""
    for entry in reversed(entries):
        if entry.author is Author.CUSTOMER and entry.automatic is Automatic.NO:
            return entry
    return None


def _next_due(deadlines: list[Due]) -> Due | None:
    return next((due for due in deadlines if due.met_at is None), None)  # they come in order


def _replying(ticket: TicketHead, at: datetime) -> str | None:
    """Name the colleague who has a reply open, None when it is nobody or the reader."""
    is_open = ticket.replying_until is not None and ticket.replying_until > at
    return ticket.replying if is_open and ticket.replying_id != viewer().agent_id else None
