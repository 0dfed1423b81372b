"""Who may be behind an address: contacts with the memberships and roles valid on a day."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import (
    Contact,
    ContactAddress,
    Membership,
    MembershipRole,
    Organisation,
)
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.queries.validity import valid_on

TECHNICAL_ROLE = "technical_admin"


@dataclass(frozen=True, slots=True)
class Identity:
    """A contact acting for one organisation, with the roles held there that day."""

    contact_id: int
    contact_name: str
    language: str
    organisation_id: int
    organisation_name: str
    contract_id: int | None
    roles: frozenset[str]

    @property
    def is_technical(self) -> bool:
        """Tell whether the customer named this contact as a technical one."""
        return TECHNICAL_ROLE in self.roles


def find_identities(
    session: Session, addresses: Collection[str], today: date
) -> Mapping[str, tuple[Identity, ...]]:
    """Find who may write from each of the normalised `addresses` on the local day `today`.

    One entry for each membership valid that day; addresses that nobody has are absent.
    """
    rows = fetch(session, _by_address(), addresses=list(addresses), today=today)
    return _identities_by_address(rows)


def find_identity(
    session: Session, contact_id: int, organisation_id: int, today: date
) -> Identity | None:
    """Find a contact acting for an organisation on the local day `today`, None if it does not."""
    rows = fetch(
        session, _by_ids(), contact_id=contact_id, organisation_id=organisation_id, today=today
    )
    return next(iter(_identities_by_address(rows).get("", ())), None)


@cache
def _by_address() -> AnySelect:
    return (
        _identities()
        .add_columns(ContactAddress.address)
        .join(ContactAddress, ContactAddress.contact_id == Contact.id)
        .where(ContactAddress.address.in_(sa.bindparam("addresses", expanding=True)))
    )


@cache
def _by_ids() -> AnySelect:
    return (
        _identities()
        .add_columns(sa.literal("").label("address"))
        .where(
            Contact.id == sa.bindparam("contact_id"),
            Organisation.id == sa.bindparam("organisation_id"),
        )
    )


def _identities() -> AnySelect:
    return (
        sa.select(
            Contact.id.label("contact_id"),
            Contact.name.label("contact_name"),
            Contact.language,
            Organisation.id.label("organisation_id"),
            Organisation.name.label("organisation_name"),
            Organisation.contract_id,
            Membership.id.label("membership_id"),
            MembershipRole.role,
        )
        .join(Membership, Membership.contact_id == Contact.id)
        .join(Organisation, Organisation.id == Membership.organisation_id)
        .outerjoin(
            MembershipRole,
            sa.and_(MembershipRole.membership_id == Membership.id, valid_on(MembershipRole)),
        )
        .where(valid_on(Membership))
        .order_by(Contact.id, Organisation.id)
    )


def _identities_by_address(rows: Iterable[Any]) -> dict[str, tuple[Identity, ...]]:
    roles: dict[tuple[str, int], set[str]] = defaultdict(set)
    firsts: dict[tuple[str, int], Any] = {}
    for row in rows:
        key = (row.address, row.membership_id)
        firsts.setdefault(key, row)
        if row.role is not None:
            roles[key].add(row.role)
    found: dict[str, tuple[Identity, ...]] = {}
    for key, row in firsts.items():
        identity = Identity(
            row.contact_id,
            row.contact_name,
            row.language,
            row.organisation_id,
            row.organisation_name,
            row.contract_id,
            frozenset(roles[key]),
        )
        found[key[0]] = (*found.get(key[0], ()), identity)
    return found
