"""What is left after the faults, and whether it keeps the promise.

Lose nothing; double no receipt, ticket or state; one mail may go out again, with the same
Message-ID, per killed sender.
"""

import email
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from supportdesk.db.database import Database
from supportdesk.db.models import (
    Author,
    Message,
    OutboxMail,
    OutboxState,
    Receipt,
    ReceiptState,
    Ticket,
    Work,
    WorkState,
)
from supportdesk.db.work import Kind
from tests.servers.smtp import ReceivedMail


@dataclass(frozen=True, slots=True)
class Evidence:
    """Mails are named by their Message-IDs; `senders_killed` counts processes that send."""

    accepted: frozenset[str]  # told 250
    tickets: Sequence[str]  # of each ticket, the customer's mail that opened it
    receipts: Sequence[ReceiptState]
    answers: Sequence[str]  # acknowledgements in the outbox
    delivered: Sequence[str]  # acknowledgements as the relay took them
    unfinished: Sequence[str] = field(default=())
    senders_killed: int = 0


def broken_promises(found: Evidence) -> list[str]:
    """Say what was promised and not kept; nothing when all is well."""
    problems = list(found.unfinished)
    tickets, delivered = Counter(found.tickets), Counter(found.delivered)
    problems += [f"lost: {one}" for one in sorted(found.accepted - tickets.keys())]
    problems += [f"doubled: {one}" for one, times in tickets.items() if times > 1]
    if len(found.receipts) != len(found.tickets):
        problems.append(f"{len(found.receipts)} receipts of {len(found.tickets)} tickets")
    problems += [f"receipt is {one}" for one in found.receipts if one is not ReceiptState.PROCESSED]
    if len(found.answers) != len(found.tickets):
        problems.append(f"{len(found.answers)} answers to {len(found.tickets)} tickets")
    problems += [f"not answered: {one}" for one in sorted(set(found.answers) - delivered.keys())]
    problems += [f"unknown answer: {one}" for one in sorted(delivered.keys() - set(found.answers))]
    repeated = sum(delivered.values()) - len(delivered)
    if repeated > found.senders_killed:
        problems.append(f"{repeated} repeated answers, {found.senders_killed} senders killed")
    return problems


def gather(
    database: Database,
    accepted: frozenset[str],
    relayed: Sequence[ReceivedMail],
    *,
    senders_killed: int,
) -> Evidence:
    """Read what the database and the relay have."""
    with database.read() as session:
        opened = (
            sa.select(Message.rfc_message_id)
            .join(Ticket, Ticket.id == Message.ticket_id)
            .where(Message.author == Author.CUSTOMER)
        )
        answers = sa.select(Message.rfc_message_id).where(Message.author == Author.SYSTEM)
        work = sa.select(Work).where(
            Work.kind.in_([Kind.ROUTE, Kind.SEND]), Work.state != WorkState.DONE
        )
        unsent = sa.select(OutboxMail.id).where(OutboxMail.state != OutboxState.SENT)
        return Evidence(
            accepted=accepted,
            tickets=[str(one) for one in session.scalars(opened)],
            receipts=session.scalars(sa.select(Receipt.state)).all(),
            answers=[str(one) for one in session.scalars(answers)],
            delivered=[str(email.message_from_bytes(one.raw)["Message-ID"]) for one in relayed],
            unfinished=[
                *(f"{one.kind} is {one.state}: {one.problem}" for one in session.scalars(work)),
                *(f"mail {one} is not sent" for one in session.scalars(unsent)),
            ],
            senders_killed=senders_killed,
        )
