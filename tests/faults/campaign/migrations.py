"""A migration of the whole installation, killed at random moments until it comes to its end."""

import time
from random import Random

import sqlalchemy as sa

from supportdesk.db.migrate import current_revision, upgrade
from supportdesk.db.models import Receipt
from tests.db.migrated import FUTURE, NEWEST, broken_indexes, rows_of
from tests.db.migrator import start_migrator
from tests.faults.campaign.installation import Installation
from tests.faults.campaign.judge import Verdict


def kill_migrations(target: Installation, kills: int, chance: Random) -> tuple[int, Verdict]:
    """Migrate what the campaign left to a schema of the future; give kills that hit, and a verdict.

    Nothing of the service may run meanwhile.
    """
    database = target.runtime.database
    url = database.engine.url.render_as_string(hide_password=False)
    before = rows_of(database)
    with database.read() as session:
        receipts = session.scalar(sa.select(sa.func.count()).select_from(Receipt)) or 0
    verdict = Verdict(receipts)
    hit = 0
    while hit < kills and current_revision(database.engine) != NEWEST:
        migrator = start_migrator(url)
        assert migrator.stdout is not None
        migrator.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.4))
        migrator.kill()
        migrator.communicate()
        hit += migrator.returncode < 0
        _compare(before, rows_of(database), verdict)
    upgrade(database.engine, further=FUTURE)
    _compare(before, rows_of(database), verdict)
    with database.read() as session:
        verdict.other += broken_indexes(session)
    return hit, verdict


def _compare(before: dict[str, int], after: dict[str, int], verdict: Verdict) -> None:
    for table, count in before.items():
        if after.get(table, 0) < count:
            verdict.lost.append(f"{count - after.get(table, 0)} rows of {table}")
        elif after[table] > count:
            verdict.doubled.append(f"{after[table] - count} rows of {table}")
