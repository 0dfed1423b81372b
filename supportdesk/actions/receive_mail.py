"""Keep a mail before anybody tries to understand it: bytes, receipts, and the work to route it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.addresses import normalise_address
from supportdesk.channels.email.hops import Hop
from supportdesk.channels.email.parse import readable_headers
from supportdesk.channels.email.tokens import split_plus
from supportdesk.db.bulk import table_of
from supportdesk.db.models import Mailbox, Receipt, ReceiptState
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.work import Kind, enqueue_many, insert_or_ignore
from supportdesk.errors import NotFound, Unreadable, write_down
from supportdesk.messages import Channel
from supportdesk.metrics import MAILS_RECEIVED

_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A mail found in a polled mailbox.

    `raw` is only its header when `is_truncated`; `size_bytes` is that of the whole mail.
    """

    mailbox_id: int
    uidvalidity: int
    uid: int
    raw: bytes
    received_at: datetime
    size_bytes: int
    is_truncated: bool


def is_our_address(runtime: Runtime, address: str) -> bool:
    """Tell whether mail to `address`, plus part or not, is for one of our active mailboxes."""
    with runtime.database.read() as session:
        return bool(_mailboxes_of(session, [address]))


def our_recipients(runtime: Runtime, raw: bytes) -> list[str]:
    """Tell which of our mailboxes a mail without an envelope is for: those that its header names.

    A mail that names none of them, as in a blind copy, goes to the first active mailbox.

    Raises:
        NotFound: there is no active mailbox at all.
    """
    headers = readable_headers(raw)
    named = {normalise_address(split_plus(one.address).base) for one in (*headers.to, *headers.cc)}
    with runtime.database.read() as session:
        active = session.scalars(
            sa.select(Mailbox.address).where(Mailbox.is_active).order_by(Mailbox.id)
        ).all()
    if not active:
        raise NotFound("There is no active mailbox; an administrator has to add one.")
    return [address for address in active if address in named] or [active[0]]


def receive_mail(
    runtime: Runtime,
    raw: bytes,
    *,
    mail_from: str,
    recipients: Sequence[str],
    received_at: datetime,
    peer: Hop | None = None,
) -> None:
    """Keep a mail that came through the door, once for each of our mailboxes it is addressed to.

    Returns only after the commit: now the sender may be told that it was accepted. The same bytes
    to the same mailbox again change nothing. `peer` is the host that brought it, None for nobody.

    Raises:
        NotFound: none of the recipients is ours.
    """
    blob_key = runtime.blobs.put(raw)  # the SHA-256 of the bytes
    now = runtime.clock()
    row = {
        "channel": Channel.EMAIL,
        "received_at": received_at,
        "stored_at": now,
        "blob_key": blob_key,
        "size_bytes": len(raw),
        "envelope": {"from": mail_from, "to": list(recipients)} | _told_of(peer),
    }

    def keep(session: Session) -> None:
        mailboxes = _mailboxes_of(session, recipients)
        if not mailboxes:
            raise NotFound(
                "None of the recipients is one of our mailboxes: {recipients}.",
                recipients=list(recipients),
            )
        rows = [
            row | {"external_id": f"door:{mailbox_id}:{blob_key}", "mailbox_id": mailbox_id}
            for mailbox_id in mailboxes
        ]
        _keep(session, rows, now=now, max_attempts=runtime.settings.work_attempts)

    runtime.database.write_together(keep)
    MAILS_RECEIVED.labels("door").inc()


def _told_of(peer: Hop | None) -> dict[str, str]:
    return {"peer": peer.address, "helo": peer.helo} if peer is not None else {}


def receive_fetched(runtime: Runtime, mail: Fetched) -> None:
    """Keep a mail found in a polled mailbox; one that is known already changes nothing.

    A mail above the size limit is kept as its header and goes to quarantine at once: the mail
    itself stays in the mailbox.
    """
    now = runtime.clock()
    row: dict[str, Any] = {
        "channel": Channel.EMAIL,
        "external_id": imap_identity(mail.mailbox_id, mail.uidvalidity, mail.uid),
        "mailbox_id": mail.mailbox_id,
        "received_at": _plausible(mail.received_at, now),
        "stored_at": now,
        "blob_key": runtime.blobs.put(mail.raw),
        "size_bytes": mail.size_bytes,
        "envelope": {},
    }
    if mail.is_truncated:
        row |= {
            "state": ReceiptState.QUARANTINED,
            "problem": write_down(too_large(runtime.settings.mail_max_mib)),
            "is_truncated": True,
        }
    with runtime.database.write() as session:
        if mail.is_truncated and _has_moved(session, row):
            return
        _keep(session, [row], now=now, max_attempts=runtime.settings.work_attempts)
    MAILS_RECEIVED.labels("imap").inc()


def too_large(most: int) -> Unreadable:
    """Say that of this mail only the header was fetched."""
    return Unreadable(
        "The mail is larger than {most} MiB; only its header was fetched, the mail is still in the"
        " mailbox. Read it there, or have the setting mail_max_mib raised and try again: then it is"
        " fetched whole.",
        most=most,
    )


def imap_identity(mailbox_id: int, uidvalidity: int, uid: int) -> str:
    """Give the identity of a mail in a polled mailbox. Source: RFC 3501 §2.3.1.1."""
    return f"imap:{mailbox_id}:{uidvalidity}:{uid}"


def imap_place(identity: str) -> tuple[int, int]:
    """Give UIDVALIDITY and UID of what `imap_identity` made."""
    _channel, _mailbox, uidvalidity, uid = identity.split(":")
    return int(uidvalidity), int(uid)


def _has_moved(session: Session, row: dict[str, Any]) -> bool:
    """Tell whether a mail kept as its header is known from before its folder was made anew.

    Whole ones are recognised by their content when they are routed; this one waits for a person,
    who is not asked twice. Its receipt takes the new identity, by which the rest can be fetched.
    """
    folder = row["external_id"].rpartition(":")[0]
    known = session.scalar(
        sa.select(Receipt.id)
        .where(Receipt.is_truncated, Receipt.mailbox_id == row["mailbox_id"])
        .where(Receipt.blob_key == row["blob_key"], Receipt.size_bytes == row["size_bytes"])
        .where(Receipt.external_id.not_like(f"{folder}:%"))
        .order_by(Receipt.id)
        .limit(1)
    )
    if known is None:
        return False
    session.execute(
        sa.update(Receipt).where(Receipt.id == known).values(external_id=row["external_id"])
    )
    return True


def _plausible(received_at: datetime, now: datetime) -> datetime:
    """Give when a mail came: servers without a clock write years that no calendar of ours has."""
    return received_at if _OLDEST <= received_at < now + timedelta(days=1) else now


def _mailboxes_of(session: Session, addresses: Collection[str]) -> list[int]:
    wanted = {normalise_address(split_plus(address).base) for address in addresses}
    return list(fetch(session, _active_mailboxes(), addresses=list(wanted)).scalars())


@cache
def _active_mailboxes() -> AnySelect:
    return (
        sa.select(Mailbox.id)
        .where(Mailbox.address.in_(sa.bindparam("addresses", expanding=True)), Mailbox.is_active)
        .order_by(Mailbox.id)
    )


def _keep(
    session: Session, rows: list[dict[str, Any]], *, now: datetime, max_attempts: int
) -> None:
    table = table_of(Receipt)
    keeping = insert_or_ignore(session, table).returning(table.c.id)
    new_ids: list[int] = []
    for row in rows:
        new_id = session.connection().scalar(keeping, row)
        if new_id is not None and row.get("state") is None:
            new_ids.append(new_id)
    enqueue_many(
        session,
        Kind.ROUTE,
        [{"receipt_id": receipt_id} for receipt_id in new_ids],
        now=now,
        max_attempts=max_attempts,
    )
