"""Hand a queued mail to the relay: at least once, always with the same Message-ID.

The attempt is written down before the last dot, so that a crash shows as "may have been delivered";
the answer is written down straight after it. Only one mail of a process at a time is in between:
whoever kills the process doubles one mail at most, however many threads send.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_event
from supportdesk.actions.keys import THREADS, instance_id, key_for
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.suppressions import note_refusal
from supportdesk.channels.email.addresses import normalise_address
from supportdesk.channels.email.compose import compose
from supportdesk.channels.email.smtp import NobodyAccepted, Refusal, Relay, Sent, ready_to_send
from supportdesk.channels.email.tokens import bounce_address, reply_address
from supportdesk.db.models import (
    Author,
    DeliveryReport,
    Message,
    OutboxMail,
    OutboxState,
    StoredAttachment,
    Ticket,
)
from supportdesk.db.work import Claim, ensure_ours, finish, postpone
from supportdesk.errors import ChannelError, InvalidInput, NotFound, write_down
from supportdesk.messages import Address, Attachment, OutboundMessage, ReportKind
from supportdesk.metrics import MAILS_FAILED, MAILS_SENT
from supportdesk.tickets import EventKind, State

_FIRST_DELAY_SECONDS = 30
_LONGEST_DELAY_SECONDS = 4 * 3600

_uncertain = threading.Lock()
"""Held while the relay may have a mail that is not yet written down as sent."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    outbox_id: int
    ticket_id: int
    envelope_from: str
    recipients: tuple[str, ...]
    message: OutboundMessage


def send_mail(runtime: Runtime, claim: Claim) -> None:
    """Send the mail of one claimed piece of work, or say when it is tried again.

    Raises:
        LeaseLost: another worker took the mail over; it is the one that goes on.
    """
    outbox_id = claim.payload["outbox_id"]
    if _is_settled(runtime, claim, outbox_id):
        return
    try:
        _send(runtime, claim, _prepare(runtime, claim, outbox_id))
    except ChannelError as error:
        if error.permanent or claim.is_last_attempt:
            refused = error.refused if isinstance(error, NobodyAccepted) else ()
            _give_up(runtime, claim, outbox_id, write_down(error), refused)
        else:
            _try_later(runtime, claim, outbox_id, error)
    except (InvalidInput, NotFound) as error:
        _give_up(runtime, claim, outbox_id, write_down(error))


def _is_settled(runtime: Runtime, claim: Claim, outbox_id: int) -> bool:
    """Tell whether the mail is not to be sent any more; the work is finished then."""
    with runtime.database.read() as session:
        mail = session.get(OutboxMail, outbox_id)
        is_settled = mail is None or mail.state in {OutboxState.SENT, OutboxState.FAILED}
    if is_settled:
        with runtime.database.write() as session:
            finish(session, [claim], now=runtime.clock())
    return is_settled


def _send(runtime: Runtime, claim: Claim, mail: _Prepared) -> None:
    raw = compose(mail.message, instance_id=instance_id(runtime.secret_key))
    ready = ready_to_send(relay_of(runtime), mail.envelope_from, mail.recipients, raw)
    with ready as hand_over, _uncertain:
        _begin(runtime, claim, mail.outbox_id)
        sent = hand_over()
        _sent(runtime, claim, mail.outbox_id, sent)


def _begin(runtime: Runtime, claim: Claim, outbox_id: int) -> None:
    """Write the attempt down."""
    with runtime.database.write() as session:
        ensure_ours(session, claim)  # a mail cannot be taken back
        mail = session.get_one(OutboxMail, outbox_id)
        mail.state = OutboxState.SENDING
        mail.send_started_at = runtime.clock()
        mail.attempts += 1


def _prepare(runtime: Runtime, claim: Claim, outbox_id: int) -> _Prepared:
    with runtime.database.read() as session:
        mail, message = session.execute(
            sa.select(OutboxMail, Message)
            .join(Message, Message.id == OutboxMail.message_id)
            .where(OutboxMail.id == outbox_id)
        ).one()
        attachments = _attachments(session, runtime, message.id)
    key = key_for(runtime.secret_key, THREADS)
    sender = Address(message.sender_name, message.sender_address)
    is_automatic = message.author is Author.SYSTEM
    envelope_from = mail.envelope_from  # "" for automatic mail: nobody reports about that
    if envelope_from and runtime.settings.bounce_addresses:
        envelope_from = bounce_address(envelope_from, mail.id, key)
    return _Prepared(
        outbox_id=mail.id,
        ticket_id=message.ticket_id,
        envelope_from=envelope_from,
        recipients=tuple(claim.payload.get("left", mail.recipients)),
        message=OutboundMessage(
            message_id=message.rfc_message_id or "",
            sender=sender,
            to=tuple(Address("", address) for address in message.recipients),
            cc=tuple(Address("", address) for address in message.cc),
            subject=message.subject,
            text=message.text,
            html=message.html,
            sent_at=message.created_at,
            envelope_from=envelope_from,
            reply_to=Address(sender.name, reply_address(sender.address, message.ticket_id, key)),
            in_reply_to=message.in_reply_to,
            references=tuple(message.references),
            attachments=attachments,
            auto_submitted="auto-replied" if is_automatic else None,
        ),
    )


def _attachments(session: Session, runtime: Runtime, message_id: int) -> tuple[Attachment, ...]:
    rows = session.execute(
        sa.select(StoredAttachment)
        .where(StoredAttachment.message_id == message_id)
        .order_by(StoredAttachment.id)
    ).scalars()
    return tuple(
        Attachment(row.filename, row.content_type, runtime.blobs.get(row.blob_key)) for row in rows
    )


def relay_of(runtime: Runtime) -> Relay:
    """Give the relay that the settings name."""
    settings = runtime.settings
    return Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password,
    )


def _sent(runtime: Runtime, claim: Claim, outbox_id: int, sent: Sent) -> None:
    """Write down that the relay took the mail; whom it refused for now gets it later."""
    now = runtime.clock()
    later = [one for one in sent.refused if not one.permanent and not claim.is_last_attempt]
    never = [one for one in sent.refused if one not in later]
    with runtime.database.write() as session:
        mail = session.get_one(OutboxMail, outbox_id)
        mail.problem = _words(sent.refused) or None
        ticket_id = _ticket_of(session, mail)
        if never:
            show_undelivered(session, ticket_id, mail, _words(never), now=now)
            _note_refusals(session, runtime, mail, never, now=now)
        if later:
            mail.state = OutboxState.QUEUED
            postpone(
                session,
                claim,
                until=now + timedelta(seconds=delay_seconds(claim.attempts)),
                problem=_words(later),
                payload={**claim.payload, "left": [one.address for one in later]},
            )
            return
        mail.state, mail.sent_at = OutboxState.SENT, now
        record_event(
            session,
            EventKind.SENT,
            ticket_id=ticket_id,
            at=now,
            data={"message_id": mail.message_id},
        )
        finish(session, [claim], now=now)
    MAILS_SENT.inc()


def _note_refusals(
    session: Session,
    runtime: Runtime,
    mail: OutboxMail,
    refused: Sequence[Refusal],
    *,
    now: datetime,
) -> None:
    """Count recipients whom the relay refuses for good as if their mail had come back."""
    for one in refused:
        if one.permanent:
            note_refusal(
                session,
                DeliveryReport(
                    message_id=mail.message_id,
                    recipient=normalise_address(one.address),
                    kind=ReportKind.FAILED,
                    status=one.status,
                    detail=f"{one.code} {one.text}"[:300],
                    at=now,
                ),
                after_failures=runtime.settings.suppress_after_failures,
            )


def _words(refused: Sequence[Refusal]) -> str:
    return "; ".join(f"{one.address}: {one.code} {one.text}" for one in refused)


def _try_later(runtime: Runtime, claim: Claim, outbox_id: int, error: ChannelError) -> None:
    seconds = error.retry_after_seconds or delay_seconds(claim.attempts)
    until = runtime.clock() + timedelta(seconds=seconds)
    with runtime.database.write() as session:
        mail = session.get_one(OutboxMail, outbox_id)
        mail.state, mail.problem = OutboxState.QUEUED, write_down(error)
        postpone(session, claim, until=until, problem=write_down(error))


def delay_seconds(attempts: int) -> int:
    """Give how long to wait after so many attempts: 30 s, doubling, at most 4 hours."""
    return min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS << min(attempts - 1, 12))


def _give_up(
    runtime: Runtime,
    claim: Claim,
    outbox_id: int,
    problem: str,
    refused: Sequence[Refusal] = (),
) -> None:
    now = runtime.clock()
    with runtime.database.write() as session:
        mail_failed(session, outbox_id, problem, now=now)
        mail = session.get_one(OutboxMail, outbox_id)
        _note_refusals(session, runtime, mail, refused, now=now)
        finish(session, [claim], now=now)


def mail_failed(session: Session, outbox_id: int, problem: str, *, now: datetime) -> None:
    """Mark a mail failed and bring its ticket back before somebody's eyes."""
    mail = session.get_one(OutboxMail, outbox_id)
    mail.state, mail.problem = OutboxState.FAILED, problem
    MAILS_FAILED.inc()
    show_undelivered(session, _ticket_of(session, mail), mail, problem, now=now)


def show_undelivered(
    session: Session, ticket_id: int, mail: OutboxMail, problem: str, *, now: datetime
) -> None:
    """Show a failed mail to who owns the ticket; our own automatic answers only leave a trace.

    Runs inside the caller's transaction.
    """
    record_event(
        session,
        EventKind.SEND_FAILED,
        ticket_id=ticket_id,
        at=now,
        data={"message_id": mail.message_id, "problem": problem},
    )
    if session.get_one(Message, mail.message_id).author is Author.SYSTEM:
        return
    ticket = session.get_one(Ticket, ticket_id, with_for_update=True)
    if ticket.state is not State.CLOSED:
        ticket.state = State.OPEN
        ticket.resolved_at = None
    ticket.handler_id = ticket.handler_id or ticket.owner_id
    ticket.is_answered = False
    ticket.last_message_at = now
    ticket.version += 1


def _ticket_of(session: Session, mail: OutboxMail) -> int:
    return session.get_one(Message, mail.message_id).ticket_id
