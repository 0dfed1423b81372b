"""Telling people by mail what is wrong, for those who do not look at the pages."""

from collections.abc import Sequence

import sqlalchemy as sa

from supportdesk.actions.keys import instance_id
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import relay_of
from supportdesk.catalogues import told_in
from supportdesk.channels.email.compose import compose
from supportdesk.channels.email.smtp import send
from supportdesk.db.models import Alarm, Mailbox
from supportdesk.db.work import Claim
from supportdesk.errors import read_back
from supportdesk.messages import Address, OutboundMessage
from supportdesk.routing.phrases import Language, Text

_SUBJECT = Text("supportdesk: něco je třeba napravit", "supportdesk: something needs attention")
_ENDING = Text(
    "Podrobnosti: {address}\n\nDokud to potrvá, přijde tato zpráva každý den znovu.",
    "Details: {address}\n\nWhile this lasts, this message comes again every day.",
)


def tell_alarms(runtime: Runtime, claim: Claim) -> None:
    """Send one mail about the alarms of claimed work that still last; it may come twice.

    It has no return path and says that a machine wrote it, so that nothing answers it.

    Raises:
        ChannelError: the relay did not take it; it is to be tried again.
    """
    addresses = runtime.settings.alarm_addresses
    with runtime.database.read() as session:
        problems = session.scalars(
            sa.select(Alarm.problem)
            .where(Alarm.id.in_(claim.payload["alarm_ids"]), Alarm.cleared_at.is_(None))
            .order_by(Alarm.id)
        ).all()
        ours = session.scalars(
            sa.select(Mailbox.address).where(Mailbox.is_active).order_by(Mailbox.id).limit(1)
        ).first()
    if problems and addresses:
        message = _message(runtime, claim, problems, sender=ours or addresses[0])
        raw = compose(message, instance_id=instance_id(runtime.secret_key))
        send(relay_of(runtime), "", addresses, raw)


def _message(
    runtime: Runtime, claim: Claim, problems: Sequence[str], *, sender: str
) -> OutboundMessage:
    settings = runtime.settings
    language: Language = "en" if settings.language == "en" else "cs"
    told = [f"- {told_in(language, read_back(problem))}" for problem in problems]
    ending = _ENDING.in_(language).format(address=f"{settings.web_address}/operations")
    unique = f"alarm.{claim.id}.{instance_id(runtime.secret_key)}"
    return OutboundMessage(
        message_id=f"<{unique}@{sender.rpartition('@')[2]}>",
        sender=Address(settings.operator_name, sender),
        to=tuple(Address("", address) for address in settings.alarm_addresses),
        subject=_SUBJECT.in_(language),
        text="\n".join([*told, "", ending, ""]),
        html="",
        sent_at=runtime.clock(),
        envelope_from="",
        auto_submitted="auto-generated",
    )
