"""Sending a mail again that the relay refused for good, once its cause is mended."""

import sqlalchemy as sa

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import Message, OutboxMail, OutboxState
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.work import Kind, enqueue, forget_dead
from supportdesk.errors import Conflict
from supportdesk.tickets import EventKind


def send_again(runtime: Runtime, viewer: Viewer, ticket_id: int, message_id: int) -> None:
    """Queue a failed mail of the ticket anew: same recipients, same Message-ID, fresh attempts.

    Raises:
        Conflict: the ticket has no such failed mail, or somebody sent it again already.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id)
        mail = session.scalar(
            sa.select(OutboxMail)
            .join(Message, Message.id == OutboxMail.message_id)
            .where(Message.id == message_id, Message.ticket_id == ticket.id)
            .where(OutboxMail.state == OutboxState.FAILED)
            .with_for_update(of=OutboxMail)
        )
        if mail is None:
            raise Conflict(
                "Ticket {ticket} has no such failed mail any more; look at it again.",
                ticket=ticket_id,
            )
        mail.state, mail.problem = OutboxState.QUEUED, None
        forget_dead(session, Kind.SEND, "outbox_id", [mail.id])
        enqueue(
            session,
            Kind.SEND,
            {"outbox_id": mail.id},
            now=now,
            max_attempts=runtime.settings.send_attempts,
        )
        record_event(
            session,
            EventKind.SENT_AGAIN,
            ticket_id=ticket.id,
            at=now,
            agent_id=viewer.agent_id,
            data={"message_id": message_id},
        )
