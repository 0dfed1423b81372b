"""An agent answers the customer: the mail, its place in the outbox and the ticket, all at once."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import record_event
from supportdesk.actions.outgoing import Outgoing, queue_mails
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.channels.email.addresses import is_address, normalise_address
from supportdesk.channels.email.markdown import to_html
from supportdesk.db.models import (
    Author,
    Deadline,
    DeadlineKind,
    Mailbox,
    Message,
    Ticket,
)
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput
from supportdesk.messages import Automatic
from supportdesk.routing.subjects import with_ticket
from supportdesk.tickets import EventKind, State

AFTERWARDS = (State.WAITING_CUSTOMER, State.OPEN, State.WAITING_INTERNAL, State.RESOLVED)
"""What a ticket may be after a reply; one that was resolved is so again, or is reopened."""

MAX_RECIPIENTS = 20
MAX_CHARS = 100_000


def reply(
    runtime: Runtime,
    viewer: Viewer,
    ticket_id: int,
    *,
    text: str,
    to: Sequence[str],
    cc: Sequence[str] = (),
    last_seen_message_id: int,
    then_state: State = State.WAITING_CUSTOMER,
) -> int:
    """Store and queue an agent's reply, and give the new message's id.

    `last_seen_message_id` is the newest message that the agent had on the page: a reply is not sent
    past a message that she has not read.

    Raises:
        InvalidInput: the text is empty or too long, a recipient cannot be used, or a ticket is
            never `then_state` after a reply.
        Conflict: somebody has written in the meantime, or the ticket is closed.
    """
    recipients, copies = _checked(to), _checked(cc)
    if not recipients:
        raise InvalidInput("The reply has no recipient; give at least one address.")
    body = text.replace("\r\n", "\n").strip()
    if not body:
        raise InvalidInput("The reply is empty; write something or leave a note instead.")
    if len(body) > MAX_CHARS:
        raise InvalidInput(
            "The reply has {length} characters; {most} are allowed.",
            length=len(body),
            most=MAX_CHARS,
        )
    if then_state not in AFTERWARDS:
        raise InvalidInput(
            "A ticket cannot be {state} after a reply; it can be: {allowed}.",
            state=then_state,
            allowed=list(AFTERWARDS),
        )
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id)
        _refuse_blind_reply(session, ticket, last_seen_message_id)
        _change_ticket(session, ticket, viewer, body, then_state=then_state, now=now)
        mail = _mail(session, ticket, viewer, body, to=recipients, cc=copies)
        message_id = queue_mails(session, runtime, [mail], now=now)[0]
        record_event(
            session,
            EventKind.REPLIED,
            ticket_id=ticket.id,
            at=now,
            agent_id=viewer.agent_id,
            data={"message_id": message_id},
        )
    return message_id


def _checked(addresses: Sequence[str]) -> tuple[str, ...]:
    wanted = [address.strip() for address in addresses if address.strip()]
    for address in wanted:
        if not is_address(address):
            raise InvalidInput(
                "{address!r} is not an email address; correct or remove it.", address=address
            )
    if len(wanted) > MAX_RECIPIENTS:
        raise InvalidInput(
            "{count} recipients; at most {most} are allowed.",
            count=len(wanted),
            most=MAX_RECIPIENTS,
        )
    return tuple(dict.fromkeys(normalise_address(address) for address in wanted))


def _refuse_blind_reply(session: Session, ticket: Ticket, last_seen_message_id: int) -> None:
    newer = session.scalar(
        sa.select(sa.func.count())
        .select_from(Message)
        .where(Message.ticket_id == ticket.id, Message.id > last_seen_message_id)
        .where(Message.author != Author.SYSTEM, sa.not_(Message.is_internal))
        .where(Message.automatic.not_in([Automatic.BOUNCE, Automatic.REPORT]))
    )
    if newer:
        raise Conflict(
            "Ticket {ticket} has {count} newer message(s) that you have not seen;"
            " read them first. Your text was not sent and is still here.",
            ticket=ticket.id,
            count=newer,
        )


def _change_ticket(
    session: Session,
    ticket: Ticket,
    viewer: Viewer,
    body: str,
    *,
    then_state: State,
    now: datetime,
) -> None:
    if ticket.state is State.CLOSED:
        raise Conflict(
            "Ticket {ticket} is closed; open a new ticket for the customer instead.",
            ticket=ticket.id,
        )
    ticket.state = then_state
    ticket.resolved_at = now if then_state is State.RESOLVED else None
    ticket.handler_id = ticket.handler_id or viewer.agent_id
    ticket.is_answered = True
    ticket.last_message_at = ticket.last_staff_message_at = now
    ticket.preview = " ".join(body[:640].split())[:160]
    ticket.replying_id = ticket.replying_until = None
    ticket.version += 1
    _meet(session, ticket.id, DeadlineKind.FIRST_RESPONSE, now)
    if then_state is State.RESOLVED:
        _meet(session, ticket.id, DeadlineKind.RESOLUTION, now)


def _meet(session: Session, ticket_id: int, kind: DeadlineKind, now: datetime) -> None:
    session.execute(
        sa.update(Deadline)
        .where(Deadline.ticket_id == ticket_id, Deadline.kind == kind, Deadline.met_at.is_(None))
        .values(met_at=now)
    )


def _mail(
    session: Session,
    ticket: Ticket,
    viewer: Viewer,
    body: str,
    *,
    to: tuple[str, ...],
    cc: tuple[str, ...],
) -> Outgoing:
    mailbox = session.execute(
        sa.select(Mailbox.id, Mailbox.address)
        .where(sa.or_(Mailbox.id == ticket.mailbox_id, Mailbox.is_active))
        .order_by((Mailbox.id == ticket.mailbox_id).desc(), Mailbox.id)
        .limit(1)
    ).one_or_none()
    if mailbox is None:
        raise InvalidInput("There is no mailbox to send from; an administrator has to add one.")
    last = session.execute(
        sa.select(Message.subject, Message.rfc_message_id, Message.references)
        .where(Message.ticket_id == ticket.id, Message.author == Author.CUSTOMER)
        .where(Message.automatic == Automatic.NO)
        .order_by(Message.id.desc())
        .limit(1)
    ).one_or_none()
    reference = last.rfc_message_id if last else None
    return Outgoing(
        ticket_id=ticket.id,
        mailbox_id=mailbox.id,
        mailbox_address=mailbox.address,
        sender_name=viewer.name,
        to=to,
        cc=tuple(address for address in cc if address not in to),
        subject=with_ticket(_answer_subject(last.subject if last else ticket.subject), ticket.id),
        text=body,
        html=to_html(body),
        agent_id=viewer.agent_id,
        in_reply_to=reference or None,
        references=(*last.references, reference) if last and reference else (),
    )


def _answer_subject(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"
