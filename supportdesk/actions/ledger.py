"""Mending gaps of the ledger, and asking mailboxes whether we have a receipt of every mail."""

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.mailbox_account import usable_account
from supportdesk.actions.poll_mailbox import cursor_of, known_uids
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap import uids_up_to
from supportdesk.db.models import Receipt, ReceiptState
from supportdesk.db.queries.ledger import find_gaps
from supportdesk.db.queries.viewers import Viewer
from supportdesk.db.work import Kind, enqueue_alone
from supportdesk.errors import Conflict, NotAllowed

_UIDS_A_QUESTION = 1_000


def route_again(runtime: Runtime, viewer: Viewer | None, receipt_id: int) -> None:
    """Have a receipt understood that became nothing. A `viewer` of None is the command line.

    Raises:
        NotAllowed: the viewer does not look after the service.
        Conflict: it is no gap (any more).
    """
    if viewer is not None and not viewer.looks_after_service:
        raise NotAllowed("The ledger is for supervisors and administrators.")
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
