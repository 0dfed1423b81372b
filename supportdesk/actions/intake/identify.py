"""Who wrote a mail, and which ticket it continues. Pure: values in, values out."""

from dataclasses import dataclass

from supportdesk.actions.intake.scene import Arrival, Scene
from supportdesk.channels.email.authresults import is_aligned
from supportdesk.db.queries.senders import Identity
from supportdesk.db.queries.threads import Thread
from supportdesk.messages import Assurance, Automatic
from supportdesk.routing.facts import Caller, CallerKind
from supportdesk.tickets import after_customer_message


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote, as far as we can tell; `identity` None unless one membership fits for certain.

    `contact_id` is known also where only the organisation is in doubt. `is_on_file` tells that the
    address belongs to some contact of ours.
    """

    caller: Caller
    identity: Identity | None
    contact_id: int | None
    is_on_file: bool
    assurance: Assurance


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message belongs: into a ticket, or into a new one that may be related to others."""

    thread: Thread | None = None
    possibly_about_id: int | None = None
    follows_id: int | None = None


def find_place(arrival: Arrival, scene: Scene) -> Place:
    """Find the ticket that a message continues.

    A named ticket is continued only by somebody who takes part in it, or by a colleague whose
    address is proven: whoever else knows a number or a token gets a new ticket, marked as possibly
    about the other. A report speaks about our own mail, whoever sends it; but anybody can write
    what looks like one, so that it has to bring our signature along.
    """
    named = [
        scene.threads[ticket_id]
        for ticket_id in scene.candidates[arrival.receipt_id]
        if ticket_id in scene.threads
    ]
    for thread in named:
        if _may_continue(arrival, thread, scene):
            return _continue(arrival, thread)
    return Place(possibly_about_id=named[0].ticket_id if named else None)


def identify(arrival: Arrival, scene: Scene, thread: Thread | None) -> Sender:
    """Tell who wrote; of several organisations the ticket's own decides."""
    known = scene.identities.get(arrival.sender, ())
    fitting = _of_thread(known, thread) or known
    assurance = Assurance.L1 if known and is_aligned(arrival.message) else Assurance.L0
    contacts = {one.contact_id for one in fitting}
    return Sender(
        caller=_caller(arrival, fitting, thread),
        identity=fitting[0] if len(fitting) == 1 else None,
        contact_id=contacts.pop() if len(contacts) == 1 else None,
        is_on_file=bool(known),
        assurance=assurance,
    )


def _may_continue(arrival: Arrival, thread: Thread, scene: Scene) -> bool:
    if arrival.message.automatic in {Automatic.BOUNCE, Automatic.REPORT, Automatic.LOOP}:
        return thread.ticket_id in scene.signed[arrival.receipt_id]
    if arrival.sender and arrival.sender in thread.participants:
        return True
    colleagues = scene.identities.get(arrival.sender, ())
    is_colleague = any(one.organisation_id == thread.organisation_id for one in colleagues)
    return is_colleague and is_aligned(arrival.message)


def _continue(arrival: Arrival, thread: Thread) -> Place:
    is_closed = after_customer_message(thread.state) is None
    if is_closed and arrival.message.automatic is Automatic.NO:
        return Place(follows_id=thread.ticket_id)
    return Place(thread=thread)


def _of_thread(known: tuple[Identity, ...], thread: Thread | None) -> tuple[Identity, ...]:
    if thread is None:
        return ()
    return tuple(one for one in known if one.organisation_id == thread.organisation_id)


def _caller(arrival: Arrival, fitting: tuple[Identity, ...], thread: Thread | None) -> Caller:
    names = tuple(dict.fromkeys(one.contact_name for one in fitting))
    organisations = tuple(dict.fromkeys(one.organisation_name for one in fitting))
    if len(fitting) > 1:
        return Caller(CallerKind.AMBIGUOUS, names, organisations)
    if fitting:
        kind = CallerKind.TECHNICAL if fitting[0].is_technical else CallerKind.CONTACT
        return Caller(kind, names, organisations)
    if not arrival.sender:
        return Caller(CallerKind.HIDDEN)
    as_written = (arrival.sender,)
    if thread is not None and thread.contact_id is not None and not thread.needs_identification:
        # An agent chose to write to this address in a ticket whose customer is known.
        return Caller(CallerKind.CONTACT, as_written)
    return Caller(CallerKind.UNKNOWN, as_written)
