"""Work that was given up: done again whole, or put aside; and never both ways."""

import pytest
import sqlalchemy as sa

from supportdesk.actions.dead_work import discard_work, replay_kind, replay_work
from supportdesk.actions.receipts import discard_receipt, replay_receipt
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.send_again import send_again
from supportdesk.db.models import (
    OutboxMail,
    OutboxState,
    Receipt,
    ReceiptState,
    Ticket,
    Work,
    WorkState,
)
from supportdesk.db.work import Kind
from supportdesk.errors import Conflict, InvalidInput, NotAllowed
from tests.factories import make_dead_work, make_message, make_ticket
from tests.staff import audited, viewer_of
from tests.world import World, mail


def given_up_routing(world: World) -> int:
    """Give the number of the dead work of a mail in quarantine."""
    receive_mail(
        world.runtime,
        mail("ekonom@kraj.example"),
        mail_from="",
        recipients=["business@example.com"],
        received_at=world.clock.now,
    )
    with world.runtime.database.write() as session:
        session.execute(sa.update(Work).values(state=WorkState.DEAD, attempts=8))
        session.execute(sa.update(Receipt).values(state=ReceiptState.QUARANTINED))
        return session.scalars(sa.select(Work.id)).one()


def given_up_mail(world: World) -> tuple[int, int, int]:
    """Give the numbers of the dead work, the ticket and the message of a mail that failed."""
    with world.runtime.database.write() as session:
        ticket = make_ticket(session)
        message = make_message(session, ticket)
        failed = OutboxMail(
            message_id=message.id,
            envelope_from="",
            recipients=["a@b.example"],
            state=OutboxState.FAILED,
            queued_at=world.clock.now,
        )
        session.add(failed)
        session.flush()
        return make_dead_work(session, Kind.SEND, outbox_id=failed.id).id, ticket.id, message.id


def state_of(world: World, work_id: int) -> WorkState:
    with world.runtime.database.read() as session:
        return session.get_one(Work, work_id).state


def test_routing_that_is_done_again_brings_the_mail_to_its_desk(world: World) -> None:
    work_id = given_up_routing(world)
    replay_work(world.runtime, viewer_of(world.runtime, world.cast.supervisor), work_id)
    world.route()
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(Receipt.state)).all() == [ReceiptState.PROCESSED]
        assert len(session.scalars(sa.select(Ticket.id)).all()) == 1


def test_sending_that_is_done_again_is_queued_again(world: World) -> None:
    work_id, _, _ = given_up_mail(world)
    assert replay_kind(world.runtime, None, Kind.SEND) == 1
    assert state_of(world, work_id) is WorkState.READY
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(OutboxMail.state)).all() == [OutboxState.QUEUED]


@pytest.mark.parametrize("ended", [replay_receipt, discard_receipt])
def test_what_was_settled_in_quarantine_does_not_wait_here(world: World, ended: object) -> None:
    work_id = given_up_routing(world)
    viewer = viewer_of(world.runtime, world.cast.supervisor)
    if ended is replay_receipt:
        replay_receipt(world.runtime, viewer, 1)
    else:
        discard_receipt(world.runtime, viewer, 1, reason="Spam")
    assert state_of(world, work_id) is WorkState.DISCARDED
    with pytest.raises(Conflict):
        replay_work(world.runtime, viewer, work_id)


def test_what_was_sent_again_from_its_ticket_does_not_wait_here(world: World) -> None:
    work_id, ticket_id, message_id = given_up_mail(world)
    viewer = viewer_of(world.runtime, world.cast.supervisor)
    send_again(world.runtime, viewer, ticket_id, message_id)
    assert state_of(world, work_id) is WorkState.DISCARDED


def test_discarding_needs_a_reason_and_is_written_down(world: World) -> None:
    work_id, _, _ = given_up_mail(world)
    viewer = viewer_of(world.runtime, world.cast.administrator)
    with pytest.raises(InvalidInput):
        discard_work(world.runtime, viewer, work_id, reason=" ")
    discard_work(world.runtime, viewer, work_id, reason="Zákazník dostal dopis")
    with pytest.raises(Conflict):
        discard_work(world.runtime, viewer, work_id, reason="Znovu")
    (entry,) = audited(world.runtime)
    assert (entry.action, entry.object) == ("work_discarded", f"work:{work_id}")
    assert entry.detail == {"reason": "Zákazník dostal dopis"}


def test_only_those_who_look_after_the_service_may(world: World) -> None:
    work_id, _, _ = given_up_mail(world)
    viewer = viewer_of(world.runtime, world.cast.jana)
    with pytest.raises(NotAllowed):
        replay_work(world.runtime, viewer, work_id)
    with pytest.raises(NotAllowed):
        replay_kind(world.runtime, viewer, Kind.SEND)
    with pytest.raises(NotAllowed):
        discard_work(world.runtime, viewer, work_id, reason="x")
