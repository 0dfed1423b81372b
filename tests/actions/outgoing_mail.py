"""A centre whose mail goes to a real SMTP receiver, for tests of sending."""

import email
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default

import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.reply import reply
from supportdesk.db.models import Agent, Message, OutboxMail, Ticket, Work
from supportdesk.db.work import Kind
from supportdesk.jobs.handlers import handle
from supportdesk.tickets import State
from tests.factories import make_message, make_ticket
from tests.servers.smtp import SmtpReceiver
from tests.staff import viewer_of
from tests.world import World

EKONOM = "ekonom@kraj.example"
LEASE = 600


@dataclass
class PostOffice:
    """A ticket of the region with one mail of its contact, and the relay that answers go to."""

    world: World
    relay: SmtpReceiver
    ticket_id: int
    message_id: int

    def reply(
        self,
        text: str = "Výpis posílám v příloze.",
        *,
        to: Sequence[str] = (EKONOM,),
        cc: Sequence[str] = (),
        last_seen: int | None = None,
        then_state: State = State.WAITING_CUSTOMER,
        by: Agent | None = None,
    ) -> int:
        """Have Jana, or another, reply having seen all there is; give the message's id."""
        return reply(
            self.world.runtime,
            viewer_of(self.world.runtime, by or self.world.cast.jana),
            self.ticket_id,
            text=text,
            to=to,
            cc=cc,
            last_seen_message_id=self.newest() if last_seen is None else last_seen,
            then_state=then_state,
        )

    def newest(self) -> int:
        """Give the newest message of the ticket."""
        with self.world.runtime.database.read() as session:
            found = session.scalar(
                sa.select(sa.func.max(Message.id)).where(Message.ticket_id == self.ticket_id)
            )
        assert found is not None
        return int(found)

    def work(self, *, after_seconds: float = 0) -> None:
        """Send what is due, some seconds later."""
        self.world.clock.now += timedelta(seconds=after_seconds)
        while claims := claim_work(self.world.runtime, [Kind.SEND], limit=1, lease_seconds=LEASE):
            handle(self.world.runtime, self.world.parser, claims)

    def sent(self) -> list[EmailMessage]:
        """Give what the relay took, parsed."""
        found = [email.message_from_bytes(one.raw, policy=default) for one in self.relay.mails]
        return [one for one in found if isinstance(one, EmailMessage)]

    def mail(self) -> OutboxMail:
        """Give the newest mail of the outbox."""
        with self.world.runtime.database.read() as session:
            return session.scalars(sa.select(OutboxMail).order_by(OutboxMail.id.desc())).all()[0]

    def message(self, message_id: int) -> Message:
        """Give a stored message."""
        with self.world.runtime.database.read() as session:
            return session.get_one(Message, message_id)

    def ticket(self) -> Ticket:
        """Give the ticket as it is stored now."""
        with self.world.runtime.database.read() as session:
            return session.get_one(Ticket, self.ticket_id)

    def job(self) -> Work:
        """Give the newest work."""
        with self.world.runtime.database.read() as session:
            return session.scalars(sa.select(Work).order_by(Work.id.desc())).all()[0]


def open_post_office(world: World, relay: SmtpReceiver) -> PostOffice:
    """Make a ticket that Jana owns, with a mail in it that she can answer."""
    cast = world.cast
    with world.runtime.database.write() as session:
        ticket = make_ticket(
            session, contact=cast.ekonom, organisation=cast.region, owner=cast.jana
        )
        message = make_message(session, ticket, contact=cast.ekonom)
        message.sender_address = EKONOM
        message.rfc_message_id = "<question@kraj.example>"
        message.references = ["<earlier@kraj.example>"]
    return PostOffice(world, relay, ticket.id, message.id)
