"""A backup made under load comes back whole, and the restored service waits to be released."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.backup import make_backup
from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.doctor import Examined, examine
from supportdesk.actions.release import release_after_restore
from supportdesk.actions.restore import bring_secret_key, open_backup, restore_backup
from supportdesk.actions.runtime import Runtime
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Message, OutboxMail, OutboxState, Receipt, Ticket
from supportdesk.db.work import Kind
from supportdesk.errors import Conflict, InvalidInput, read_back
from tests.servers.postgresql import PostgresqlServer
from tests.world import World, mail, make_world

ROOT = Path(__file__).parents[2]
EKONOM = "ekonom@kraj.example"


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    """A service with one routed mail whose acknowledgement waits to be sent."""
    made = make_world(database, tmp_path / "data")
    made.arrives(mail(EKONOM), at=made.clock.now)
    return made


@pytest.fixture
def empty(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path, world: World
) -> Iterator[Runtime]:
    """Another installation without data, on a database of the same kind."""
    if database.engine.dialect.name == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        name = server.create_database()
        url = server.url(name)
    else:
        url = f"sqlite:///{tmp_path / 'other' / 'supportdesk.sqlite3'}"
    opened = replace(
        world.runtime,
        database=Database(open_engine(url)),
        blobs=BlobStore(tmp_path / "other" / "blobs"),
        settings=replace(world.runtime.settings, data_dir=tmp_path / "other"),
    )
    yield opened
    opened.database.close()
    if database.engine.dialect.name == "postgresql":
        server.drop_database(name)


@contextmanager
def writers(database: Database, folder: Path, count: int) -> Iterator[None]:
    """Have several processes keep mails as fast as they can."""
    url = database.engine.url.render_as_string(hide_password=False)
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.upkeep.writer", url, str(folder), f"w{number}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for number in range(count)
    ]
    try:
        for one in running:
            assert one.stdout is not None
            one.stdout.readline()
        yield
    finally:
        for one in running:
            assert one.poll() is None, "a writer ended by itself"
            one.kill()
            one.communicate()


def back_up(runtime: Runtime, folder: Path) -> Path:
    return make_backup(runtime, folder, with_secret_key=True, say=quiet)[0]


def bring_back(runtime: Runtime, folder: Path) -> None:
    restore_backup(runtime, open_backup(folder, say=quiet), say=quiet)


def look(runtime: Runtime) -> Examined:
    return examine(runtime, quick=False, say=quiet)


def test_a_backup_made_while_others_write_comes_back_whole(
    world: World, empty: Runtime, tmp_path: Path
) -> None:
    with writers(world.runtime.database, tmp_path / "data", 2):
        folder, manifest = make_backup(
            world.runtime, tmp_path / "backups", with_secret_key=True, say=quiet
        )
    with world.runtime.database.read() as session:
        later = session.scalar(sa.select(sa.func.count()).select_from(Receipt)) or 0
    assert 1 <= manifest.rows["receipt"] <= later
    bring_back(empty, folder)
    found = look(empty)
    assert found.problems == ()
    assert found.rows == manifest.rows | {"pause": 1}
    assert found.blobs == manifest.blobs
    assert found.is_paused


def test_a_restored_service_sends_nothing_until_it_is_released_and_then_nothing_old(
    world: World, empty: Runtime, tmp_path: Path
) -> None:
    bring_back(empty, back_up(world.runtime, tmp_path / "backups"))
    restored = World(replace(empty, clock=world.clock), world.clock, world.cast)
    assert claim_work(restored.runtime, [Kind.SEND], limit=10, lease_seconds=60) == []
    at = world.clock.now + timedelta(minutes=5)
    restored.arrives(mail(EKONOM, "Nový dotaz"), at=at)  # the door and routing work
    assert claim_work(restored.runtime, [Kind.SEND], limit=10, lease_seconds=60) == []

    assert release_after_restore(restored.runtime, None) == 1

    with restored.runtime.database.read() as session:
        mails = session.scalars(sa.select(OutboxMail).order_by(OutboxMail.id)).all()
        assert session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 2
    assert [one.state for one in mails] == [OutboxState.FAILED, OutboxState.QUEUED]
    assert "may have been sent" in str(read_back(mails[0].problem or ""))
    assert claim_work(restored.runtime, [Kind.SEND], limit=10, lease_seconds=60) != []
    with pytest.raises(Conflict, match="not paused"):
        release_after_restore(restored.runtime, None)


def test_what_waited_is_sent_when_the_operator_wishes_it(
    world: World, empty: Runtime, tmp_path: Path
) -> None:
    bring_back(empty, back_up(world.runtime, tmp_path / "backups"))
    assert release_after_restore(empty, None, send_waiting=True) == 0
    with empty.database.read() as session:
        assert session.scalars(sa.select(OutboxMail.state)).all() == [OutboxState.QUEUED]


def test_a_restore_wants_an_empty_installation_with_the_same_key(
    world: World, empty: Runtime, tmp_path: Path
) -> None:
    folder = back_up(world.runtime, tmp_path / "backups")
    with pytest.raises(Conflict, match="There is a database already"):
        bring_back(world.runtime, folder)
    with pytest.raises(Conflict, match="secret key is another one"):
        bring_back(replace(empty, secret_key=b"o" * 32), folder)
    strange = empty.blobs.put(b"somebody else's")
    with pytest.raises(Conflict, match="files of another installation"):
        bring_back(empty, folder)
    (tmp_path / "other" / "blobs" / strange[:2] / strange).unlink()
    bring_back(empty, folder)


@pytest.fixture
def quick_world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    database = Database(open_engine(sqlite_url))
    made = make_world(database, tmp_path / "data")
    made.arrives(mail(EKONOM), at=made.clock.now)
    yield made
    database.close()


def test_a_later_backup_copies_only_new_files_and_keeps_the_others(
    quick_world: World, tmp_path: Path
) -> None:
    said: list[str] = []
    backups = tmp_path / "backups"
    first = back_up(quick_world.runtime, backups)
    quick_world.arrives(mail(EKONOM, "Druhý"), at=quick_world.clock.now + timedelta(seconds=1))
    second, manifest = make_backup(
        quick_world.runtime, backups, with_secret_key=True, say=said.append
    )
    assert any("Copying 1 of 2 files" in one for one in said)
    assert manifest.blobs == 2
    for folder in (first, second):
        open_backup(folder, say=quiet)
        assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_secret_key_from_the_settings_or_kept_elsewhere_stays_out_of_the_backup(
    quick_world: World, tmp_path: Path
) -> None:
    folder, _ = make_backup(
        quick_world.runtime, tmp_path / "backups", with_secret_key=False, say=quiet
    )
    assert not (folder / "secret.key").exists()
    with pytest.raises(Conflict, match="has no secret key"):
        bring_secret_key(open_backup(folder, say=quiet), tmp_path / "secret.key")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("manifest.json", "is no backup"),
        ("database.sqlite3", "missing or damaged"),
        ("blobs.txt", "missing or damaged"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_restored(
    quick_world: World, tmp_path: Path, name: str, complaint: str
) -> None:
    folder = back_up(quick_world.runtime, tmp_path / "backups")
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(InvalidInput, match=complaint):
        open_backup(folder, say=quiet)


def test_a_backup_that_lost_a_file_or_is_of_the_future_is_refused(
    quick_world: World, tmp_path: Path
) -> None:
    folder = back_up(quick_world.runtime, tmp_path / "backups")
    manifest = folder / "manifest.json"
    values = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(values | {"revision": "2099_later"}), encoding="utf-8")
    with pytest.raises(InvalidInput, match="with that one, or a newer one"):
        open_backup(folder, say=quiet)
    manifest.write_text(json.dumps(values), encoding="utf-8")
    shutil.rmtree(tmp_path / "backups" / "blobs")
    with pytest.raises(InvalidInput, match="1 files of the backup are missing or damaged"):
        open_backup(folder, say=quiet)


def test_a_disk_that_fills_up_leaves_nothing_that_looks_like_a_backup(
    quick_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path, key: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(Conflict, match="No space left on device"):
        back_up(quick_world.runtime, tmp_path / "backups")
    left = [one.name for one in (tmp_path / "backups").iterdir()]
    assert [name for name in left if not name.startswith(".") and name != "blobs"] == []
    monkeypatch.undo()
    open_backup(back_up(quick_world.runtime, tmp_path / "backups"), say=quiet)


def test_the_doctor_finds_what_is_missing_damaged_or_points_nowhere(
    quick_world: World, tmp_path: Path
) -> None:
    runtime = quick_world.runtime
    quick_world.arrives(mail(EKONOM, "Druhý"), at=quick_world.clock.now)
    assert look(runtime).problems == ()
    first, second = runtime.blobs.keys()
    blobs = tmp_path / "data" / "blobs"
    (blobs / first[:2] / first).unlink()
    (blobs / second[:2] / second).write_bytes(b"damaged")
    runtime.blobs.put(b"nobody's")
    raw = runtime.database.engine.raw_connection()
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute("DELETE FROM ticket WHERE id = 1")
    raw.execute("PRAGMA foreign_keys=ON")
    raw.close()
    found = look(runtime)
    assert f"The stored file {first} is missing." in found.problems
    assert f"The stored file {second} is damaged or missing." in found.problems
    assert any("fk_message_ticket_id_ticket" in one for one in found.problems)
    assert found.orphans == 1
    quickly = examine(runtime, quick=True, say=quiet)
    assert not any("damaged" in one for one in quickly.problems)


def test_the_doctor_knows_passwords_of_another_key(quick_world: World) -> None:
    from supportdesk.actions.mailboxes import set_mailbox_password

    runtime = quick_world.runtime
    set_mailbox_password(runtime, None, quick_world.cast.mailbox.address, "tajné")
    assert look(runtime).problems == ()
    found = look(replace(runtime, secret_key=b"o" * 32))
    [problem] = found.problems
    assert quick_world.cast.mailbox.address in problem
    assert "sealed with another secret key" in problem


def test_a_backup_says_which_files_the_service_itself_has_lost(
    quick_world: World, tmp_path: Path
) -> None:
    [key] = quick_world.runtime.blobs.keys()
    (tmp_path / "data" / "blobs" / key[:2] / key).unlink()
    folder, manifest = make_backup(
        quick_world.runtime, tmp_path / "backups", with_secret_key=True, say=quiet
    )
    assert manifest.missing == [key]
    assert open_backup(folder, say=quiet).keys == ()


def test_messages_survive_word_for_word(world: World, empty: Runtime, tmp_path: Path) -> None:
    bring_back(empty, back_up(world.runtime, tmp_path / "backups"))
    asked = sa.select(Message.text).order_by(Message.id)
    with world.runtime.database.read() as before, empty.database.read() as after:
        assert before.scalars(asked).all() == after.scalars(asked).all() != []
