"""The customer beside a ticket: who serves it, its people, and its requests so far."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import (
    Agent,
    Assignment,
    Contact,
    ContactAddress,
    ContactNumber,
    FrameworkContract,
    Membership,
    MembershipRole,
    Organisation,
    Service,
    Ticket,
)
from supportdesk.db.queries.prepared import MOST_VIEWERS, AnySelect, fetch
from supportdesk.db.queries.ticket_list import Cursor, TicketPage, page_of, page_statement
from supportdesk.db.queries.validity import valid_on
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.queries.visibility import Condition, visible_tickets
from supportdesk.messages import Channel
from supportdesk.tickets import State

MOST_EARLIER = 5


@dataclass(frozen=True, slots=True)
class Earlier:
    """A request of the customer, in one line."""

    id: int
    subject: str
    state: State
    channel: Channel
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CustomerCard:
    """An organisation with its contract."""

    id: int
    key: str
    name: str
    registration_number: str | None
    authority: str | None
    note: str
    contract_id: int | None
    contract: str | None
    contract_number: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """A contact with the roles held for one organisation and how to reach her."""

    id: int
    name: str
    roles: tuple[str, ...]
    addresses: tuple[str, ...]
    numbers: tuple[str, ...]


def find_customer(session: Session, viewer: Viewer, organisation_id: int) -> CustomerCard | None:
    """Give an organisation that the viewer may see: all are open to whoever sees all tickets."""
    visible: Condition = sa.true()
    if not viewer.sees_all_tickets:
        visible = (
            sa.exists()
            .where(Ticket.organisation_id == Organisation.id, visible_tickets(viewer))
            .correlate(Organisation)
        )
    row = session.execute(
        sa.select(
            Organisation.id,
            Organisation.key,
            Organisation.name,
            Organisation.registration_number,
            Organisation.authority,
            Organisation.note,
            FrameworkContract.id,
            FrameworkContract.name,
            FrameworkContract.number,
        )
        .outerjoin(FrameworkContract, FrameworkContract.id == Organisation.contract_id)
        .where(Organisation.id == organisation_id, visible)
    ).one_or_none()
    return CustomerCard(*row) if row else None


def find_servants(
    session: Session, organisation_id: int, contract_id: int | None, today: date
) -> Mapping[Service, str]:
    """Name who serves the organisation today; its own assignment beats that of its contract."""
    rows = fetch(
        session,
        _servants(),
        organisation_id=organisation_id,
        contract_id=contract_id,
        today=today,
    )
    return {row.service: row.name for row in rows}  # the last one of a service counts


@cache
def _servants() -> AnySelect:
    return (
        sa.select(Assignment.service, Agent.name)
        .join(Agent, Agent.id == Assignment.agent_id)
        .where(
            sa.or_(
                Assignment.organisation_id == sa.bindparam("organisation_id"),
                Assignment.contract_id == sa.bindparam("contract_id"),
            )
        )
        .where(valid_on(Assignment))
        .order_by(Assignment.organisation_id.is_not(None), Assignment.valid_from, Assignment.id)
    )


def find_person(
    session: Session, contact_id: int, organisation_id: int | None, today: date
) -> Person:
    """Give a contact with the roles held for the organisation today and all ways to reach her."""
    found: dict[str, list[str]] = defaultdict(list)
    for kind, value in fetch(
        session, _person(), contact_id=contact_id, organisation_id=organisation_id, today=today
    ):
        found[kind].append(value)
    return Person(
        contact_id,
        found["name"][0] if found["name"] else "",
        tuple(sorted(found["role"])),
        tuple(found["address"]),
        tuple(found["number"]),
    )


@cache
def _person() -> sa.CompoundSelect[*tuple[Any, ...]]:
    wanted: sa.BindParameter[int] = sa.bindparam("contact_id", type_=Contact.id.type)
    return sa.union_all(
        sa.select(sa.literal_column("'name'"), Contact.name).where(Contact.id == wanted),
        sa.select(sa.literal_column("'role'"), MembershipRole.role)
        .join(Membership, Membership.id == MembershipRole.membership_id)
        .where(
            Membership.contact_id == wanted,
            Membership.organisation_id == sa.bindparam("organisation_id"),
            valid_on(Membership),
            valid_on(MembershipRole),
        ),
        sa.select(sa.literal_column("'address'"), ContactAddress.address).where(
            ContactAddress.contact_id == wanted
        ),
        sa.select(sa.literal_column("'number'"), ContactNumber.number).where(
            ContactNumber.contact_id == wanted
        ),
    )


def list_people(session: Session, organisation_id: int, today: date) -> list[Person]:
    """Give everybody who acts for the organisation today, by name, with roles and addresses."""
    members = session.execute(
        sa.select(Contact.id, Contact.name, Membership.id.label("membership_id"))
        .join(Membership, Membership.contact_id == Contact.id)
        .where(Membership.organisation_id == organisation_id, valid_on(Membership, today))
        .order_by(Contact.name)
    ).all()
    ids = [member.id for member in members]
    roles = _grouped(
        session,
        sa.select(MembershipRole.membership_id, MembershipRole.role).where(
            MembershipRole.membership_id.in_([member.membership_id for member in members]),
            valid_on(MembershipRole, today),
        ),
    )
    addresses = _grouped(
        session,
        sa.select(ContactAddress.contact_id, ContactAddress.address).where(
            ContactAddress.contact_id.in_(ids)
        ),
    )
    numbers = _grouped(
        session,
        sa.select(ContactNumber.contact_id, ContactNumber.number).where(
            ContactNumber.contact_id.in_(ids)
        ),
    )
    return [
        Person(
            member.id,
            member.name,
            tuple(sorted(roles[member.membership_id])),
            tuple(addresses[member.id]),
            tuple(numbers[member.id]),
        )
        for member in members
    ]


def list_earlier(
    session: Session, viewer: Viewer, organisation_id: int, *, but: int
) -> list[Earlier]:
    """Give the organisation's last requests that the viewer may see, the newest first."""
    rows = fetch(session, _earlier(viewer), organisation_id=organisation_id, but=but)
    return [Earlier(*row) for row in rows]


@lru_cache(maxsize=MOST_VIEWERS)
def _earlier(viewer: Viewer) -> AnySelect:
    return (
        sa.select(Ticket.id, Ticket.subject, Ticket.state, Ticket.channel, Ticket.created_at)
        .where(
            Ticket.organisation_id == sa.bindparam("organisation_id"),
            Ticket.id != sa.bindparam("but"),
            visible_tickets(viewer),
        )
        .order_by(Ticket.last_message_at.desc(), Ticket.id.desc())
        .limit(MOST_EARLIER)
    )


def list_history(
    session: Session,
    viewer: Viewer,
    *,
    organisation_id: int | None = None,
    contact_id: int | None = None,
    after: Cursor | None = None,
) -> TicketPage:
    """Give one page of all requests of an organisation or of a contact, the newest first."""
    conditions = [visible_tickets(viewer)]
    if organisation_id is not None:
        conditions.append(Ticket.organisation_id == organisation_id)
    if contact_id is not None:
        conditions.append(Ticket.contact_id == contact_id)
    return page_of(session, page_statement(conditions, is_first=after is None), after)


def find_visible_contact(session: Session, viewer: Viewer, contact_id: int) -> str | None:
    """Give the name of a contact that the viewer may see, None for any other."""
    visible: Condition = sa.true()
    if not viewer.sees_all_tickets:
        visible = (
            sa.exists()
            .where(Ticket.contact_id == Contact.id, visible_tickets(viewer))
            .correlate(Contact)
        )
    return session.scalar(sa.select(Contact.name).where(Contact.id == contact_id, visible))


def organisations_of(session: Session, contact_id: int, today: date) -> list[tuple[int, str]]:
    """Give the organisations that a contact acts for today, id and name."""
    rows = session.execute(
        sa.select(Organisation.id, Organisation.name)
        .join(Membership, Membership.organisation_id == Organisation.id)
        .where(Membership.contact_id == contact_id, valid_on(Membership, today))
        .order_by(Organisation.name)
    )
    return [(row.id, row.name) for row in rows]


@dataclass(frozen=True, slots=True)
class Found:
    """A contact acting for an organisation, as a search finds it."""

    contact_id: int
    name: str
    organisation_id: int
    organisation: str
    addresses: str | None


def search_people(session: Session, text: str, today: date, *, most: int = 20) -> list[Found]:
    """Find contacts whose name, organisation or address contains the text, by name."""
    pattern = f"%{_without_wildcards(text.strip())}%"
    addresses = (
        sa.select(sa.func.aggregate_strings(ContactAddress.address, ", "))
        .where(ContactAddress.contact_id == Contact.id)
        .scalar_subquery()
    )
    has_address = sa.exists().where(
        ContactAddress.contact_id == Contact.id, ContactAddress.address.ilike(pattern, escape="\\")
    )
    rows = session.execute(
        sa.select(Contact.id, Contact.name, Organisation.id, Organisation.name, addresses)
        .join(Membership, Membership.contact_id == Contact.id)
        .join(Organisation, Organisation.id == Membership.organisation_id)
        .where(
            valid_on(Membership, today),
            sa.or_(
                Contact.name.ilike(pattern, escape="\\"),
                Organisation.name.ilike(pattern, escape="\\"),
                has_address,
            ),
        )
        .order_by(Contact.name, Organisation.name)
        .limit(most)
    )
    return [Found(*row) for row in rows]


def _without_wildcards(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _grouped(session: Session, pairs: sa.Select[int, str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for key, value in session.execute(pairs):
        found[key].append(value)
    return found
