"""Leadership: one at a time, handed on when its lease runs out, and counted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

from supportdesk.db import leadership
from supportdesk.db.database import Database
from tests.factories import NOON

LONG = 15
OVER = NOON + timedelta(seconds=LONG)


def lead(database: Database, holder: str, *, at: datetime = NOON) -> int | None:
    with database.write() as session:
        return leadership.lead(session, "schedule", holder, now=at, seconds=LONG)


def leader(database: Database, *, at: datetime = NOON) -> str | None:
    with database.read() as session:
        return leadership.holder_of(session, "schedule", now=at)


def test_who_comes_first_leads_as_long_as_it_says_so(database: Database) -> None:
    assert leader(database) is None
    assert (lead(database, "a"), lead(database, "b")) == (1, None)
    almost = OVER - timedelta(seconds=1)
    assert lead(database, "a", at=almost) == 1
    assert lead(database, "b", at=OVER) is None
    assert leader(database, at=OVER) == "a"


def test_who_falls_silent_is_followed_in_a_new_term(database: Database) -> None:
    lead(database, "a")
    assert leader(database, at=OVER) is None
    assert lead(database, "b", at=OVER) == 2
    assert lead(database, "a", at=OVER) is None
    assert leader(database, at=OVER) == "b"


def test_who_resigns_is_followed_at_once(database: Database) -> None:
    lead(database, "a")
    with database.write() as session:
        leadership.resign(session, "schedule", "b", now=NOON)  # is not the leader
    assert lead(database, "b") is None
    with database.write() as session:
        leadership.resign(session, "schedule", "a", now=NOON)
    assert lead(database, "b") == 2


def test_of_many_who_begin_at_one_moment_one_leads(database: Database) -> None:
    together = Barrier(4)

    def run(holder: str, at: datetime) -> int | None:
        together.wait()
        return lead(database, holder, at=at)

    with ThreadPoolExecutor(4) as pool:
        for term in range(1, 6):
            at = NOON + timedelta(minutes=term)
            terms = pool.map(run, [f"{term}-{one}" for one in "abcd"], [at] * 4)
            assert sorted(map(str, terms)) == sorted([str(term), "None", "None", "None"])
