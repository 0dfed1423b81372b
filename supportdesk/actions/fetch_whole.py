"""Fetch a mail whole of which only the header was kept, because it was larger than allowed."""

import sqlalchemy as sa

from supportdesk.actions.intake.route_mail import quarantine
from supportdesk.actions.mailbox_account import usable_account
from supportdesk.actions.receive_mail import imap_place, too_large
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.imap import FetchedMail, fetch_one
from supportdesk.channels.email.imap_connection import Account
from supportdesk.db.models import Receipt, ReceiptState
from supportdesk.db.work import Claim, Kind, enqueue, finish
from supportdesk.errors import NotFound, SupportdeskError, Unreadable, write_down


def fetch_whole(runtime: Runtime, claim: Claim) -> None:
    """Fetch the rest of a receipt's mail and have it routed.

    Whatever stands in the way is told in the quarantine at once, where somebody waits for it.
    """
    try:
        mail = _fetch(runtime, claim.payload["receipt_id"])
    except SupportdeskError as error:
        _put_back(runtime, claim, error)
    else:
        _keep(runtime, claim, mail)


def _fetch(runtime: Runtime, receipt_id: int) -> FetchedMail:
    account, uidvalidity, uid = _where(runtime, receipt_id)
    settings = runtime.settings
    mail = fetch_one(
        account, uidvalidity, uid, max_bytes=settings.mail_max_bytes, now=runtime.clock()
    )
    if mail is None:
        raise Unreadable(
            "The mail was larger than allowed and is not in the mailbox any more; only its header"
            " is kept. If the mailbox was made anew, the mail has come again beside this one."
        )
    if mail.is_truncated:
        raise too_large(settings.mail_max_mib)
    return mail


def _where(runtime: Runtime, receipt_id: int) -> tuple[Account, int, int]:
    with runtime.database.read() as session:
        receipt = session.get_one(Receipt, receipt_id)
        mailbox_id, place = receipt.mailbox_id, imap_place(receipt.external_id)
    if mailbox_id is None:
        raise NotFound("Receipt {receipt} is of no mailbox.", receipt=receipt_id)
    return usable_account(runtime, mailbox_id), *place


def _put_back(runtime: Runtime, claim: Claim, problem: SupportdeskError) -> None:
    with runtime.database.write() as session:
        quarantine(session, claim.payload["receipt_id"], write_down(problem))
        finish(session, [claim], now=runtime.clock())


def _keep(runtime: Runtime, claim: Claim, mail: FetchedMail) -> None:
    blob_key = runtime.blobs.put(mail.raw)
    now = runtime.clock()
    receipt_id = claim.payload["receipt_id"]
    with runtime.database.write() as session:
        session.execute(
            sa.update(Receipt)
            .where(Receipt.id == receipt_id)
            .values(
                blob_key=blob_key,
                size_bytes=mail.size,
                is_truncated=False,
                problem=None,
                state=ReceiptState.RECEIVED,
            )
        )
        enqueue(
            session,
            Kind.ROUTE,
            {"receipt_id": receipt_id},
            now=now,
            max_attempts=runtime.settings.work_attempts,
        )
        finish(session, [claim], now=now)
