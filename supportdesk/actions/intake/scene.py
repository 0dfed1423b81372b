"""What the database knows that matters for a batch of arrivals, gathered in a few queries."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.channels.email.addresses import normalise_address
from supportdesk.channels.email.tokens import (
    read_address,
    read_bounce_address,
    read_message_id,
)
from supportdesk.db.models import Mailbox, Ticket
from supportdesk.db.queries.pool import load_pool
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.queries.senders import Identity, find_identities
from supportdesk.db.queries.sent_mails import SentMail, find_sent_mails
from supportdesk.db.queries.service import Assigned, find_assigned, load_agents, load_calendar
from supportdesk.db.queries.threads import (
    Thread,
    find_known_messages,
    find_threads,
    find_tickets_by_message_id,
)
from supportdesk.messages import Automatic, InboundMessage
from supportdesk.routing import facts
from supportdesk.routing.assign import Assistant
from supportdesk.routing.calendar import BusinessCalendar, local_date
from supportdesk.routing.subjects import ticket_in_subject


@dataclass(frozen=True, slots=True)
class Arrival:
    """A received mail that was understood; `envelope_to` is what the transport was told.

    `sender` is the sender's normalised address, "" when there is no usable one.
    """

    receipt_id: int
    mailbox_id: int
    received_at: datetime
    envelope_to: tuple[str, ...]
    message: InboundMessage
    sender: str

    @classmethod
    def of(
        cls,
        receipt_id: int,
        mailbox_id: int,
        received_at: datetime,
        envelope_to: Sequence[str],
        message: InboundMessage,
    ) -> Self:
        """Give the arrival of a message, its sender known by the address."""
        sender = normalise_address(message.sender.address) if message.sender else ""
        return cls(receipt_id, mailbox_id, received_at, tuple(envelope_to), message, sender)

    @property
    def key(self) -> tuple[str, str]:
        """Give the identity of the mail, the same in every mailbox that got it."""
        return (self.message.message_id or "", self.message.content_hash)


@dataclass(frozen=True, slots=True)
class MailboxFact:
    """One of our mailboxes as routing needs it; `topic` is what writing to it tells."""

    address: str
    name: str
    topic: facts.TopicKind | None


@dataclass(frozen=True, slots=True)
class Scene:
    """All that filing a batch may look at."""

    now: datetime
    calendar: BusinessCalendar
    agents: Mapping[int, facts.Agent]
    pool: Sequence[Assistant]
    mailboxes: Mapping[int, MailboxFact]
    known_messages: Mapping[tuple[str, str], tuple[int, int]]
    candidates: Mapping[int, tuple[int, ...]]  # receipt -> tickets it may continue, best first
    signed: Mapping[int, frozenset[int]]  # receipt -> those of them that our own signature names
    reported: Mapping[int, SentMail]  # receipt -> the mail of ours that it reports about
    threads: Mapping[int, Thread]
    identities: Mapping[str, tuple[Identity, ...]]
    assigned: Mapping[int, Assigned]


def gather(session: Session, arrivals: Sequence[Arrival], *, now: datetime, key: bytes) -> Scene:
    """Gather what there is to know about `arrivals` at `now`; `key` signs thread tokens."""
    today = local_date(now)
    reported = _reported(session, arrivals, key)
    signed = {
        one.receipt_id: tuple(_signed(one, key, reported.get(one.receipt_id))) for one in arrivals
    }
    candidates = _candidates(session, arrivals, signed)
    named = {ticket for found in candidates.values() for ticket in found}
    _lock(session, named)
    threads = find_threads(session, named)
    identities = find_identities(session, {one.sender for one in arrivals if one.sender}, today)
    return Scene(
        now=now,
        calendar=load_calendar(session),
        agents=load_agents(session, now),
        pool=load_pool(session, now),
        mailboxes=_mailboxes(session),
        known_messages=find_known_messages(session, {one.key for one in arrivals}),
        candidates=candidates,
        signed={receipt_id: frozenset(found) for receipt_id, found in signed.items()},
        reported=reported,
        threads=threads,
        identities=identities,
        assigned=find_assigned(session, _organisations(identities, threads), today),
    )


def _lock(session: Session, ticket_ids: Collection[int]) -> None:
    """Keep others from changing tickets that are about to be continued; in one order for all."""
    if ticket_ids:
        session.execute(
            sa.select(Ticket.id)
            .where(Ticket.id.in_(ticket_ids))
            .order_by(Ticket.id)
            .with_for_update()
        )


def _organisations(
    identities: Mapping[str, tuple[Identity, ...]], threads: Mapping[int, Thread]
) -> dict[int, int | None]:
    found = {
        thread.organisation_id: thread.contract_id
        for thread in threads.values()
        if thread.organisation_id is not None
    }
    for known in identities.values():
        found |= {one.organisation_id: one.contract_id for one in known}
    return found


def _candidates(
    session: Session, arrivals: Sequence[Arrival], signed: Mapping[int, Sequence[int]]
) -> dict[int, tuple[int, ...]]:
    """Find the tickets that each arrival names: signed tokens, then known mails, then subjects."""
    referenced = {one.receipt_id: _references(one.message) for one in arrivals}
    by_message_id = find_tickets_by_message_id(
        session, {reference for found in referenced.values() for reference in found}
    )
    return {
        one.receipt_id: tuple(
            dict.fromkeys(
                [
                    *signed[one.receipt_id],
                    *_present(by_message_id.get(ref) for ref in referenced[one.receipt_id]),
                    *_present([ticket_in_subject(one.message.subject)]),
                ]
            )
        )
        for one in arrivals
    }


def _reported(session: Session, arrivals: Sequence[Arrival], key: bytes) -> dict[int, SentMail]:
    """Find the mails of ours that arrivals report about: by bounce address, then by Message-ID.

    Both are signed. Who the report is from tells nothing.
    """
    tokens = {one.receipt_id: bounced_outbox_id(one, key) for one in arrivals}
    named = {
        one.receipt_id: one.message.reported_message_id
        for one in arrivals
        if read_message_id(one.message.reported_message_id or "", key) is not None
    }
    mails = find_sent_mails(
        session, _present(tokens.values()), [each for each in named.values() if each]
    )
    by_outbox = {mail.outbox_id: mail for mail in mails}
    by_message_id = {mail.rfc_message_id: mail for mail in mails}
    found = {
        receipt_id: by_outbox.get(token or 0) or by_message_id.get(named.get(receipt_id) or "")
        for receipt_id, token in tokens.items()
    }
    return {receipt_id: mail for receipt_id, mail in found.items() if mail is not None}


def bounced_outbox_id(arrival: Arrival, key: bytes) -> int | None:
    """Give the outbox mail whose bounce address a report came to, None for any other mail."""
    if arrival.message.automatic not in {Automatic.BOUNCE, Automatic.REPORT}:
        return None
    written = (one.address for one in arrival.message.to)
    addresses = (*arrival.envelope_to, *written)
    return next(iter(_present(read_bounce_address(address, key) for address in addresses)), None)


def _signed(arrival: Arrival, key: bytes, reported: SentMail | None) -> Iterator[int]:
    """Give the tickets that addresses and Message-IDs of our own making name."""
    if reported is not None:
        yield reported.ticket_id
    message = arrival.message
    written = [one.address for one in (*message.to, *message.cc)]
    yield from _present(read_address(address, key) for address in (*arrival.envelope_to, *written))
    own = message.message_id if message.automatic is Automatic.LOOP else None
    identifiers = (*filter(None, [own]), *_references(message))
    yield from _present(read_message_id(identifier, key) for identifier in identifiers)


def _references(message: InboundMessage) -> tuple[str, ...]:
    """Give the Message-IDs that a mail refers to, the nearest first."""
    nearest = (message.reported_message_id, message.in_reply_to)
    return tuple(dict.fromkeys([*filter(None, nearest), *reversed(message.references)]))


def _present(found: Iterable[int | None]) -> list[int]:
    return [one for one in found if one is not None]


def _mailboxes(session: Session) -> dict[int, MailboxFact]:
    rows = fetch(session, _all_mailboxes())
    return {
        row.id: MailboxFact(
            row.address, row.name, facts.TopicKind(row.topic) if row.topic else None
        )
        for row in rows
    }


@cache
def _all_mailboxes() -> AnySelect:
    return sa.select(Mailbox.id, Mailbox.address, Mailbox.name, Mailbox.topic)
