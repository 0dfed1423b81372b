"""Putting a batch of filings down: a few statements for the batch, not a few for each mail.

These functions run inside the caller's transaction.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.acknowledge import acknowledge
from supportdesk.actions.intake.filing import Filing
from supportdesk.actions.intake.hand_overs import note_hand_overs
from supportdesk.actions.intake.reports import write_reports
from supportdesk.actions.intake.rows import (
    deadline_rows,
    decision_row,
    event_rows,
    hand_over_row,
    line_rows,
    message_row,
    new_ticket_row,
    ticket_changes,
)
from supportdesk.actions.intake.scene import Arrival, Scene
from supportdesk.actions.runtime import Runtime
from supportdesk.db.blobs import key_of
from supportdesk.db.bulk import insert_all, insert_returning_ids, table_of
from supportdesk.db.models import (
    Deadline,
    Event,
    MessageMailbox,
    Receipt,
    ReceiptState,
    RequestLine,
    StoredAttachment,
    StoredDecision,
    Ticket,
)
from supportdesk.db.search_index import insert_messages
from supportdesk.db.work import insert_or_ignore
from supportdesk.routing.assign import next_assistant


def write_duplicates(session: Session, arrivals: Sequence[Arrival], scene: Scene) -> None:
    """Note that further mailboxes, or the same one again, got mails that we have already."""
    if not arrivals:
        return
    rows = [(one, scene.known_messages[one.key][0]) for one in arrivals]
    session.execute(
        insert_or_ignore(session, table_of(MessageMailbox)),
        [{"message_id": known, "mailbox_id": one.mailbox_id} for one, known in rows],
    )
    _mark_processed(session, [(one.receipt_id, known) for one, known in rows], are_duplicates=True)


def write_filings(
    session: Session, runtime: Runtime, filings: Sequence[Filing], scene: Scene
) -> None:
    """Write tickets, messages, decisions and all that follows from them, and the answers due."""
    if not filings:
        return
    handlers = _handlers(filings, scene)
    tickets = _open_tickets(session, runtime, filings, handlers, scene)
    _change_tickets(session, filings, handlers, scene)
    messages = insert_messages(
        session,
        [message_row(one, ticket) for one, ticket in zip(filings, tickets, strict=True)],
    )
    placed = list(zip(filings, tickets, messages, strict=True))
    deadlines: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    _write_attachments(session, filings, messages)
    insert_all(
        session,
        MessageMailbox,
        [
            {"message_id": message, "mailbox_id": one.arrival.mailbox_id}
            for one, _, message in placed
        ],
    )
    insert_all(
        session,
        StoredDecision,
        [decision_row(*one) for one in placed if one[0].decision is not None],
    )
    for filing, ticket, message in placed:
        deadlines += deadline_rows(filing, ticket, scene)
        lines += line_rows(filing, ticket, scene)
        events += event_rows(filing, ticket, message, scene)
    insert_all(session, Deadline, deadlines)
    insert_all(session, RequestLine, lines)
    insert_all(session, Event, events)
    note_hand_overs(
        session,
        [
            row
            for one, ticket, _ in placed
            if (row := hand_over_row(one, ticket, scene)) is not None
        ],
    )
    _mark_processed(session, [(one.arrival.receipt_id, message) for one, _, message in placed])
    write_reports(session, runtime, placed, scene)
    acknowledge(session, runtime, [(one, ticket) for one, ticket, _ in placed], scene)


def _handlers(filings: Sequence[Filing], scene: Scene) -> list[int | None]:
    """Choose who works on each ticket; the pool's assistants share a batch fairly."""
    pool = list(scene.pool)
    chosen: list[int | None] = []
    for filing in filings:
        handler_id = None
        if filing.decision is not None and filing.decision.person is not None:
            handler_id = filing.decision.person.id
        elif filing.takes_an_assistant:
            assistant = next_assistant(pool)
            if assistant is not None:
                handler_id = assistant.id
                busier = replace(assistant, open_tickets=assistant.open_tickets + 1)
                pool = [busier if one is assistant else one for one in pool]
        chosen.append(handler_id)
    return chosen


def _open_tickets(
    session: Session,
    runtime: Runtime,
    filings: Sequence[Filing],
    handlers: Sequence[int | None],
    scene: Scene,
) -> list[int]:
    """Open the new tickets and give the ticket of every filing, old or new."""
    opened = iter(
        insert_returning_ids(
            session,
            Ticket,
            [
                new_ticket_row(one, handler, scene, runtime.settings.language)
                for one, handler in zip(filings, handlers, strict=True)
                if one.is_new_ticket
            ],
        )
    )
    return [one.place.thread.ticket_id if one.place.thread else next(opened) for one in filings]


def _change_tickets(
    session: Session, filings: Sequence[Filing], handlers: Sequence[int | None], scene: Scene
) -> None:
    for one, handler in zip(filings, handlers, strict=True):
        thread = one.place.thread
        if thread is not None and one.decision is not None:
            session.execute(
                sa.update(Ticket)
                .where(Ticket.id == thread.ticket_id)
                .values(**ticket_changes(one, thread, handler, scene), version=Ticket.version + 1)
            )


def _write_attachments(
    session: Session, filings: Sequence[Filing], messages: Sequence[int]
) -> None:
    insert_all(
        session,
        StoredAttachment,
        [
            {
                "message_id": message,
                "token": secrets.token_urlsafe(32),
                "filename": attachment.filename,
                "content_type": attachment.content_type,
                "size_bytes": len(attachment.content),
                "blob_key": key_of(attachment.content),  # kept before the transaction
                "content_id": attachment.content_id,
                "is_inline": attachment.is_inline,
                "invitation": asdict(attachment.invitation) if attachment.invitation else None,
            }
            for one, message in zip(filings, messages, strict=True)
            for attachment in one.arrival.message.attachments
        ],
    )


def _mark_processed(
    session: Session, done: Sequence[tuple[int, int]], *, are_duplicates: bool = False
) -> None:
    rows = [
        {"receipt": receipt_id, "message": message_id, "duplicate": are_duplicates}
        for receipt_id, message_id in done
    ]
    session.connection().execute(_processed(), rows)


@cache
def _processed() -> sa.Update:
    receipt = table_of(Receipt)
    return (
        sa.update(receipt)
        .where(receipt.c.id == sa.bindparam("receipt"))
        .values(
            state=ReceiptState.PROCESSED,
            message_id=sa.bindparam("message"),
            is_duplicate=sa.bindparam("duplicate"),
            problem=None,
        )
    )
