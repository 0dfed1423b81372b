"""The migrations make exactly the schema that the models describe, and no change loses anything."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from supportdesk.db.bulk import insert_all
from supportdesk.db.database import Database
from supportdesk.db.engine import WRITES, open_engine
from supportdesk.db.migrate import (
    current_revision,
    differences,
    downgrade,
    head_revision,
    schema_problem,
    upgrade,
)
from supportdesk.db.models import Mailbox, Receipt
from supportdesk.errors import Conflict
from tests.db.migrated import ADDED, FUTURE, NEWEST, RECEIPTS, broken_indexes, receipt_row, rows_of
from tests.factories import make_cast

CARELESS = Path(__file__).with_name("careless")


def test_migrated_schema_is_what_the_models_say(database: Database) -> None:
    assert differences(database.engine) == []


def test_migrated_database_is_at_the_revision_of_the_code(database: Database) -> None:
    assert current_revision(database.engine) == head_revision() is not None


def test_migrating_again_changes_nothing(database: Database) -> None:
    upgrade(database.engine)
    assert differences(database.engine) == []


def test_migrations_keep_every_row_and_can_be_taken_back(busy_centre: Database) -> None:
    engine = busy_centre.engine
    before = rows_of(busy_centre)
    upgrade(engine, ADDED, further=FUTURE)
    assert current_revision(engine) == ADDED
    assert rows_of(busy_centre) == before
    with busy_centre.read() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM receipt WHERE problem = 'filled'")) == (
            RECEIPTS
        )
        assert broken_indexes(session) == []
    downgrade(engine, str(head_revision()), further=FUTURE)
    assert rows_of(busy_centre) == before
    assert differences(engine) == []


def test_a_migration_without_a_way_back_says_why_before_anything_changes(
    busy_centre: Database,
) -> None:
    upgrade(busy_centre.engine, further=FUTURE)
    with pytest.raises(Conflict, match="m5_contract cannot be taken back: What stood in"):
        downgrade(busy_centre.engine, str(head_revision()), further=FUTURE)
    assert current_revision(busy_centre.engine) == NEWEST


def test_the_version_before_works_while_things_were_only_added(busy_centre: Database) -> None:
    engine = busy_centre.engine
    upgrade(engine, ADDED, further=FUTURE)
    assert schema_problem(engine) is None
    with busy_centre.write() as session:  # a column that this code does not know has a default
        session.add(Mailbox(address="new@example.com", name="New"))
    upgrade(engine, further=FUTURE)
    assert "cannot work" in str(schema_problem(engine))


def test_a_schema_that_is_behind_is_refused(database: Database) -> None:
    downgrade(database.engine, "2026_11_22_ground")
    assert "run `supportdesk migrate` first" in str(schema_problem(database.engine))


def test_an_empty_database_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.sqlite3")
    assert "at revision none" in str(schema_problem(engine))


@pytest.fixture
def file(sqlite_url: str) -> Iterator[Database]:
    """A SQLite database with one mailbox and one receipt."""
    opened = Database(open_engine(sqlite_url))
    with opened.write() as session:
        mailbox = make_cast(session).mailbox
        insert_all(session, Receipt, [receipt_row(1, mailbox.id)])
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("to", "complaint"),
    [
        ("c1_forgets", "leave 0 of 1 rows in the table receipt"),
        ("c2_tears", r"break \d+ references"),
    ],
)
def test_a_careless_migration_is_refused_whole(file: Database, to: str, complaint: str) -> None:
    before = rows_of(file)
    with pytest.raises(Conflict, match=complaint):
        upgrade(file.engine, to, further=CARELESS)
    assert rows_of(file) == before
    assert current_revision(file.engine) == head_revision()


def test_a_disk_that_fills_up_midway_leaves_the_old_schema(file: Database) -> None:
    before = rows_of(file)
    pages = 0
    with file.read() as session:
        pages = session.scalar(sa.text("PRAGMA page_count")) or 0

    def fill(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages + 1}")

    full = open_engine(str(file.engine.url))
    sa.event.listen(full, "connect", fill)
    with pytest.raises(Conflict, match="full"):
        upgrade(full, further=FUTURE)
    assert rows_of(file) == before
    assert current_revision(file.engine) == head_revision()
    upgrade(file.engine, further=FUTURE)


def test_the_copy_is_made_when_nobody_else_can_write_and_only_when_there_is_something_to_do(
    file: Database,
) -> None:
    told: list[str] = []

    def before(revision: str) -> None:
        told.append(revision)
        writer = open_engine(str(file.engine.url))
        sa.event.listen(writer, "connect", lambda one, _: one.execute("PRAGMA busy_timeout=0"))
        with pytest.raises(sa.exc.OperationalError, match="locked"):
            writer.execution_options(**{WRITES: True}).connect().begin()

    for _ in range(2):
        upgrade(file.engine, further=FUTURE, before=before)
    assert told == [head_revision()]


def test_a_table_that_is_in_use_is_asked_for_shortly_and_again(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(postgresql_url)
    monkeypatch.setattr("supportdesk.db.migrate._LOCK_TRIES", 1)
    with engine.connect() as reader:
        reader.execute(sa.text("SELECT 1 FROM mailbox"))
        with pytest.raises(Conflict, match="The tables were in use at each of 1 attempts"):
            upgrade(engine, further=FUTURE)
        assert current_revision(engine) == head_revision()
    upgrade(engine, further=FUTURE)
    assert current_revision(engine) == NEWEST


def test_an_index_that_a_crash_left_unfinished_is_made_anew(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with engine.begin() as connection:
        rows = [receipt_row(number, 1) | {"blob_key": "0" * 64} for number in range(2)]
        for row in rows:
            connection.execute(sa.insert(Receipt), row | {"mailbox_id": None, "envelope": {}})
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(
            sa.text("CREATE UNIQUE INDEX CONCURRENTLY ix_receipt_blob_key ON receipt (blob_key)")
        )
    upgrade(engine, further=FUTURE)
    with Database(engine).read() as session:
        assert broken_indexes(session) == []
        found = sa.inspect(session.connection()).get_indexes("receipt")
    made = next(one for one in found if one["name"] == "ix_receipt_blob_key")
    assert not made["unique"]
