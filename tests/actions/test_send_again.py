"""A mail that failed for good may be sent once more, by somebody who works on the ticket."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.reply import reply
from supportdesk.actions.send_again import send_again
from supportdesk.db.database import Database
from supportdesk.db.models import Message, OutboxMail, OutboxState, Ticket
from supportdesk.db.queries.viewers import load_viewer
from supportdesk.errors import Conflict
from supportdesk.jobs.worker import work_off
from tests.factories import NOON
from tests.servers.smtp import SmtpReceiver
from tests.world import World, mail, make_world


def test_a_refused_reply_is_delivered_when_it_is_sent_again(
    database: Database, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    world: World = make_world(
        database, tmp_path, smtp_host="127.0.0.1", smtp_port=smtp_receiver.port, acknowledge=False
    )
    world.arrives(mail("Eva <ekonom@kraj.example>"), at=NOON)
    with database.read() as session:
        ticket_id = session.scalars(sa.select(Ticket.id)).one()
        seen = session.scalars(sa.select(Message.id)).one()
        jana = load_viewer(session, world.cast.jana.id, today=NOON.date())
    assert jana is not None
    smtp_receiver.answer("RCPT", "550 5.7.1 not today", times=1)
    message_id = reply(
        world.runtime,
        jana,
        ticket_id,
        text="Dobrý den.",
        to=["ekonom@kraj.example"],
        last_seen_message_id=seen,
    )
    work_off(world.runtime, world.parser)
    assert smtp_receiver.mails == []

    send_again(world.runtime, jana, ticket_id, message_id)
    work_off(world.runtime, world.parser)

    assert len(smtp_receiver.mails) == 1
    with database.read() as session:
        outbox = session.scalars(sa.select(OutboxMail)).one()
        assert outbox.state is OutboxState.SENT
        known_as = session.get_one(Message, message_id).rfc_message_id
    assert f"{known_as}".encode() in smtp_receiver.mails[0].raw
    with pytest.raises(Conflict):
        send_again(world.runtime, jana, ticket_id, message_id)
