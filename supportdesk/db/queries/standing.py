"""What a ticket's contact may rely on at this moment: roles in force, and how sure we are of it."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Author, Membership, MembershipRole, Message, Ticket
from supportdesk.db.queries.validity import valid_on
from supportdesk.messages import Assurance, Automatic
from supportdesk.routing.authority import Role, level_by


@dataclass(frozen=True, slots=True)
class Standing:
    """Roles in the ticket's organisation and the assurance of what the contact wrote last."""

    contact_id: int | None
    organisation_id: int | None
    roles: tuple[Role, ...]
    assurance: Assurance


def standing_of(session: Session, ticket: Ticket, *, today: date) -> Standing:
    """Find the standing of a ticket's contact on the local day `today`.

    Only messages of that very contact count: what somebody else wrote into the ticket proves
    nothing about the contact. Without one the level is L0.
    """
    return Standing(
        ticket.contact_id,
        ticket.organisation_id,
        _roles(session, ticket, today),
        _assurance(session, ticket),
    )


def _roles(session: Session, ticket: Ticket, today: date) -> tuple[Role, ...]:
    if ticket.contact_id is None or ticket.organisation_id is None:
        return ()
    held = session.scalars(
        sa.select(MembershipRole.role)
        .join(Membership, Membership.id == MembershipRole.membership_id)
        .where(
            Membership.contact_id == ticket.contact_id,
            Membership.organisation_id == ticket.organisation_id,
            valid_on(Membership, today),
            valid_on(MembershipRole, today),
        )
    )
    return tuple(sorted(Role(role) for role in held))


def _assurance(session: Session, ticket: Ticket) -> Assurance:
    if ticket.contact_id is None:
        return Assurance.L0
    newest = session.execute(
        sa.select(Message.channel, Message.assurance)
        .where(
            Message.ticket_id == ticket.id,
            Message.author == Author.CUSTOMER,
            Message.contact_id == ticket.contact_id,
            Message.automatic == Automatic.NO,
        )
        .order_by(Message.id.desc())
        .limit(1)
    ).one_or_none()
    return level_by(newest.channel, newest.assurance) if newest else Assurance.L0
