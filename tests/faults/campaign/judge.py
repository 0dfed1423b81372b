"""What is left after the faults, and whether it keeps the promise.

Lose nothing; double no receipt, ticket, decision or answer; a mail may go out again, with the same
Message-ID, once for each sender that was killed or left in doubt.
"""

import email
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import (
    Author,
    Message,
    OutboxMail,
    OutboxState,
    Receipt,
    ReceiptState,
    StoredDecision,
    Ticket,
)
from tests.faults.campaign.installation import Installation
from tests.faults.campaign.requests import Request
from tests.servers.smtp import ReceivedMail

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the service and its relay were when something began."""

    ticket_id: int
    message_id: int
    outbox_id: int
    relayed: int
    unconfirmed: int


@dataclass(slots=True)
class Verdict:
    """What became of some requests. `repeated` mails may be as many as `allowed`."""

    requests: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    held: int = 0
    repeated: int = 0
    allowed: int = 0

    @property
    def problems(self) -> list[str]:
        """Say which promises were broken; nothing when all is well."""
        told = [*self.lost, *self.doubled, *self.other]
        if self.repeated > self.allowed:
            told.append(f"{self.repeated} mails went out again, {self.allowed} may")
        return told


def mark(target: Installation) -> Mark:
    """Note how far everything is."""
    with target.runtime.database.read() as session:
        ticket_id, message_id, outbox_id = (
            session.scalar(sa.select(sa.func.max(model.id))) or 0
            for model in (Ticket, Message, OutboxMail)
        )
    relay = target.relay
    return Mark(ticket_id, message_id, outbox_id, len(relay.mails), relay.unconfirmed)


def judge(
    target: Installation,
    since: Mark,
    accepted: Sequence[Request],
    answers: Iterable[str],
    *,
    allowed: int,
    may_fail: bool = False,
    may_hold: bool = False,
) -> Verdict:
    """Compare what was accepted with what is there.

    Mails may fail when the relay said so, and good requests be held when their parser was killed.
    """
    left_in_doubt = target.relay.unconfirmed - since.unconfirmed
    verdict = Verdict(len(accepted), allowed=allowed + left_in_doubt)
    with target.runtime.database.read() as session:
        messages = _requests(session, accepted, verdict, may_hold=may_hold)
        _tickets(session, since, messages, accepted, verdict)
        _answers(session, since, answers, verdict)
        _mails(session, since, target.relay.mails[since.relayed :], verdict, may_fail=may_fail)
    return verdict


def _requests(
    session: Session, accepted: Sequence[Request], verdict: Verdict, *, may_hold: bool
) -> dict[str, int]:
    """Find the one message that each request became."""
    found = defaultdict(list)
    keys = [request.key for request in accepted]
    for start in range(0, len(keys), _AT_ONCE):
        stored = session.execute(
            sa.select(Receipt.blob_key, Receipt.state, Receipt.message_id, Receipt.problem).where(
                Receipt.blob_key.in_(keys[start : start + _AT_ONCE])
            )
        )
        for row in stored:
            found[row.blob_key].append(row)
    messages = {}
    for request in accepted:
        rows = found[request.key]
        ids = {row.message_id for row in rows} - {None}
        if any(row.state is ReceiptState.QUARANTINED for row in rows):
            verdict.held += 1
            if request.is_good and not may_hold:
                verdict.other.append(f"a good mail is held: {rows[0].problem}")
        elif not ids:
            states = [row.state.value for row in rows]
            verdict.lost.append(f"request {request.key[:12]} ({request.way}): receipts {states}")
        if len(ids) > 1:
            verdict.doubled.append(f"request {request.key[:12]} became messages {sorted(ids)}")
        if ids:
            messages[request.key] = min(ids)
    return messages


def _tickets(
    session: Session,
    since: Mark,
    messages: dict[str, int],
    accepted: Sequence[Request],
    verdict: Verdict,
) -> None:
    opened = session.execute(
        sa.select(Message.id, Message.ticket_id).where(
            Message.id > since.message_id, Message.author == Author.CUSTOMER
        )
    ).all()
    ticket_of = {row.id: row.ticket_id for row in opened}
    wanted = set(messages.values())
    verdict.doubled += [f"message {one} is nobody's" for one in sorted(ticket_of.keys() - wanted)]
    tickets = set(session.scalars(sa.select(Ticket.id).where(Ticket.id > since.ticket_id)))
    stray = tickets - set(ticket_of.values())
    verdict.doubled += [f"ticket {one} is nobody's" for one in sorted(stray)]
    shared = Counter(ticket_of.values())
    verdict.lost += [f"ticket {one} swallowed a request" for one in shared if shared[one] > 1]
    decided = Counter(
        session.scalars(
            sa.select(StoredDecision.message_id).where(StoredDecision.message_id > since.message_id)
        )
    )
    verdict.doubled += [f"message {one} was decided twice" for one in decided if decided[one] > 1]
    acknowledged = Counter(
        session.scalars(
            sa.select(Message.ticket_id).where(
                Message.id > since.message_id, Message.author == Author.SYSTEM
            )
        )
    )
    verdict.doubled += [
        f"ticket {one} was acknowledged twice" for one in acknowledged if acknowledged[one] > 1
    ]
    for request in accepted:
        ticket_id = ticket_of.get(messages.get(request.key, 0))
        if request.is_good and ticket_id is not None and not acknowledged[ticket_id]:
            verdict.lost.append(f"ticket {ticket_id} was not acknowledged")


def _answers(session: Session, since: Mark, answers: Iterable[str], verdict: Verdict) -> None:
    written = Counter(
        session.scalars(
            sa.select(Message.text).where(
                Message.id > since.message_id, Message.author == Author.AGENT
            )
        )
    )
    for text in answers:
        if not written[text]:
            verdict.lost.append(f"an agent's answer: {text}")
    verdict.doubled += [f"{times} times: {text}" for text, times in written.items() if times > 1]


def _mails(
    session: Session,
    since: Mark,
    relayed: Sequence[ReceivedMail],
    verdict: Verdict,
    *,
    may_fail: bool,
) -> None:
    rows = session.execute(
        sa.select(OutboxMail.state, OutboxMail.problem, Message.rfc_message_id)
        .join(Message, Message.id == OutboxMail.message_id)
        .where(OutboxMail.id > since.outbox_id)
    ).all()
    delivered = Counter(str(email.message_from_bytes(one.raw)["Message-ID"]) for one in relayed)
    for row in rows:
        if row.state is OutboxState.FAILED and may_fail:
            continue
        if row.state is not OutboxState.SENT:
            verdict.lost.append(f"mail {row.rfc_message_id} is {row.state}: {row.problem}")
        elif not delivered[row.rfc_message_id]:
            verdict.lost.append(f"mail {row.rfc_message_id} never reached the relay")
    known = {row.rfc_message_id for row in rows}
    verdict.other += [f"nobody knows mail {one}" for one in delivered.keys() - known]
    verdict.repeated = delivered.total() - len(delivered)
