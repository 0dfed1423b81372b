"""The numbers beside the entries of the menu, all in one statement."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.queries.hand_overs import count_hand_overs
from supportdesk.db.queries.quarantine import count_quarantined
from supportdesk.db.queries.ticket_list import View, count_view
from supportdesk.db.queries.viewers import Viewer

HAND_OVERS = "hand_overs"
QUARANTINE = "quarantine"


def count_menu(session: Session, viewer: Viewer, views: Iterable[View]) -> Mapping[str, int]:
    """Count what waits behind each entry, up to a cap; what is done is never counted."""
    counts = {str(view): count_view(viewer, view) for view in views if view is not View.DONE}
    if viewer.works_on_tickets:
        counts[HAND_OVERS] = count_hand_overs(viewer)
    if viewer.sees_all_tickets:
        counts[QUARANTINE] = count_quarantined()
    if not counts:
        return {}
    row = session.execute(sa.select(*(count.label(name) for name, count in counts.items()))).one()
    return dict(zip(counts, row, strict=True))
