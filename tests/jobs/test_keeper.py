"""The keeper: long work stays ours, hanging work does not, and one worker leads."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work
from supportdesk.db.models import Leadership, Work
from supportdesk.db.work import Claim, Kind, enqueue
from supportdesk.jobs import keeper as keeper_module
from supportdesk.jobs.keeper import LEASE_SECONDS, Keeper
from tests.waiting import until
from tests.world import World

LEASE = timedelta(seconds=LEASE_SECONDS)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "BEAT_SECONDS", 0.02)


class Begun(list[str]):
    """How often somebody began to lead."""

    def __call__(self) -> None:
        """Begin."""
        self.append("begun")


@pytest.fixture
def begun() -> Begun:
    return Begun()


@pytest.fixture
def beating(world: World, begun: Begun) -> Iterator[Keeper]:
    one = Keeper(world.runtime, begun)
    one.start()
    yield one
    one.stop()


def claim(world: World) -> list[Claim]:
    with world.runtime.database.write() as session:
        enqueue(session, Kind.CLOSE, {}, now=world.clock.now, max_attempts=3)
    return claim_work(world.runtime, [Kind.CLOSE], limit=1, lease_seconds=LEASE_SECONDS)


def lease_ends(world: World) -> datetime:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(Work.visible_at).where(Work.kind == Kind.CLOSE)).one()


def leadership(world: World) -> Leadership:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(Leadership)).one()


def test_work_that_takes_long_stays_ours(world: World, beating: Keeper) -> None:
    claims = claim(world)
    with beating.holding(claims, most_seconds=60):
        for _ in range(3):
            world.clock.now += timedelta(seconds=20)
            until(lambda: lease_ends(world) == world.clock.now + LEASE, "the lease is renewed")


def test_work_that_hangs_is_let_go(world: World, beating: Keeper) -> None:
    held, hanging = claim(world), claim(world)
    with beating.holding(hanging, most_seconds=0), beating.holding(held, most_seconds=60):
        ends = world.clock.now + LEASE
        world.clock.now += timedelta(seconds=20)

        def all_ends() -> set[datetime]:
            with world.runtime.database.read() as session:
                return set(session.scalars(sa.select(Work.visible_at)))

        until(lambda: len(all_ends()) == 2, "the other is renewed")
        assert all_ends() == {ends, world.clock.now + LEASE}


def test_what_is_done_is_renewed_no_more(world: World, beating: Keeper) -> None:
    ends = world.clock.now + LEASE
    with beating.holding(claim(world), most_seconds=60):
        pass
    with beating.holding(other := claim(world), most_seconds=60):
        world.clock.now += timedelta(seconds=20)
        until(lambda: lease_of(world, other) == world.clock.now + LEASE, "what is held is renewed")
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(Work.visible_at).order_by(Work.id)).all()[0] == ends


def lease_of(world: World, claims: list[Claim]) -> datetime:
    with world.runtime.database.read() as session:
        return session.get_one(Work, claims[0].id).visible_at


def test_one_of_two_leads_and_the_other_follows_when_it_falls_silent(
    world: World, beating: Keeper, begun: Begun
) -> None:
    assert beating.leads
    assert begun == ["begun"]
    also_begun = Begun()
    other = Keeper(world.runtime, also_begun)
    other.start()
    try:
        assert not other.leads
        beating.stop()
        assert leadership(world).term == 1
        world.clock.now += timedelta(seconds=15)
        until(lambda: other.leads, "the other leads")
        assert also_begun == ["begun"]
        assert leadership(world).term == 2
    finally:
        other.stop()


def test_who_stops_leaves_the_schedule_to_others_at_once(world: World, beating: Keeper) -> None:
    beating.stop_leading()
    assert not beating.leads
    other = Keeper(world.runtime, Begun())
    other.start()
    other.stop()
    assert other.leads


def test_who_cannot_reach_the_database_leads_no_longer_than_its_lease(
    world: World, beating: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = "ALTER TABLE {} RENAME TO {}"
    monkeypatch.setattr(keeper_module, "LEAD_SECONDS", 0.05)
    with world.runtime.database.write() as session:
        session.execute(sa.text(rename.format("leadership", "leadership_away")))
    until(lambda: not beating.leads, "it leads no more")
    with world.runtime.database.write() as session:
        session.execute(sa.text(rename.format("leadership_away", "leadership")))
    until(lambda: beating.leads, "it leads again")
