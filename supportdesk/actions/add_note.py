"""Writing a note that customers never see."""

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import Author
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.search_index import insert_messages
from supportdesk.errors import InvalidInput
from supportdesk.messages import Channel
from supportdesk.tickets import EventKind

MAX_CHARS = 100_000


def add_note(runtime: Runtime, viewer: Viewer, ticket_id: int, text: str) -> int:
    """Add an internal note to a ticket and give its message id."""
    text = text.strip()
    if not text:
        raise InvalidInput("The note is empty; write what colleagues need to know.")
    if len(text) > MAX_CHARS:
        raise InvalidInput(
            "The note has {length} characters; at most {most} are kept.",
            length=len(text),
            most=MAX_CHARS,
        )
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = ticket_to_change(session, viewer, ticket_id)
        note = {
            "ticket_id": ticket.id,
            "author": Author.AGENT,
            "is_internal": True,
            "channel": Channel.WEB,
            "agent_id": viewer.agent_id,
            "created_at": now,
            "sender_name": viewer.name,
            "text": text,
            "reply_text": text,
        }
        (note_id,) = insert_messages(session, [note])
        record_event(
            session,
            EventKind.NOTE_ADDED,
            ticket_id=ticket.id,
            at=now,
            agent_id=viewer.agent_id,
            data={"message_id": note_id},
        )
        return note_id
