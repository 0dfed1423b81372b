"""What reports about our mails change: how far a mail got, whose attention its ticket needs.

A report counts only for a mail that our signature names, and for an address that it went to.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.intake.filing import Filing
from supportdesk.actions.intake.scene import Scene
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import show_undelivered
from supportdesk.actions.suppressions import suppress_if_due
from supportdesk.channels.email.addresses import normalise_address
from supportdesk.db.models import DeliveryReport, OutboxMail, OutboxState
from supportdesk.db.queries.sent_mails import SentMail
from supportdesk.errors import ChannelError, write_down
from supportdesk.messages import RecipientReport, ReportKind


def write_reports(
    session: Session, runtime: Runtime, placed: Sequence[tuple[Filing, int, int]], scene: Scene
) -> None:
    """Note what the reports among `placed` (filing, ticket, message) say, and act on failures."""
    for filing, _ticket, report_id in placed:
        mail = scene.reported.get(filing.arrival.receipt_id)
        if mail is None:
            continue
        for report in filing.arrival.message.reports:
            recipient = _recipient(report, mail)
            if recipient is None:
                continue
            row = DeliveryReport(
                message_id=mail.message_id,
                report_id=report_id,
                recipient=recipient,
                kind=report.kind,
                status=report.status,
                detail=report.detail,
                at=scene.now,
            )
            _note(session, mail, row, runtime.settings.suppress_after_failures)


def _recipient(report: RecipientReport, mail: SentMail) -> str | None:
    """Find the recipient meant; one that the mail never went to is none."""
    if not report.addresses and len(mail.recipients) == 1:
        return next(iter(mail.recipients))
    named = (normalise_address(address) for address in report.addresses)
    return next((address for address in named if address in mail.recipients), None)


def _note(session: Session, mail: SentMail, row: DeliveryReport, after_failures: int) -> None:
    if row.kind is ReportKind.FAILED:
        _fail(session, mail, row)
    session.add(row)
    session.flush()
    if row.kind in {ReportKind.FAILED, ReportKind.COMPLAINT}:
        suppress_if_due(session, row, after_failures=after_failures)


def _fail(session: Session, mail: SentMail, row: DeliveryReport) -> None:
    """Show a mail that did not arrive like one that could not be sent; once for each recipient."""
    sending = session.get_one(OutboxMail, mail.outbox_id, with_for_update=True)
    if sending.state not in {OutboxState.SENT, OutboxState.FAILED}:
        return  # it is on its way once more
    failed = set(
        session.scalars(
            sa.select(DeliveryReport.recipient).where(
                DeliveryReport.message_id == mail.message_id,
                DeliveryReport.kind == ReportKind.FAILED,
                DeliveryReport.at >= (sending.sent_at or sending.queued_at),
            )
        )
    )
    if row.recipient in failed:
        return
    sending.problem = write_down(
        ChannelError(
            "{address} was not reached: {reason}",
            permanent=True,
            address=row.recipient,
            reason=row.detail or row.status or "—",
        )
    )
    if failed | {row.recipient} >= mail.recipients:
        sending.state = OutboxState.FAILED
    show_undelivered(session, mail.ticket_id, sending, sending.problem, now=row.at)
