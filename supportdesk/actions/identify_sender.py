"""Finding out who wrote: the triage of requests whose sender could not be told."""

import sqlalchemy as sa

from supportdesk.actions.history import record_event
from supportdesk.actions.intake.decide_anew import decide_anew
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import Contact, Membership, Organisation
from supportdesk.db.queries.validity import valid_on
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput
from supportdesk.routing.calendar import local_date
from supportdesk.tickets import EventKind


def identify_sender(
    runtime: Runtime,
    viewer: Viewer,
    ticket_id: int,
    *,
    version: int,
    contact_id: int,
    organisation_id: int,
) -> None:
    """Say which contact, acting for which organisation, a ticket came from.

    It gives nobody authority: the messages keep the assurance that they came with.

    Raises:
        InvalidInput: the sender is known already, or the contact does not act for the
            organisation today.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id, version=version)
        if not ticket.needs_identification:
            raise InvalidInput(
                "It is known already who ticket {ticket} came from.", ticket=ticket_id
            )
        names = session.execute(
            sa.select(Contact.name, Organisation.name)
            .join(Membership, Membership.contact_id == Contact.id)
            .join(Organisation, Organisation.id == Membership.organisation_id)
            .where(
                Contact.id == contact_id,
                Organisation.id == organisation_id,
                valid_on(Membership, local_date(now)),
            )
        ).one_or_none()
        if names is None:
            raise InvalidInput(
                "Contact {contact} does not act for organisation {organisation} today;"
                " choose one of its contacts on file, or have the customer name a new one.",
                contact=contact_id,
                organisation=organisation_id,
            )
        ticket.contact_id = contact_id
        ticket.organisation_id = organisation_id
        ticket.needs_identification = False
        record_event(
            session,
            EventKind.SENDER_IDENTIFIED,
            ticket_id=ticket.id,
            at=now,
            agent_id=viewer.agent_id,
            data={"contact": names[0], "organisation": names[1], "contact_id": contact_id},
        )
        decide_anew(session, ticket, now=now)
