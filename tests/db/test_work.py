"""The work table keeps its word: who gets what, for how long, and what a late worker may not do."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from threading import Barrier

import pytest
import sqlalchemy as sa

from supportdesk.db import work
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Mailbox, Work, WorkState
from supportdesk.db.work import CUT_SHORT, Buried, Claim, Kind, LeaseLost
from tests.factories import NOON, make_mailbox

LEASE = 60
LEASE_OVER = NOON + timedelta(seconds=LEASE)


def ask(
    database: Database,
    *numbers: int,
    kind: Kind = Kind.ROUTE,
    due: datetime = NOON,
    attempts: int = 3,
) -> None:
    with database.write() as session:
        for number in numbers:
            work.enqueue(
                session,
                kind,
                {"n": number},
                now=NOON,
                run_at=due,
                max_attempts=attempts,
            )


def ask_alone(database: Database, name: str, number: int = 1) -> bool:
    with database.write() as session:
        return work.enqueue_alone(
            session, Kind.ROUTE, {"n": number}, name=name, now=NOON, max_attempts=3
        )


def take(
    database: Database,
    *,
    at: datetime = NOON,
    limit: int = 20,
    kinds: Sequence[Kind] = (Kind.ROUTE,),
) -> list[Claim]:
    with database.write() as session:
        return work.claim(session, kinds, now=at, limit=limit, lease_seconds=LEASE)


def take_one(database: Database, *, at: datetime = NOON) -> Claim:
    (claim,) = take(database, at=at, limit=1)
    return claim


def bury_exhausted(database: Database, *, at: datetime) -> list[Buried]:
    with database.write() as session:
        return work.bury_exhausted(session, list(Kind), now=at)


def numbers(claims: Sequence[Claim]) -> list[int]:
    return [claim.payload["n"] for claim in claims]


def stored(database: Database) -> list[Work]:
    with database.read() as session:
        return list(session.scalars(sa.select(Work).order_by(Work.id)))


def test_what_is_due_longest_is_taken_first(database: Database) -> None:
    ask(database, 1, due=NOON - timedelta(minutes=1))
    ask(database, 2, due=NOON - timedelta(minutes=3))
    ask(database, 3, due=NOON - timedelta(minutes=2))
    taken = [numbers(take(database, limit=1)) for _ in range(3)]
    assert taken == [[2], [3], [1]]


def test_work_of_one_instant_is_taken_in_the_order_it_was_asked_for(database: Database) -> None:
    ask(database, *range(5))
    assert numbers(take(database, limit=3)) == [0, 1, 2]
    assert numbers(take(database, limit=3)) == [3, 4]


def test_nothing_is_taken_before_it_is_due_nor_of_another_kind(database: Database) -> None:
    ask(database, 1, due=NOON + timedelta(seconds=1))
    ask(database, 2, kind=Kind.SEND)
    assert take(database) == []
    assert numbers(take(database, at=NOON + timedelta(seconds=1))) == [1]
    assert numbers(take(database, kinds=[Kind.SEND, Kind.POLL])) == [2]


def test_held_work_is_hidden_until_its_lease_ends(database: Database) -> None:
    ask(database, 1)
    first = take_one(database)
    assert take(database, at=LEASE_OVER - timedelta(microseconds=1)) == []
    again = take_one(database, at=LEASE_OVER)
    assert (again.id, again.attempts) == (first.id, 2)
    assert again.lease != first.lease


def test_every_claim_counts_as_an_attempt_even_when_nothing_came_of_it(database: Database) -> None:
    ask(database, 1, attempts=2)
    first = take_one(database)
    assert (first.attempts, first.is_last_attempt) == (1, False)
    again = take_one(database, at=LEASE_OVER)
    assert (again.attempts, again.is_last_attempt) == (2, True)


def test_work_whose_every_attempt_was_cut_short_is_buried_and_told(database: Database) -> None:
    ask(database, 1, attempts=1)
    take_one(database)
    assert bury_exhausted(database, at=LEASE_OVER - timedelta(seconds=1)) == []
    assert bury_exhausted(database, at=LEASE_OVER) == [Buried(Kind.ROUTE, {"n": 1}, CUT_SHORT)]
    assert bury_exhausted(database, at=LEASE_OVER) == []
    assert take(database, at=LEASE_OVER) == []
    assert [one.state for one in stored(database)] == [WorkState.DEAD]


def test_finished_work_never_comes_back(database: Database) -> None:
    ask(database, 1)
    claim = take_one(database)
    with database.write() as session:
        work.finish(session, [claim], now=NOON)
    assert take(database, at=NOON + timedelta(days=1)) == []


def test_a_worker_that_slept_past_its_lease_cannot_finish_and_its_effects_roll_back(
    database: Database,
) -> None:
    ask(database, 1)
    sleeper = take_one(database)
    successor = take_one(database, at=LEASE_OVER)

    def do(claim: Claim, address: str) -> None:
        with database.write() as session:
            make_mailbox(session, address)
            work.finish(session, [claim], now=LEASE_OVER)

    with pytest.raises(LeaseLost, match="ran out"):
        do(sleeper, "sleeper@example.com")
    do(successor, "successor@example.com")
    with pytest.raises(LeaseLost):
        do(sleeper, "sleeper@example.com")
    with database.read() as session:
        assert session.scalars(sa.select(Mailbox.address)).all() == ["successor@example.com"]


def renew(database: Database, claims: Sequence[Claim], *, at: datetime) -> None:
    with database.write() as session:
        work.renew(session, claims, now=at, lease_seconds=LEASE)


def test_a_renewed_lease_holds_from_then_on(database: Database) -> None:
    ask(database, 1, 2)
    claims = take(database)
    renew(database, claims, at=LEASE_OVER)
    assert take(database, at=LEASE_OVER) == []
    assert len(take(database, at=LEASE_OVER + timedelta(seconds=LEASE))) == 1
    with database.write() as session:
        work.finish(session, claims[1:], now=LEASE_OVER)


def test_what_is_finished_or_taken_over_is_not_renewed(database: Database) -> None:
    ask(database, 1, 2)
    first, second = take(database)
    with database.write() as session:
        work.finish(session, [first], now=NOON)
    successor = take_one(database, at=LEASE_OVER)
    before = [one.visible_at for one in stored(database)]
    renew(database, [first, second], at=LEASE_OVER + timedelta(seconds=1))
    assert [one.visible_at for one in stored(database)] == before
    with database.write() as session:
        work.finish(session, [successor], now=LEASE_OVER)
    assert {one.state for one in stored(database)} == {WorkState.DONE}


def test_renewing_never_waits_for_what_is_being_finished(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        return  # has one writer at a time
    ask(database, 1, 2)
    claims = take(database)
    with database.write() as session:
        work.finish(session, claims[:1], now=NOON)
        renew(database, claims, at=LEASE_OVER)
    held = stored(database)[1]
    assert held.visible_at == LEASE_OVER + timedelta(seconds=LEASE)


def test_of_a_batch_all_must_still_be_ours(database: Database) -> None:
    ask(database, 1, 2)
    batch = take(database)
    with database.write() as session:
        work.finish(session, batch[:1], now=NOON)
    with pytest.raises(LeaseLost), database.write() as session:
        work.finish(session, batch, now=NOON)
    assert [one.state for one in stored(database)] == [WorkState.DONE, WorkState.READY]


def test_a_worker_whose_lease_is_gone_can_neither_begin_postpone_nor_bury(
    database: Database,
) -> None:
    ask(database, 1)
    late = take_one(database)
    holder = take_one(database, at=LEASE_OVER)
    with pytest.raises(LeaseLost), database.write() as session:
        work.ensure_ours(session, late)
    with pytest.raises(LeaseLost), database.write() as session:
        work.postpone(session, late, until=NOON, problem="late")
    with pytest.raises(LeaseLost), database.write() as session:
        work.bury(session, late, problem="late", now=NOON)
    with database.write() as session:
        work.ensure_ours(session, holder)
        work.finish(session, [holder], now=NOON)


def test_postponed_work_is_due_again_at_its_time_with_what_is_left(database: Database) -> None:
    ask(database, 1)
    later = NOON + timedelta(minutes=5)
    with database.write() as session:
        claims = work.claim(session, [Kind.ROUTE], now=NOON, limit=1, lease_seconds=LEASE)
        work.postpone(session, claims[0], until=later, problem="full", payload={"n": 2})
    assert take(database, at=later - timedelta(seconds=1)) == []
    assert numbers(take(database, at=later)) == [2]


def test_work_begun_before_is_taken_alone_so_that_it_can_kill_nobody_elses(
    database: Database,
) -> None:
    ask(database, 1, 2, 3)
    assert numbers(take(database)) == [1, 2, 3]  # and the worker is killed
    ask(database, 4, 5, due=LEASE_OVER)
    batches = [numbers(take(database, at=LEASE_OVER)) for _ in range(5)]
    assert batches == [[1], [2], [3], [4, 5], []]


@pytest.mark.parametrize("how_it_ends", ["done", "given up", "cut short"])
def test_of_work_with_a_name_there_is_one_piece_until_that_has_ended(
    database: Database, how_it_ends: str
) -> None:
    assert ask_alone(database, "poll:1")
    assert not ask_alone(database, "poll:1")
    assert ask_alone(database, "poll:2")
    one = take_one(database)
    assert not ask_alone(database, "poll:1")  # it is being done
    with database.write() as session:
        match how_it_ends:
            case "done":
                work.finish(session, [one], now=NOON)
            case "given up":
                work.bury(session, one, problem="no", now=NOON)
            case _:
                session.execute(sa.update(Work).values(attempts=3))
                work.bury_exhausted(session, [Kind.ROUTE], now=LEASE_OVER)
    assert ask_alone(database, "poll:1")


def test_work_that_is_put_off_keeps_its_name(database: Database) -> None:
    ask_alone(database, "poll:1")
    one = take_one(database)
    with database.write() as session:
        work.postpone(session, one, until=LEASE_OVER, problem="later")
    assert not ask_alone(database, "poll:1")


def test_work_that_a_clock_running_ahead_put_off_is_done_within_a_minute(
    database: Database,
) -> None:
    later, soon = NOON + timedelta(hours=1), NOON + timedelta(minutes=1)
    with database.write() as session:
        work.enqueue(session, Kind.ROUTE, {"n": 1}, now=later, max_attempts=3)
        work.enqueue(session, Kind.ROUTE, {"n": 2}, now=NOON, max_attempts=3)
        work.enqueue(session, Kind.ROUTE, {"n": 3}, now=NOON, run_at=later, max_attempts=3)
        held = work.claim(session, [Kind.ROUTE], now=NOON, limit=1, lease_seconds=3600)
        work.set_dates_right(session, now=NOON)
    assert numbers(held) == [2]
    assert numbers(take(database, at=soon - timedelta(seconds=1))) == []
    due = [numbers(take(database, at=soon)) for _ in range(3)]
    assert sorted(due) == [[], [1], [2]]  # what was meant for later waits


PIECES, CLAIMERS = 120, 4


def claim_all(url: str) -> list[int]:
    """Claim and finish, in small batches, until nothing is left."""
    database = Database(open_engine(url))
    done: list[int] = []
    while claims := take(database, limit=7):
        with database.write() as session:
            work.finish(session, claims, now=NOON)
        done += numbers(claims)
    database.close()
    return done


def claimed_by_all(pool: Executor, url: str) -> Counter[int]:
    with pool:
        shares = list(pool.map(claim_all, [url] * CLAIMERS))
    return Counter(number for share in shares for number in share)


def test_claimers_in_threads_never_get_the_same_work(database: Database, database_url: str) -> None:
    ask(database, *range(PIECES))
    claimed = claimed_by_all(ThreadPoolExecutor(CLAIMERS), database_url)
    assert claimed == Counter(range(PIECES))
    assert {(one.state, one.attempts) for one in stored(database)} == {(WorkState.DONE, 1)}


def test_claimers_in_processes_never_get_the_same_work(
    database: Database, database_url: str
) -> None:
    ask(database, *range(PIECES))
    processes = ProcessPoolExecutor(CLAIMERS, mp_context=get_context("spawn"))
    assert claimed_by_all(processes, database_url) == Counter(range(PIECES))


def test_two_who_ask_for_work_of_one_name_at_the_same_moment_get_one_piece(
    database: Database,
) -> None:
    together = Barrier(2)

    def ask_together(number: int) -> bool:
        together.wait()
        return ask_alone(database, f"close:{number}", number)

    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            assert sorted(pool.map(ask_together, [number] * 2)) == [False, True]
    assert numbers(take(database, limit=100)) == list(range(20))
