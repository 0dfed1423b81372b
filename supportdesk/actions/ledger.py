"""Mending gaps of the ledger, and asking mailboxes whether we have a receipt of every mail."""

from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.dead_work import must_look_after_service
from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.mailbox_account import usable_account
from supportdesk.actions.poll_mailbox import ask_for_poll, cursor_of, known_uids
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap import uids_up_to
from supportdesk.db.models import Mailbox, Receipt, ReceiptState
from supportdesk.db.queries.ledger import find_gaps
from supportdesk.db.queries.mailboxes import IS_POLLED
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.work import Kind, enqueue_alone
from supportdesk.errors import Conflict, NotFound

_UIDS_A_QUESTION = 1_000
_RECONCILED_EVERY = timedelta(days=1)


def route_again(runtime: Runtime, viewer: Viewer | None, receipt_id: int) -> None:
    """Have a receipt understood that became nothing. A `viewer` of None is the command line.

    Raises:
        NotAllowed: the viewer does not look after the service.
        Conflict: it is no gap (any more).
    """
    must_look_after_service(viewer)
    now = runtime.clock()
    with runtime.database.write() as session:
        if not find_gaps(session, now=now, receipt_id=receipt_id):
            raise Conflict(
                "Receipt {receipt} is no gap any more; look at the ledger again.",
                receipt=receipt_id,
            )
        receipt = session.get_one(Receipt, receipt_id)
        receipt.state = ReceiptState.RECEIVED
        enqueue_alone(
            session,
            Kind.FETCH if receipt.is_truncated else Kind.ROUTE,
            {"receipt_id": receipt_id},
            name=f"again:{receipt_id}",  # pressed twice, asked for once
            now=now,
            max_attempts=runtime.settings.work_attempts,
        )
        record_audit(
            session,
            "receipt_routed_again",
            actor=actor_of(viewer),
            at=now,
            subject=f"receipt:{receipt_id}",
        )


def mailboxes_to_reconcile(runtime: Runtime) -> list[int]:
    """List the mailboxes that were not compared with our receipts for a day.

    Those that fail are left out: there is an alarm for them, and no answer to be had.
    """
    before = runtime.clock() - _RECONCILED_EVERY
    with runtime.database.read() as session:
        return list(
            session.scalars(
                sa.select(Mailbox.id)
                .where(IS_POLLED, Mailbox.uidvalidity.is_not(None))
                .where(Mailbox.failing_since.is_(None))
                .where(sa.or_(Mailbox.reconciled_at.is_(None), Mailbox.reconciled_at <= before))
                .order_by(Mailbox.id)
            )
        )


def reconcile_mailbox(runtime: Runtime, mailbox_id: int) -> list[int]:
    """Compare a mailbox with our receipts, note how many mails have none, and give their UIDs.

    Raises:
        ChannelError: the mailbox cannot be read now.
        NotFound: it is not polled.
    """
    cursor = cursor_of(runtime, mailbox_id)
    missing = mails_without_receipt(runtime, mailbox_id)
    with runtime.database.write() as session:
        mailbox = session.get_one(Mailbox, mailbox_id, with_for_update=True)
        is_ours = cursor is not None and mailbox.uidvalidity == cursor.uidvalidity
        if cursor is not None and is_ours and mailbox.last_uid >= cursor.last_uid:
            mailbox.reconciled_at = runtime.clock()
            mailbox.missing_count = len(missing)
            mailbox.first_missing_uid = min(missing, default=None)
    return missing


def read_mailbox_again(runtime: Runtime, viewer: Viewer | None, mailbox_id: int) -> None:
    """Have the next poll fetch the mails without a receipt; those that have one stay as they are.

    Whether nothing is missing then is looked at within the hour.

    Raises:
        NotAllowed: the viewer does not look after the service.
        NotFound: there is no such mailbox.
        Conflict: nothing is missing (any more).
    """
    must_look_after_service(viewer)
    with runtime.database.write() as session:
        mailbox = session.get(Mailbox, mailbox_id, with_for_update=True)
        if mailbox is None:
            raise NotFound("There is no mailbox {mailbox}.", mailbox=mailbox_id)
        first = mailbox.first_missing_uid
        if first is None:
            raise Conflict(
                "Nothing is missing of {address} any more; look at the ledger again.",
                address=mailbox.address,
            )
        record_audit(
            session,
            "mailbox_read_again",
            actor=actor_of(viewer),
            at=runtime.clock(),
            subject=f"mailbox:{mailbox_id}",
            detail={"missing": mailbox.missing_count, "from_uid": first},
        )
        mailbox.last_uid = min(mailbox.last_uid, first - 1)
        mailbox.reconciled_at, mailbox.missing_count = None, 0
        mailbox.first_missing_uid = None
    ask_for_poll(runtime, mailbox_id)


def mails_without_receipt(runtime: Runtime, mailbox_id: int) -> list[int]:
    """Ask a mailbox for the UIDs that we have passed and have no receipt of; none is right.

    Raises:
        ChannelError: the mailbox cannot be read now.
        NotFound: it is not polled.
    """
    account, cursor = usable_account(runtime, mailbox_id), cursor_of(runtime, mailbox_id)
    if cursor is None:
        return []
    uids = uids_up_to(account, cursor)
    missing: list[int] = []
    for start in range(0, len(uids), _UIDS_A_QUESTION):
        part = uids[start : start + _UIDS_A_QUESTION]
        known = set(known_uids(runtime, mailbox_id, cursor.uidvalidity, part))
        missing += [uid for uid in part if uid not in known]
    return missing
