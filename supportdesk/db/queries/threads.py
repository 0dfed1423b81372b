"""Which ticket a message may continue, and who takes part in it."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Author, ContactAddress, Message, Organisation, Ticket
from supportdesk.db.queries.prepared import AnySelect, AnyUnion, fetch
from supportdesk.messages import Automatic
from supportdesk.routing.facts import TopicKind
from supportdesk.tickets import Desk, State


@dataclass(frozen=True, slots=True)
class Thread:
    """A ticket as a new message finds it.

    `participants` are the normalised addresses that may write into it: its contact's, those of
    customers who wrote before, and those to whom an agent chose to write.
    """

    ticket_id: int
    state: State
    desk: Desk
    organisation_id: int | None
    contract_id: int | None
    contact_id: int | None
    owner_id: int | None
    handler_id: int | None
    priority: int
    topic: TopicKind
    is_topic_by_staff: bool
    needs_identification: bool
    replying_id: int | None
    replying_until: datetime | None
    last_staff_message_at: datetime | None
    participants: frozenset[str]


def find_threads(session: Session, ticket_ids: Collection[int]) -> Mapping[int, Thread]:
    """Load the tickets with their participants; numbers that no ticket has are absent."""
    if not ticket_ids:
        return {}
    participants = _participants(session, ticket_ids)
    columns = [
        column for name, column in Ticket.__table__.columns.items() if name in _TICKET_COLUMNS
    ]
    rows = session.execute(
        sa.select(*columns, Organisation.contract_id)
        .outerjoin(Organisation, Organisation.id == Ticket.organisation_id)
        .where(Ticket.id.in_(ticket_ids))
    ).mappings()
    return {
        row["id"]: Thread(
            ticket_id=row["id"],
            contract_id=row["contract_id"],
            participants=frozenset(participants[row["id"]]),
            **{name: row[name] for name in _TICKET_COLUMNS if name != "id"},
        )
        for row in rows
    }


def find_tickets_by_message_id(session: Session, message_ids: Collection[str]) -> Mapping[str, int]:
    """Find the tickets of messages by their RFC Message-IDs; unknown ones are absent."""
    if not message_ids:
        return {}
    rows = fetch(session, _by_message_id(), message_ids=list(message_ids))
    return {row.rfc_message_id: row.ticket_id for row in rows}


def find_known_messages(
    session: Session, keys: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Find messages we already have: (Message-ID, content hash) -> (message, ticket)."""
    if not keys:
        return {}
    rows = fetch(
        session,
        _known(),
        message_ids=[message_id for message_id, _ in keys if message_id],
        digests=[digest for message_id, digest in keys if not message_id],
    )
    return {
        (row.rfc_message_id, row.content_hash): (row.id, row.ticket_id)
        for row in rows
        if (row.rfc_message_id, row.content_hash) in keys
    }


@cache
def _by_message_id() -> AnySelect:
    return (
        sa.select(Message.rfc_message_id, Message.ticket_id)
        .where(Message.rfc_message_id.in_(sa.bindparam("message_ids", expanding=True)))
        .order_by(Message.id)
    )


@cache
def _known() -> AnyUnion:
    found = sa.select(
        Message.id, Message.ticket_id, Message.rfc_message_id, Message.content_hash
    ).where(Message.author == Author.CUSTOMER)
    return found.where(
        Message.rfc_message_id.in_(sa.bindparam("message_ids", expanding=True))
    ).union_all(
        found.where(
            Message.rfc_message_id == "",
            Message.content_hash.in_(sa.bindparam("digests", expanding=True)),
        )
    )


_TICKET_COLUMNS = (
    "id",
    "state",
    "desk",
    "organisation_id",
    "contact_id",
    "owner_id",
    "handler_id",
    "priority",
    "topic",
    "is_topic_by_staff",
    "needs_identification",
    "replying_id",
    "replying_until",
    "last_staff_message_at",
)


def _participants(session: Session, ticket_ids: Collection[int]) -> Mapping[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    on_file = session.execute(
        sa.select(Ticket.id, ContactAddress.address)
        .join(ContactAddress, ContactAddress.contact_id == Ticket.contact_id)
        .where(Ticket.id.in_(ticket_ids))
    )
    for ticket_id, address in on_file:
        found[ticket_id].add(address)
    written = session.execute(
        sa.select(
            Message.ticket_id,
            Message.author,
            Message.sender_address,
            Message.recipients,
            Message.cc,
        )
        .where(Message.ticket_id.in_(ticket_ids))
        .where(sa.not_(Message.is_internal), Message.automatic == Automatic.NO)
    )
    for row in written:
        match row.author:
            case Author.CUSTOMER:
                found[row.ticket_id].add(row.sender_address)
            case Author.AGENT:
                found[row.ticket_id].update(row.recipients, row.cc)
    return found
