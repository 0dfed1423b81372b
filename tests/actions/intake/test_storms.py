"""Storms of automatic mail: held, visible, let through at once, and never in people's way."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.receipts import discard_receipt, replay_receipt
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.db.database import Database
from supportdesk.db.models import Receipt, ReceiptState, Ticket, Work, WorkState
from supportdesk.db.queries.quarantine import MOST_ALIKE, find_quarantined, list_quarantined
from tests.factories import make_dead_work, make_receipt
from tests.staff import viewer_of
from tests.world import World, mail, make_world

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
MONITOR = "monitor@kraj.example"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return make_world(database, tmp_path, automatic_per_sender_an_hour=3, automatic_per_hour=5)


def storm(world: World, count: int, sender: str = MONITOR, **headers: str) -> None:
    """Have mails arrive together, so that they are routed in one batch."""
    headers = headers or {"Auto_Submitted": "auto-generated"}
    for number in range(count):
        receive_mail(
            world.runtime,
            mail(sender, f"Poplach {number}", subject=f"Poplach {number}", **headers),
            mail_from=sender,
            recipients=["business@example.com"],
            received_at=world.clock.now,
        )
    world.route()


def tickets(world: World) -> int:
    with world.runtime.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Ticket)) or 0


def held(world: World) -> Sequence[Receipt]:
    with world.runtime.database.read() as session:
        return session.scalars(
            sa.select(Receipt).where(Receipt.state == ReceiptState.QUARANTINED).order_by(Receipt.id)
        ).all()


def test_a_machine_opens_some_tickets_an_hour_and_its_other_mails_wait(world: World) -> None:
    storm(world, 10)
    assert (tickets(world), len(held(world))) == (3, 7)
    assert all(MONITOR in (receipt.problem or "") for receipt in held(world))
    world.clock.now += timedelta(hours=1)
    storm(world, 1)
    assert tickets(world) == 4


def test_other_machines_are_held_only_when_it_gets_too_much_in_all(world: World) -> None:
    storm(world, 3)
    storm(world, 3, "jiny@kraj.example")
    assert (tickets(world), len(held(world))) == (5, 1)


def test_people_are_never_held(world: World) -> None:
    storm(world, 10)
    storm(world, 10, "ekonom@kraj.example", X_Mailer="Word")
    assert tickets(world) == 13


def test_one_click_lets_all_through(world: World) -> None:
    storm(world, 10)
    jana = viewer_of(world.runtime, world.cast.jana)
    replay_receipt(world.runtime, jana, held(world)[0].id, alike=True)
    world.route()
    assert (tickets(world), len(held(world))) == (10, 0)


def test_one_click_puts_all_aside(world: World) -> None:
    storm(world, 10)
    olga = viewer_of(world.runtime, world.cast.olga)
    discard_receipt(world.runtime, olga, held(world)[0].id, reason="Porucha", alike=True)
    world.route()
    assert (tickets(world), len(held(world))) == (3, 0)


def test_a_storm_hides_nothing_else_in_the_list(world: World) -> None:
    storm(world, 10)
    with world.runtime.database.write() as session:
        receipts = session.scalars(sa.select(Receipt).order_by(Receipt.id)).all()
        receipts[0].state, receipts[0].problem = ReceiptState.QUARANTINED, "Something else"
    with world.runtime.database.read() as session:
        shown = list_quarantined(session)
        one = find_quarantined(session, held(world)[-1].id)
    assert [row.alike for row in shown] == [7] * MOST_ALIKE + [1]
    assert one is not None
    assert one.alike == 7


def test_letting_many_through_takes_a_few_statements_however_many_there_are(world: World) -> None:
    with world.runtime.database.write() as session:
        waiting = [make_receipt(session, state=ReceiptState.QUARANTINED).id for _ in range(300)]
        for receipt_id in waiting[:200]:
            make_dead_work(session, "route", receipt_id=receipt_id)
        other = make_dead_work(session, "route", receipt_id=waiting[-1] + 1).id
        session.execute(sa.update(Receipt).values(problem="Záplava"))
    said: list[str] = []
    engine = world.runtime.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    jana = viewer_of(world.runtime, world.cast.jana)
    replay_receipt(world.runtime, jana, waiting[0], alike=True)
    assert len(said) < 20
    with world.runtime.database.read() as session:
        dead = session.scalars(sa.select(Work.id).where(Work.state == WorkState.DEAD)).all()
        ready = sa.select(sa.func.count()).where(Work.state == WorkState.READY)
        assert (dead, session.scalar(ready)) == ([other], 300)
