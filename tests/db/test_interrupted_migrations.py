"""Migrations as processes: two at once, and killed at random moments."""

import random
import signal
import time

from supportdesk.db.database import Database
from supportdesk.db.migrate import current_revision, head_revision, upgrade
from tests.db.migrated import FUTURE, NEWEST, broken_indexes, rows_of
from tests.db.migrator import start_migrator

KILLS = 4


def test_two_migrators_at_once_both_end_well(busy_centre: Database, database_url: str) -> None:
    both = [start_migrator(database_url) for _ in range(2)]
    for one in both:
        _, said = one.communicate(timeout=60)
        assert one.returncode == 0, said.decode()
    assert current_revision(busy_centre.engine) == NEWEST


def test_a_migration_killed_anywhere_leaves_a_schema_that_the_next_run_finishes(
    busy_centre: Database, database_url: str
) -> None:
    before = rows_of(busy_centre)
    chance = random.Random(20261122)  # noqa: S311 - repeatable moments, not secrets
    allowed = {head_revision(), NEWEST}
    if busy_centre.engine.dialect.name == "postgresql":
        allowed |= {"m1_rebuild", "m2_fill", "m3_index", "m4_constraints"}
    killed = 0
    for _ in range(KILLS):
        migrator = start_migrator(database_url)
        assert migrator.stdout is not None
        migrator.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.6))
        migrator.kill()
        migrator.communicate()
        killed += migrator.returncode == -signal.SIGKILL
        assert current_revision(busy_centre.engine) in allowed
        assert rows_of(busy_centre) == before
    upgrade(busy_centre.engine, further=FUTURE)
    assert killed > 0
    assert current_revision(busy_centre.engine) == NEWEST
    assert rows_of(busy_centre) == before
    with busy_centre.read() as session:
        assert broken_indexes(session) == []
