"""Letting search find the messages that were there before it: some at a time, the newest first."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Message, SearchBacklog
from supportdesk.db.queries.search import is_index_complete
from supportdesk.db.search_index import index_messages, indexed_among

AT_ONCE = 200
"""Messages in one transaction: SQLite's other writers wait for it."""

_FROM_THE_NEWEST = 2**63 - 1


def is_index_behind(runtime: Runtime) -> bool:
    """Tell whether older messages wait to be indexed."""
    with runtime.database.read() as session:
        return not is_index_complete(session)


def index_older_messages(runtime: Runtime) -> bool:
    """Index some messages that search does not know yet; tell whether there may be more."""
    with runtime.database.write() as session:
        backlog = session.scalar(
            sa.select(SearchBacklog).with_for_update(skip_locked=True).limit(1)
        )
        if backlog is None:
            return False
        messages = _next_messages(session, backlog.before_id or _FROM_THE_NEWEST)
        known = indexed_among(session, list(messages))
        index_messages(session, {one: row for one, row in messages.items() if one not in known})
        if messages:
            backlog.before_id = min(messages)
        else:
            session.delete(backlog)
        return bool(messages)


def _next_messages(session: Session, before: int) -> dict[int, Mapping[str, Any]]:
    """Give what is indexed of the newest messages before an id, by their ids."""
    rows = session.execute(
        sa.select(
            Message.id,
            Message.author,
            Message.subject,
            Message.sender_name,
            Message.sender_address,
            Message.reply_text,
            Message.text,
        )
        .where(Message.id < before)
        .order_by(Message.id.desc())
        .limit(AT_ONCE)
    )
    return {row.id: dict(row._mapping) for row in rows}
