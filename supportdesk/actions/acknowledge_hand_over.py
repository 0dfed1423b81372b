"""Confirming that one knows what others did in the meantime."""

import sqlalchemy as sa

from supportdesk.actions.history import record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import HandOver
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import NotAllowed, NotFound
from supportdesk.tickets import EventKind


def acknowledge_hand_over(runtime: Runtime, viewer: Viewer, hand_over_id: int) -> None:
    """Acknowledge a hand-over; one that is acknowledged already stays as it is.

    Raises:
        NotAllowed: it is neither the viewer's nor handed to her, and she is no supervisor.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket_id = session.scalar(sa.select(HandOver.ticket_id).where(HandOver.id == hand_over_id))
        if ticket_id is None:
            raise NotFound("There is no hand-over {hand_over}.", hand_over=hand_over_id)
        ticket_to_change(session, viewer, ticket_id)
        hand_over = session.get_one(HandOver, hand_over_id)
        mine = viewer.agent_id in {hand_over.recipient_id, hand_over.owner_id}
        if not mine and not viewer.is_supervisor:
            raise NotAllowed(
                "This hand-over is for somebody else;"
                " its recipient, the consultant or a supervisor acknowledges it."
            )
        if hand_over.acknowledged_at is not None:
            return
        hand_over.acknowledged_at = now
        hand_over.acknowledged_by_id = viewer.agent_id
        record_event(
            session,
            EventKind.HAND_OVER_ACKNOWLEDGED,
            ticket_id=ticket_id,
            at=now,
            agent_id=viewer.agent_id,
            data={"hand_over_id": hand_over_id},
        )
