"""Pruning deletes what is over, and nothing that anybody still needs."""

from datetime import timedelta

import sqlalchemy as sa

from supportdesk.actions.prune import prune
from supportdesk.db.models import Heartbeat, LoginSession, Throttle, Work, WorkState
from tests.factories import NOON
from tests.world import World

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


def work(state: WorkState, finished_ago: timedelta | None) -> Work:
    finished_at = NOON - finished_ago if finished_ago else None
    return Work(
        kind="close",
        payload={"state": state, "ago": str(finished_ago)},
        state=state,
        visible_at=NOON - 10 * WEEK,
        max_attempts=1,
        created_at=NOON - 10 * WEEK,
        finished_at=finished_at,
    )


def log_in(world: World, number: int, created_ago: timedelta, ended: bool = False) -> LoginSession:
    at = NOON - created_ago
    return LoginSession(
        token_hash=f"{number}" * 64,
        agent_id=world.cast.jana.id,
        created_at=at,
        seen_at=at,
        ended_at=at if ended else None,
    )


def test_only_done_work_older_than_a_week_goes(world: World) -> None:
    with world.runtime.database.write() as session:
        session.add_all(
            [
                work(WorkState.DONE, WEEK + SECOND),
                work(WorkState.DONE, WEEK),
                work(WorkState.DEAD, 2 * WEEK),
                work(WorkState.READY, None),
            ]
        )
    world.clock.now = NOON
    prune(world.runtime)
    with world.runtime.database.read() as session:
        left = session.scalars(sa.select(Work.state).order_by(Work.id)).all()
    assert left == [WorkState.DONE, WorkState.DEAD, WorkState.READY]


def test_log_ins_go_once_nobody_can_use_them(world: World) -> None:
    longest = timedelta(hours=world.runtime.settings.session_hours)
    with world.runtime.database.write() as session:
        session.add_all(
            [
                log_in(world, 1, WEEK + SECOND, ended=True),
                log_in(world, 2, WEEK, ended=True),
                log_in(world, 3, WEEK + longest),
                log_in(world, 4, WEEK + longest + SECOND),
            ]
        )
    world.clock.now = NOON
    prune(world.runtime)
    with world.runtime.database.read() as session:
        left = session.scalars(sa.select(LoginSession.token_hash)).all()
    assert {token[0] for token in left} == {"2", "3"}


def test_old_counts_go(world: World) -> None:
    with world.runtime.database.write() as session:
        for bucket, at in (("old", NOON - WEEK - SECOND), ("new", NOON - WEEK)):
            session.add(Throttle(bucket=bucket, window_at=at, count=1))
    world.clock.now = NOON
    prune(world.runtime)
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(Throttle.bucket)).all() == ["new"]


def test_heartbeats_of_those_long_gone_go(world: World) -> None:
    with world.runtime.database.write() as session:
        for name, at in (("old", NOON - WEEK - SECOND), ("new", NOON - WEEK)):
            session.add(Heartbeat(name=name, seen_at=at, detail={}))
    world.clock.now = NOON
    prune(world.runtime)
    with world.runtime.database.read() as session:
        assert session.scalars(sa.select(Heartbeat.name)).all() == ["new"]
