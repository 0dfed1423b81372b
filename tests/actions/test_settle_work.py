"""What becomes of work that fails: later again, or given up where people see it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.receipts import replay_receipt
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.settle_work import delay_seconds, work_done, work_failed
from supportdesk.db.models import Mailbox, Message, Receipt, ReceiptState, Ticket, Work, WorkState
from supportdesk.db.work import CUT_SHORT, Claim, Kind, LeaseLost
from supportdesk.errors import Unreadable
from supportdesk.jobs.handlers import handle
from supportdesk.messages import InboundMessage
from tests.staff import viewer_of
from tests.world import DirectParser, World, mail

EKONOM = "ekonom@kraj.example"
POISON = "Otrávený mail"
LEASE = 120


class PoisonedParser(DirectParser):
    """Breaks down at one mail, and with it at the whole batch that the mail stands in."""

    def parse_many(
        self, raws: Sequence[bytes], *, authserv_id: str, instance_id: str
    ) -> list[InboundMessage | Unreadable]:
        """Parse as usual, but for the poison."""
        if any(b"X-Poison" in raw for raw in raws):
            raise OverflowError(POISON)
        return super().parse_many(raws, authserv_id=authserv_id, instance_id=instance_id)


def receive(world: World, *texts: str, poison: bool = False) -> None:
    for text in texts:
        headers = {"X_Poison": "yes"} if poison else {}
        receive_mail(
            world.runtime,
            mail(EKONOM, text, **headers),
            mail_from="",
            recipients=["business@example.com"],
            received_at=world.clock.now,
        )


def take(world: World, *, limit: int = 20) -> list[Claim]:
    return claim_work(world.runtime, [Kind.ROUTE], limit=limit, lease_seconds=LEASE)


def states(world: World) -> list[ReceiptState]:
    with world.runtime.database.read() as session:
        return list(session.scalars(sa.select(Receipt.state).order_by(Receipt.id)))


def the_work(world: World) -> Work:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(Work).order_by(Work.id)).all()[0]


def test_each_failure_doubles_the_wait_up_to_ten_minutes() -> None:
    assert [delay_seconds(number) for number in (1, 2, 7, 8, 100)] == [5, 10, 320, 600, 600]


def test_work_that_failed_waits_with_its_problem_and_comes_again(world: World) -> None:
    receive(world, "Dotaz")
    work_failed(world.runtime, take(world)[0], "Disk je plný.")
    assert (the_work(world).state, the_work(world).problem) == (WorkState.READY, "Disk je plný.")
    world.clock.now += timedelta(seconds=4)
    assert take(world) == []
    world.clock.now += timedelta(seconds=1)
    assert take(world)[0].attempts == 2


def test_the_last_failure_puts_a_receipt_into_quarantine_with_the_reason(world: World) -> None:
    receive(world, "Dotaz")
    for _ in range(world.runtime.settings.work_attempts):
        world.clock.now += timedelta(hours=1)
        work_failed(world.runtime, take(world)[0], "Disk je plný.")
    assert states(world) == [ReceiptState.QUARANTINED]
    assert the_work(world).state is WorkState.DEAD
    with world.runtime.database.read() as session:
        assert session.scalar(sa.select(Receipt.problem)) == "Disk je plný."
    assert take(world) == []


def test_crashes_alone_put_a_receipt_into_quarantine_in_the_end(world: World) -> None:
    receive(world, "Dotaz")
    for _ in range(world.runtime.settings.work_attempts):
        world.clock.now += timedelta(seconds=LEASE)
        assert take(world)
    world.clock.now += timedelta(seconds=LEASE)
    assert take(world) == []
    assert states(world) == [ReceiptState.QUARANTINED]
    with world.runtime.database.read() as session:
        assert session.scalar(sa.select(Receipt.problem)) == CUT_SHORT


def test_a_receipt_from_quarantine_can_be_tried_again(world: World) -> None:
    test_crashes_alone_put_a_receipt_into_quarantine_in_the_end(world)
    replay_receipt(world.runtime, viewer_of(world.runtime, world.cast.jana), 1)
    world.route()
    assert states(world) == [ReceiptState.PROCESSED]


def test_one_bad_mail_harms_none_of_its_batch(world: World) -> None:
    receive(world, "První", "Druhá")
    receive(world, "Špatná", poison=True)
    receive(world, "Třetí")
    handle(world.runtime, PoisonedParser(), take(world))
    assert states(world) == [ReceiptState.PROCESSED] * 2 + [
        ReceiptState.RECEIVED,
        ReceiptState.PROCESSED,
    ]
    with world.runtime.database.read() as session:
        texts = session.scalars(
            sa.select(Message.text).where(Message.author == "customer").order_by(Message.id)
        ).all()
    assert [text.strip() for text in texts] == ["První", "Druhá", "Třetí"]


def test_a_mail_that_kills_every_worker_takes_nobody_with_it(world: World) -> None:
    receive(world, "První")
    receive(world, "Špatná", poison=True)
    receive(world, "Druhá")

    def work_until_killed() -> None:
        while claims := take(world):
            if any(world_is_poisoned(world, claim) for claim in claims):
                return  # killed
            handle(world.runtime, world.parser, claims)

    for _ in range(world.runtime.settings.work_attempts + 1):
        work_until_killed()
        world.clock.now += timedelta(seconds=LEASE)
    assert states(world) == [
        ReceiptState.PROCESSED,
        ReceiptState.QUARANTINED,
        ReceiptState.PROCESSED,
    ]


def world_is_poisoned(world: World, claim: Claim) -> bool:
    with world.runtime.database.read() as session:
        receipt = session.get_one(Receipt, claim.payload["receipt_id"])
    return b"X-Poison" in world.runtime.blobs.get(receipt.blob_key)


def test_routing_past_the_lease_changes_nothing_and_the_successor_does_it_once(
    world: World,
) -> None:
    receive(world, "Dotaz")
    sleeper = take(world)
    world.clock.now += timedelta(seconds=LEASE)
    successor = take(world)
    handle(world.runtime, world.parser, sleeper)
    assert states(world) == [ReceiptState.RECEIVED]
    handle(world.runtime, world.parser, successor)
    handle(world.runtime, world.parser, sleeper)
    assert states(world) == [ReceiptState.PROCESSED]
    with world.runtime.database.read() as session:
        assert len(session.scalars(sa.select(Ticket.id)).all()) == 1


def test_neither_done_nor_failed_is_said_of_work_that_another_has(world: World) -> None:
    receive(world, "Dotaz")
    (late,) = take(world)
    world.clock.now += timedelta(seconds=LEASE)
    (holder,) = take(world)
    with pytest.raises(LeaseLost):
        work_failed(world.runtime, late, "pozdě")
    with pytest.raises(LeaseLost):
        work_done(world.runtime, late)
    work_done(world.runtime, holder)
    assert the_work(world).problem is None


def test_two_mails_for_one_ticket_in_one_batch_lose_nothing_of_each_other(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@kraj.example>"), at=world.clock.now)
    for text in ("Ukradli mi telefon, zablokujte SIM.", "Děkuji předem."):
        receive_mail(
            world.runtime,
            mail(EKONOM, text, In_Reply_To="<first@kraj.example>"),
            mail_from="",
            recipients=["business@example.com"],
            received_at=world.clock.now,
        )
    world.route()
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(Ticket.priority)).all() == [1]


def test_work_of_a_kind_that_comes_again_by_itself_is_given_up_quietly(world: World) -> None:
    with world.runtime.database.write() as session:
        session.add(
            Work(
                kind=Kind.CLOSE,
                payload={},
                visible_at=world.clock.now,
                max_attempts=1,
                created_at=world.clock.now,
            )
        )
    (claim,) = claim_work(world.runtime, [Kind.CLOSE], limit=1, lease_seconds=LEASE)
    work_failed(world.runtime, claim, "Nejde to.")
    assert the_work(world).state is WorkState.DEAD
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(Mailbox.last_error)).all() == [None]
