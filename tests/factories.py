"""People, customers and tickets for tests; what a test does not care about is filled in.

`make_cast` gives the people whom most tests talk about, with one customer under a contract.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import (
    Agent,
    AgentRight,
    Assignment,
    Author,
    Contact,
    ContactAddress,
    ContactNumber,
    Deadline,
    DeadlineKind,
    FrameworkContract,
    HandOver,
    LineState,
    Mailbox,
    Membership,
    MembershipRole,
    Message,
    Organisation,
    Receipt,
    ReceiptState,
    RequestLine,
    Right,
    Service,
    Suppression,
    Team,
    TeamMember,
    Ticket,
    Work,
    WorkState,
)
from supportdesk.db.search_index import index_messages
from supportdesk.messages import Assurance, Channel, ReportKind
from supportdesk.tickets import Desk, State

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
"""A Tuesday, 12:00 in Prague: the desk is open."""

LONG_AGO = date(2020, 1, 1)

_numbers = count(1)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of most tests, and their customer."""

    jana: Agent  # consultant of the region
    petr: Agent  # her deputy
    olga: Agent  # pool
    tomas: Agent  # TDMS
    supervisor: Agent
    account_manager: Agent
    administrator: Agent
    contract: FrameworkContract
    region: Organisation  # the central authority
    school: Organisation  # a delegating one
    ekonom: Contact  # finance administrator of the region
    technik: Contact  # technical administrator of the region
    reditel: Contact  # responsible person of the school
    mailbox: Mailbox


def make_cast(session: Session) -> Cast:
    """Make the people of most tests with the region that they serve."""
    jana = make_agent(session, "Jana Nováková", desks=[Desk.CUSTOMER_CENTRE])
    petr = make_agent(session, "Petr Dvořák", desks=[Desk.CUSTOMER_CENTRE])
    manager = make_agent(session, "Karel Svoboda", rights=[Right.ACCOUNT_MANAGER])
    contract = make_contract(session, "RS-2026-01")
    region = make_organisation(session, "Kraj Modrá Hora", contract=contract, authority="central")
    school = make_organisation(
        session, "Gymnázium Modrá Hora", contract=contract, authority="delegating"
    )
    for agent, service in (
        (jana, Service.CONSULTANT),
        (petr, Service.DEPUTY),
        (manager, Service.ACCOUNT_MANAGER),
    ):
        make_assignment(session, agent, service, contract=contract)
    return Cast(
        jana=jana,
        petr=petr,
        olga=make_agent(session, "Olga Pokorná", desks=[Desk.POOL], experience=5),
        tomas=make_agent(session, "Tomáš Marek", desks=[Desk.TDMS]),
        supervisor=make_agent(session, "Věra Malá", rights=[Right.SUPERVISOR]),
        account_manager=manager,
        administrator=make_agent(session, "Adam Správný", rights=[Right.ADMINISTRATOR]),
        contract=contract,
        region=region,
        school=school,
        ekonom=make_contact(
            session,
            "Eva Ekonomová",
            region,
            roles=["finance_admin"],
            address="ekonom@kraj.example",
        ),
        technik=make_contact(
            session,
            "Ivan Technický",
            region,
            roles=["technical_admin"],
            address="technik@kraj.example",
        ),
        reditel=make_contact(
            session,
            "Radek Ředitel",
            school,
            roles=["responsible"],
            address="reditel@gymnazium.example",
        ),
        mailbox=make_mailbox(session, "business@example.com"),
    )


def make_team(session: Session, desk: Desk) -> Team:
    """Give the team of a desk, made when it is not there yet."""
    team = session.scalar(sa.select(Team).where(Team.desk == desk))
    return team or _add(session, Team(desk=desk, name=desk.value))


def make_agent(
    session: Session,
    name: str = "Nikdo Nijaký",
    *,
    desks: Iterable[Desk] = (),
    rights: Iterable[Right] = (),
    experience: int = 1,
    username: str | None = None,
    is_active: bool = True,
) -> Agent:
    """Make a member of staff who cannot log in."""
    agent = Agent(username=username or f"agent{next(_numbers)}", name=name, is_active=is_active)
    agent.teams = [
        TeamMember(team_id=make_team(session, desk).id, experience=experience) for desk in desks
    ]
    agent.rights = [AgentRight(right=right) for right in rights]
    return _add(session, agent)


def make_contract(session: Session, number: str = "") -> FrameworkContract:
    """Make a framework contract."""
    number = number or f"RS-{next(_numbers)}"
    return _add(session, FrameworkContract(number=number, name=f"Rámcová smlouva {number}"))


def make_organisation(
    session: Session,
    name: str = "Obec Zelená",
    *,
    contract: FrameworkContract | None = None,
    authority: str | None = None,
) -> Organisation:
    """Make a customer; without an authority its contract makes it a delegating one."""
    if contract is not None and authority is None:
        authority = "delegating"
    return _add(
        session,
        Organisation(
            key=f"Z{next(_numbers)}",
            name=name,
            contract_id=contract.id if contract else None,
            authority=authority,
        ),
    )


def make_contact(
    session: Session,
    name: str = "Karla Kontaktní",
    *organisations: Organisation,
    roles: Iterable[str] = ("informational",),
    address: str | None = None,
    number: str | None = None,
    valid_from: date = LONG_AGO,
    valid_until: date | None = None,
) -> Contact:
    """Make a contact with an address of its own, holding the roles in every organisation given."""
    key = next(_numbers)
    contact = Contact(key=f"K{key}", name=name)
    contact.addresses = [ContactAddress(address=address or f"contact{key}@example.org")]
    contact.numbers = [ContactNumber(number=number)] if number else []
    contact.memberships = [
        Membership(
            organisation_id=organisation.id,
            valid_from=valid_from,
            valid_until=valid_until,
            roles=[
                MembershipRole(role=role, valid_from=valid_from, valid_until=valid_until)
                for role in roles
            ],
        )
        for organisation in organisations
    ]
    return _add(session, contact)


def make_assignment(
    session: Session,
    agent: Agent,
    service: Service = Service.CONSULTANT,
    *,
    organisation: Organisation | None = None,
    contract: FrameworkContract | None = None,
    valid_from: date = LONG_AGO,
    valid_until: date | None = None,
) -> Assignment:
    """Make an agent serve an organisation, or all those under a contract."""
    return _add(
        session,
        Assignment(
            service=service,
            agent_id=agent.id,
            organisation_id=organisation.id if organisation else None,
            contract_id=contract.id if contract else None,
            valid_from=valid_from,
            valid_until=valid_until,
        ),
    )


def make_mailbox(session: Session, address: str = "", *, topic: str | None = None) -> Mailbox:
    """Make one of our mailboxes, fed by the door only."""
    address = address or f"mailbox{next(_numbers)}@example.com"
    return _add(session, Mailbox(address=address, name=address, topic=topic))


def make_ticket(
    session: Session,
    *,
    contact: Contact | None = None,
    organisation: Organisation | None = None,
    owner: Agent | None = None,
    handler: Agent | None = None,
    desk: Desk = Desk.CUSTOMER_CENTRE,
    state: State = State.NEW,
    subject: str = "Prosba o výpis",
    created_at: datetime = NOON,
    needs_identification: bool = False,
) -> Ticket:
    """Make a ticket without messages."""
    return _add(
        session,
        Ticket(
            subject=subject,
            state=state,
            channel=Channel.EMAIL,
            contact_id=contact.id if contact else None,
            organisation_id=organisation.id if organisation else None,
            owner_id=owner.id if owner else None,
            handler_id=handler.id if handler else None,
            desk=desk,
            needs_identification=needs_identification,
            created_at=created_at,
            last_message_at=created_at,
            resolved_at=created_at if state in {State.RESOLVED, State.CLOSED} else None,
            closed_at=created_at if state is State.CLOSED else None,
        ),
    )


def make_message(
    session: Session,
    ticket: Ticket,
    text: str = "Dobrý den, prosím o výpis hovorů.",
    *,
    contact: Contact | None = None,
    author: Author = Author.CUSTOMER,
    assurance: Assurance = Assurance.L0,
    is_internal: bool = False,
    created_at: datetime = NOON,
    subject: str | None = None,
    sender_name: str = "",
) -> Message:
    """Make a mail of the customer, to be found; `contact` None is a sender not on file."""
    number = next(_numbers)
    message = _add(
        session,
        Message(
            ticket_id=ticket.id,
            author=author,
            is_internal=is_internal,
            channel=Channel.EMAIL,
            contact_id=contact.id if contact else None,
            created_at=created_at,
            sender_name=contact.name if contact else sender_name,
            sender_address=f"sender{number}@example.org",
            subject=ticket.subject if subject is None else subject,
            text=text,
            reply_text=text,
            rfc_message_id=f"<{number}@example.org>",
            content_hash=_sha256(f"{number}"),
            assurance=assurance,
        ),
    )
    index_messages(session, {message.id: vars(message)})
    return message


def make_line(
    session: Session,
    ticket: Ticket,
    activity: str = "invoice_view",
    *,
    state: LineState = LineState.PROPOSED,
) -> RequestLine:
    """Make a request line."""
    return _add(
        session,
        RequestLine(ticket_id=ticket.id, activity=activity, state=state, created_at=NOON),
    )


def make_deadline(
    session: Session, ticket: Ticket, kind: DeadlineKind = DeadlineKind.RESOLUTION
) -> Deadline:
    """Make a deadline that ends two days after the ticket began."""
    starts_at = ticket.created_at
    return _add(
        session,
        Deadline(
            ticket_id=ticket.id,
            kind=kind,
            starts_at=starts_at,
            due_at=starts_at + timedelta(days=2),
        ),
    )


def make_hand_over(
    session: Session, ticket: Ticket, owner: Agent, *, recipient: Agent | None = None
) -> HandOver:
    """Make a hand-over of the night, due at noon."""
    return _add(
        session,
        HandOver(
            ticket_id=ticket.id,
            owner_id=owner.id,
            from_desk=Desk.POOL,
            created_at=NOON - timedelta(hours=12),
            due_at=NOON,
            recipient_id=recipient.id if recipient else None,
        ),
    )


def make_receipt(
    session: Session,
    *,
    state: ReceiptState = ReceiptState.QUARANTINED,
    mailbox: Mailbox | None = None,
) -> Receipt:
    """Make a receipt of a mail that could not be read."""
    number = next(_numbers)
    return _add(
        session,
        Receipt(
            channel=Channel.EMAIL,
            external_id=f"door:{number}",
            mailbox_id=mailbox.id if mailbox else None,
            received_at=NOON,
            stored_at=NOON,
            blob_key=_sha256(f"receipt {number}"),
            size_bytes=1000,
            state=state,
            problem="The mail has 20,000 parts." if state is ReceiptState.QUARANTINED else None,
        ),
    )


def make_suppression(
    session: Session,
    ticket: Ticket,
    address: str = "",
    *,
    kind: ReportKind = ReportKind.FAILED,
    detail: str = "550 5.1.1 No such user",
) -> Suppression:
    """Make an address suppressed after a mail of the ticket."""
    message = make_message(session, ticket, author=Author.AGENT)
    return _add(
        session,
        Suppression(
            address=address or f"gone{next(_numbers)}@example.org",
            kind=kind,
            detail=detail,
            message_id=message.id,
            since=NOON,
        ),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _add(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


def make_dead_work(session: Session, kind: str = "close", **payload: Any) -> Work:
    """Make work that was given up."""
    work = Work(
        kind=kind,
        payload=payload,
        state=WorkState.DEAD,
        problem="Nejde to.",
        visible_at=NOON,
        attempts=3,
        max_attempts=3,
        created_at=NOON,
        finished_at=NOON,
    )
    session.add(work)
    session.flush()
    return work
