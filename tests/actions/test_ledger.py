"""The ledger: every receipt is accounted for, and what became nothing is seen and mended."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.ledger import route_again
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.watch import CHECKS
from supportdesk.db.database import Database
from supportdesk.db.models import Receipt, ReceiptState, Work
from supportdesk.db.queries.ledger import Ledger, find_gaps, read_ledger
from supportdesk.errors import Conflict, NotAllowed
from tests.factories import make_mailbox, make_receipt
from tests.staff import viewer_of
from tests.world import World, mail, make_world

EKONOM = "ekonom@kraj.example"
TODAY = date(2026, 11, 24)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return make_world(database, tmp_path)


def ledger_of(world: World, first: date = TODAY) -> Ledger:
    with world.runtime.database.read() as session:
        return read_ledger(session, first, TODAY, now=world.clock.now)


def kept(world: World, raw: bytes) -> None:
    """Keep a mail and do not route it."""
    receive_mail(
        world.runtime,
        raw,
        mail_from="",
        recipients=["business@example.com"],
        received_at=world.clock.now,
    )


def test_a_day_tells_what_became_of_everything(world: World) -> None:
    with world.runtime.database.write() as session:
        make_mailbox(session, "technical@example.com")
        for state in (ReceiptState.QUARANTINED, ReceiptState.DISCARDED):
            receipt = make_receipt(session, state=state, mailbox=world.cast.mailbox)
            receipt.received_at = world.clock.now
    both = ["business@example.com", "technical@example.com"]
    world.arrives(mail(EKONOM), to=both, at=world.clock.now)
    kept(world, mail(EKONOM, "Čeká"))
    found = ledger_of(world)
    business, technical = found.lines
    told = [
        business.received, business.processed, business.duplicates, business.quarantined,
        business.discarded, business.waiting,
    ]  # fmt: skip
    assert told == [4, 1, 0, 1, 1, 1]
    assert (technical.processed, technical.duplicates) == (1, 1)
    assert found.oldest_waiting_at == world.clock.now
    assert found.gaps == []


def test_days_are_those_of_the_operators_zone(world: World) -> None:
    last_minute = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)  # 23:59 in Prague
    world.arrives(mail(EKONOM), at=last_minute)
    world.arrives(mail(EKONOM), at=last_minute + timedelta(minutes=1))
    lines = ledger_of(world, TODAY - timedelta(days=1)).lines
    assert [line.on.day for line in lines] == [24, 23]


def test_what_waits_for_a_worker_is_no_gap_and_what_nobody_takes_up_is_one(world: World) -> None:
    kept(world, mail(EKONOM))
    world.clock.now += timedelta(hours=1)
    assert ledger_of(world).gaps == []
    with world.runtime.database.write() as session:
        session.execute(sa.delete(Work))
    [gap] = ledger_of(world).gaps
    assert gap.mailbox == "business@example.com"
    with world.runtime.database.read() as session:
        [(_, error)] = CHECKS["ledger"](session, world.runtime.settings, world.clock.now)
    assert "became no ticket" in str(error)

    route_again(world.runtime, None, gap.receipt_id)
    world.route()
    [line] = ledger_of(world).lines
    assert (line.processed, ledger_of(world).gaps) == (1, [])
    with pytest.raises(Conflict, match="no gap any more"):
        route_again(world.runtime, None, gap.receipt_id)


def test_what_was_stored_just_now_is_no_gap_yet(world: World) -> None:
    kept(world, mail(EKONOM))
    with world.runtime.database.write() as session:
        session.execute(sa.delete(Work))
    assert ledger_of(world).gaps == []


def test_processed_into_no_message_is_a_gap_that_routing_mends(world: World) -> None:
    kept(world, mail(EKONOM))
    with world.runtime.database.write() as session:
        session.execute(sa.delete(Work))
        session.execute(sa.update(Receipt).values(state=ReceiptState.PROCESSED))
    [gap] = ledger_of(world).gaps
    route_again(world.runtime, viewer_of(world.runtime, world.cast.supervisor), gap.receipt_id)
    world.route()
    with world.runtime.database.read() as session:
        assert find_gaps(session, now=world.clock.now) == []
        assert session.scalars(sa.select(Receipt.message_id)).one() is not None


def test_a_consultant_mends_no_gaps(world: World) -> None:
    with pytest.raises(NotAllowed, match="supervisors and administrators"):
        route_again(world.runtime, viewer_of(world.runtime, world.cast.jana), 1)
