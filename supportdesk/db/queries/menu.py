"""The numbers beside the entries of the menu, all in one statement."""

from collections.abc import Mapping
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.queries.hand_overs import count_hand_overs
from supportdesk.db.queries.prepared import MOST_VIEWERS, AnySelect, fetch
from supportdesk.db.queries.quarantine import count_quarantined
from supportdesk.db.queries.ticket_list import View, count_view, views_of
from supportdesk.db.queries.viewers import Viewer

HAND_OVERS = "hand_overs"
QUARANTINE = "quarantine"


def count_menu(session: Session, viewer: Viewer) -> Mapping[str, int]:
    """Count what waits behind each entry, up to a cap; what is done is never counted."""
    statement = _counts(viewer)
    if statement is None:
        return {}
    return dict(fetch(session, statement).one()._mapping)


@lru_cache(maxsize=MOST_VIEWERS)
def _counts(viewer: Viewer) -> AnySelect | None:
    counts = {
        str(view): count_view(viewer, view) for view in views_of(viewer) if view is not View.DONE
    }
    if viewer.works_on_tickets:
        counts[HAND_OVERS] = count_hand_overs(viewer)
    if viewer.sees_all_tickets:
        counts[QUARANTINE] = count_quarantined()
    if not counts:
        return None
    return sa.select(*(count.label(name) for name, count in counts.items()))
