"""The service as it ran in the past: its clock is set, and what it sends stays in the sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.intake.route_mail import route_mail
from supportdesk.actions.keys import THREADS, key_for
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import send_mail
from supportdesk.channels.email.door import Door
from supportdesk.channels.email.pool import ParserPool
from supportdesk.channels.email.sandbox import keep
from supportdesk.channels.email.tokens import reply_address
from supportdesk.db.models import Author, Message
from supportdesk.db.work import Kind
from supportdesk.demo.days import Days
from supportdesk.demo.mails import AUTHSERV_ID
from supportdesk.errors import NotFound
from supportdesk.messages import Automatic

_LEASE_SECONDS = 600


@dataclass
class PastClock:
    """A clock that shows the instant that is being told."""

    now: datetime

    def __call__(self) -> datetime:
        """Tell the instant."""
        return self.now


@dataclass(frozen=True, slots=True)
class LastMail:
    """Our last mail in a ticket, as a customer's mail program sees it."""

    message_id: str
    references: tuple[str, ...]
    reply_to: str
    subject: str


@dataclass(frozen=True, slots=True)
class Past:
    """The running service, a clock to be set, and the tickets of the stories so far."""

    runtime: Runtime
    clock: PastClock
    days: Days
    parser: ParserPool
    tickets: dict[str, int] = field(default_factory=dict)

    def receive(self, raw: bytes, *, mail_from: str, to: tuple[str, ...]) -> None:
        """Have a mail come through the door now, be routed and answered as it would have been."""
        receive_mail(
            self.runtime,
            raw,
            mail_from=mail_from,
            recipients=to,
            received_at=self.clock.now,
        )
        self.work_off()

    def work_off(self) -> None:
        """Route and send all that is due now."""
        while claims := claim_work(
            self.runtime, [Kind.ROUTE], limit=20, lease_seconds=_LEASE_SECONDS
        ):
            route_mail(self.runtime, claims, self.parser)
        while claims := claim_work(
            self.runtime, [Kind.SEND], limit=20, lease_seconds=_LEASE_SECONDS
        ):
            for claim in claims:
                send_mail(self.runtime, claim)

    def ticket(self, story: str) -> int:
        """Give the ticket of a story."""
        if story not in self.tickets:
            raise NotFound(
                "The story {story!r} has no ticket yet; let it begin with a mail.", story=story
            )
        return self.tickets[story]

    def ticket_of_message(self, message_id: str) -> int | None:
        """Find the ticket that a mail became, None when it became none."""
        with self.runtime.database.read() as session:
            return session.scalar(
                sa.select(Message.ticket_id).where(Message.rfc_message_id == message_id)
            )

    def last_mail(self, story: str) -> LastMail:
        """Give the last mail that one of us wrote in a story."""
        ticket_id = self.ticket(story)
        with self.runtime.database.read() as session:
            row = session.execute(
                sa.select(
                    Message.rfc_message_id,
                    Message.references,
                    Message.sender_address,
                    Message.subject,
                )
                .where(Message.ticket_id == ticket_id, Message.author == Author.AGENT)
                .where(sa.not_(Message.is_internal), Message.automatic == Automatic.NO)
                .order_by(Message.id.desc())
                .limit(1)
            ).one()
        key = key_for(self.runtime.secret_key, THREADS)
        return LastMail(
            row.rfc_message_id,
            (*row.references, row.rfc_message_id),
            reply_address(row.sender_address, ticket_id, key),
            row.subject,
        )


@contextmanager
def past_of(runtime: Runtime, days: Days) -> Iterator[Past]:
    """Open the service on the same database with a clock that can be set, before its first day.

    Nothing leaves this machine, whatever relay is set: a relay of its own puts mails into the
    sandbox, with the time at which they were sent.
    """
    clock = PastClock(days.begins_at)
    folder = runtime.settings.sandbox_folder
    folder.mkdir(parents=True, exist_ok=True)
    relay = Door(
        "127.0.0.1",
        0,
        "smtp",
        max_bytes=runtime.settings.mail_max_bytes,
        accepts=lambda _address: True,
        deliver=lambda envelope: keep(folder, envelope),
        clock=clock,
    )
    with relay, ParserPool(processes=1) as parser:
        settings = replace(
            runtime.settings,
            smtp_host=relay.host,
            smtp_port=relay.port,
            smtp_security="none",
            smtp_username="",
            authserv_id=runtime.settings.authserv_id or AUTHSERV_ID,
        )
        yield Past(replace(runtime, clock=clock, settings=settings), clock, days, parser)
