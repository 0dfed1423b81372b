"""Letting a restored service work again.

After a restore nothing is sent and no mailbox read: answers that waited when the backup was made
have probably been sent since then. The mail door takes mail meanwhile.
"""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.agents import must_administer
from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import mail_failed
from supportdesk.db.models import OutboxMail, OutboxState, Pause
from supportdesk.db.queries.upkeep import find_pause
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, SupportdeskError, write_down


def release_after_restore(
    runtime: Runtime, viewer: Viewer | None, *, send_waiting: bool = False
) -> int:
    """Let a restored service send and read mailboxes again; give how many mails were held back.

    Mails that waited when the backup was made are shown to who owns the ticket as not sent, for
    they may have been sent since; with `send_waiting` they are sent. A `viewer` of None is the
    command line.

    Raises:
        NotAllowed: the viewer is no administrator.
        Conflict: the service is not paused.
    """
    must_administer(viewer)
    now = runtime.clock()
    with runtime.database.write() as session:
        pause = find_pause(session)
        if pause is None:
            raise Conflict("The service is not paused; there is nothing to release.")
        held = [] if send_waiting else _waiting_since_before(session, pause)
        problem = write_down(
            SupportdeskError(
                "It waited when the backup of {made_at} was made and may have been sent since then;"
                " ask the customer, or send it again.",
                made_at=pause.backup_made_at,
            )
        )
        for mail_id in held:
            mail_failed(session, mail_id, problem, now=now)
        session.delete(pause)
        record_audit(
            session,
            "released_after_restore",
            actor=actor_of(viewer),
            at=now,
            subject="service",
            detail={"held_back": len(held)},
        )
    return len(held)


def _waiting_since_before(session: Session, pause: Pause) -> list[int]:
    return list(
        session.scalars(
            sa.select(OutboxMail.id)
            .where(OutboxMail.state.in_([OutboxState.QUEUED, OutboxState.SENDING]))
            .where(OutboxMail.queued_at <= pause.backup_made_at)
            .order_by(OutboxMail.id)
        )
    )
