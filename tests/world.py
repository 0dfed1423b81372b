"""A small centre for tests of intake: its cast, a clock that tests set, mail in and mail out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.intake.route_mail import route_mail
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.parse import parse_message
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.work import Kind
from supportdesk.errors import Unreadable
from supportdesk.messages import InboundMessage
from supportdesk.settings import Settings
from tests.factories import Cast, make_cast

_numbers = count(1)


@dataclass
class SetClock:
    """A clock that shows what the test sets."""

    now: datetime

    def __call__(self) -> datetime:
        """Tell the instant."""
        return self.now


class DirectParser:
    """Parses in this process: what the pool does in children."""

    def parse_many(
        self, raws: Sequence[bytes], *, authserv_id: str, instance_id: str
    ) -> list[InboundMessage | Unreadable]:
        """Parse each mail, or say why it cannot be read."""
        return [self._parse(raw, authserv_id, instance_id) for raw in raws]

    def _parse(self, raw: bytes, authserv_id: str, instance_id: str) -> InboundMessage | Unreadable:
        try:
            return parse_message(raw, authserv_id=authserv_id, instance_id=instance_id)
        except Unreadable as error:
            return error


@dataclass
class World:
    """A running service without its processes."""

    runtime: Runtime
    clock: SetClock
    cast: Cast
    parser: DirectParser = field(default_factory=DirectParser)

    def arrives(
        self, raw: bytes, *, to: Sequence[str] = ("business@example.com",), at: datetime
    ) -> None:
        """Have a mail come through the door and be routed at once."""
        self.clock.now = at
        receive_mail(self.runtime, raw, mail_from="", recipients=to, received_at=at)
        self.route()

    def route(self) -> None:
        """Route all that waits."""
        while claims := claim_work(self.runtime, [Kind.ROUTE], limit=20, lease_seconds=60):
            route_mail(self.runtime, claims, self.parser)


def make_world(database: Database, folder: Path, **settings: Any) -> World:
    """Make a service on `database` whose clock stands at noon of a working Tuesday."""
    clock = SetClock(datetime(2026, 11, 24, 11, 0, tzinfo=UTC))
    chosen = Settings(data_dir=folder, authserv_id="mx.example.com", **settings)
    with database.write() as session:
        cast = make_cast(session)
    return World(
        Runtime(database, BlobStore(folder / "blobs"), chosen, clock, b"s" * 32), clock, cast
    )


def mail(
    sender: str,
    text: str = "Dobrý den, prosím o radu.",
    *,
    subject: str = "Dotaz",
    to: str = "business@example.com",
    dmarc: str = "pass",
    **headers: str,
) -> bytes:
    """Write a mail as it arrives; `headers` with underscores for hyphens."""
    message = EmailMessage()
    domain = sender.rstrip(">").rpartition("@")[2]
    message["Authentication-Results"] = f"mx.example.com; dmarc={dmarc} header.from={domain}"
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Tue, 24 Nov 2026 12:00:00 +0100"
    message["Message-ID"] = headers.pop("Message_ID", f"<{next(_numbers)}@customer.example>")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()
