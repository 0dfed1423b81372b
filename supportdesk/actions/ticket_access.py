"""Getting hold of a ticket in order to change it: who may, and whether it is still the same."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Ticket
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.queries.visibility import visible_tickets, writable_tickets
from supportdesk.errors import Conflict, NotAllowed, NotFound


def ticket_to_change(
    session: Session, viewer: Viewer, ticket_id: int, *, version: int | None = None
) -> Ticket:
    """Lock a ticket for this transaction; one with a `version` is counted as changed.

    Raises:
        NotFound: there is no such ticket, or the viewer may not know of it.
        NotAllowed: the viewer may only read it.
        Conflict: somebody changed it since the viewer saw `version`.
    """
    row = session.execute(
        sa.select(Ticket, writable_tickets(viewer).label("is_writable"))
        .where(Ticket.id == ticket_id, visible_tickets(viewer))
        .with_for_update(of=Ticket)
    ).one_or_none()
    if row is None:
        raise NotFound(
            "There is no ticket {ticket} that you may see; check its number.", ticket=ticket_id
        )
    ticket: Ticket = row.Ticket
    if not row.is_writable:
        raise NotAllowed(
            "You may read ticket {ticket}, but not work on it;"
            " ask the customer centre, the pool or a supervisor.",
            ticket=ticket_id,
        )
    if version is not None:
        _count_change(ticket, version)
    return ticket


def _count_change(ticket: Ticket, version: int) -> None:
    if ticket.version != version:
        raise Conflict(
            "Somebody changed ticket {ticket} in the meantime and nothing of yours was saved;"
            " look at the ticket again and repeat what is still needed.",
            ticket=ticket.id,
        )
    ticket.version += 1
