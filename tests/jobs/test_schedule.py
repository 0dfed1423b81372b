"""Scheduled jobs: never beside themselves, however many tick, and late rather than never."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.settle_work import work_done
from supportdesk.db.models import HandOver, Mailbox, Work
from supportdesk.db.work import Kind
from supportdesk.jobs.schedule import asking, hand_back_if_due, jobs, poll_all
from supportdesk.jobs.worker import work_off
from tests.world import World, mail

EKONOM = "ekonom@kraj.example"
TUESDAY_NIGHT = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
WEDNESDAY_OPENING = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
SCHEDULED = [Kind.POLL, Kind.HAND_BACK, Kind.FOLLOW, Kind.CLOSE, Kind.PRUNE]


def asked_for(world: World) -> list[str]:
    with world.runtime.database.read() as session:
        asked = sa.select(Work.kind).where(Work.kind.in_(SCHEDULED)).order_by(Work.id)
        return list(session.scalars(asked))


def do_all(world: World) -> None:
    for claim in claim_work(world.runtime, SCHEDULED, limit=100, lease_seconds=60):
        work_done(world.runtime, claim)


def poll_host(world: World) -> None:
    with world.runtime.database.write() as session:
        session.get_one(Mailbox, world.cast.mailbox.id).imap_host = "localhost"


close = asking(Kind.CLOSE)


@pytest.mark.parametrize("tick", [close, poll_all])
def test_two_schedulers_of_one_moment_give_one_piece_of_work(
    world: World, tick: Callable[[Runtime], None]
) -> None:
    poll_host(world)
    together = Barrier(2)

    def schedule() -> None:
        together.wait()
        tick(world.runtime)

    with ThreadPoolExecutor(2) as pool:
        for times in range(1, 6):
            for ticked in [pool.submit(schedule) for _ in range(2)]:
                ticked.result()
            assert len(asked_for(world)) == times
            do_all(world)


def test_what_is_not_done_yet_is_not_asked_for_again(world: World) -> None:
    for _ in range(3):
        close(world.runtime)
        world.clock.now += timedelta(hours=1)
    assert len(asked_for(world)) == 1
    do_all(world)
    close(world.runtime)
    assert len(asked_for(world)) == 2


def test_each_mailbox_with_a_host_is_polled_and_no_other(world: World) -> None:
    poll_all(world.runtime)
    assert asked_for(world) == []
    poll_host(world)
    poll_all(world.runtime)
    assert asked_for(world) == [Kind.POLL]


def test_hand_back_is_asked_for_when_the_desk_opens_and_something_waits(world: World) -> None:
    world.clock.now = WEDNESDAY_OPENING
    hand_back_if_due(world.runtime)
    assert asked_for(world) == []  # nothing waits
    world.arrives(mail(EKONOM), at=TUESDAY_NIGHT)
    for at, count in (
        (WEDNESDAY_OPENING - timedelta(seconds=1), 0),
        (WEDNESDAY_OPENING, 1),
        (WEDNESDAY_OPENING + timedelta(seconds=59), 1),
    ):
        world.clock.now = at
        hand_back_if_due(world.runtime)
        assert len(asked_for(world)) == count


def test_after_a_downtime_of_many_slots_there_is_one_late_hand_back(world: World) -> None:
    world.arrives(mail(EKONOM), at=TUESDAY_NIGHT)
    world.clock.now = WEDNESDAY_OPENING + timedelta(hours=5, minutes=17)
    for job in jobs(world.runtime):
        job.tick(world.runtime)
    work_off(world.runtime, world.parser)
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(HandOver.handed_back_at)).all() == [world.clock.now]
    for _ in range(2):
        for job in jobs(world.runtime):
            job.tick(world.runtime)
        work_off(world.runtime, world.parser)
    assert asked_for(world).count(Kind.HAND_BACK) == 1


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_jumps_by_an_hour_holds_nothing_up(world: World, jump: timedelta) -> None:
    for moved in (timedelta(0), jump, -jump):
        world.clock.now += moved
        close(world.runtime)
        do_all(world)
    assert len(asked_for(world)) == 3


def test_mailboxes_are_polled_as_often_as_the_setting_says(world: World) -> None:
    seconds = {job.name: job.seconds for job in jobs(world.runtime)}
    assert seconds["poll mailboxes"] == world.runtime.settings.imap_poll_seconds
    assert seconds["hand back the night's work"] == 60
