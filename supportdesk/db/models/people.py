"""Customers: organisations under a framework contract, their contacts, and who may act for whom."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from supportdesk.db.base import Base, Id


class FrameworkContract(Base):
    """A contract under which a central authority and delegating authorities buy."""

    __tablename__ = "framework_contract"

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class Organisation(Base):
    """A customer. `authority` is central or delegating under a contract, None outside one."""

    __tablename__ = "organisation"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(unique=True)  # the operator's own customer number
    name: Mapped[str]
    registration_number: Mapped[str | None]  # IČO
    contract_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("framework_contract.id"), index=True
    )
    authority: Mapped[str | None] = mapped_column(sa.String(20))
    note: Mapped[str] = mapped_column(default="")

    contract: Mapped[FrameworkContract | None] = relationship()


class OrganisationNumber(Base):
    """A shared telephone number: it tells the organisation, never the person."""

    __tablename__ = "organisation_number"

    id: Mapped[Id]
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    number: Mapped[str] = mapped_column(sa.String(20), unique=True)  # E.164


class Contact(Base):
    """A person on the customer's side."""

    __tablename__ = "contact"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    language: Mapped[str] = mapped_column(sa.String(2), default="cs")

    addresses: Mapped[list["ContactAddress"]] = relationship(cascade="all, delete-orphan")
    numbers: Mapped[list["ContactNumber"]] = relationship(cascade="all, delete-orphan")
    memberships: Mapped[list["Membership"]] = relationship(back_populates="contact")


class ContactAddress(Base):
    """An email address on file, normalised; several contacts may share one."""

    __tablename__ = "contact_address"
    __table_args__ = (sa.UniqueConstraint("address", "contact_id"),)

    id: Mapped[Id]
    contact_id: Mapped[int] = mapped_column(sa.ForeignKey("contact.id"), index=True)
    address: Mapped[str]


class ContactNumber(Base):
    """A telephone number on file, E.164; several contacts may share one."""

    __tablename__ = "contact_number"
    __table_args__ = (sa.UniqueConstraint("number", "contact_id"),)

    id: Mapped[Id]
    contact_id: Mapped[int] = mapped_column(sa.ForeignKey("contact.id"), index=True)
    number: Mapped[str] = mapped_column(sa.String(20))


class Membership(Base):
    """A contact acting for an organisation on the days [valid_from, valid_until)."""

    __tablename__ = "membership"
    __table_args__ = (sa.UniqueConstraint("contact_id", "organisation_id"),)

    id: Mapped[Id]
    contact_id: Mapped[int] = mapped_column(sa.ForeignKey("contact.id"))
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]

    contact: Mapped[Contact] = relationship(back_populates="memberships")
    organisation: Mapped[Organisation] = relationship()
    roles: Mapped[list["MembershipRole"]] = relationship(cascade="all, delete-orphan")


class MembershipRole(Base):
    """A role held within a membership on the days [valid_from, valid_until)."""

    __tablename__ = "membership_role"
    __table_args__ = (sa.UniqueConstraint("membership_id", "role"),)

    id: Mapped[Id]
    membership_id: Mapped[int] = mapped_column(sa.ForeignKey("membership.id"))
    role: Mapped[str] = mapped_column(sa.String(30))
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
