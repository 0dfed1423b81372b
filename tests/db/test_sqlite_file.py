"""Copies of a SQLite file: whole, on disk, few, and refused while there is no room."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from supportdesk.db.sqlite_file import copy_file, keep_copy
from supportdesk.errors import Conflict

NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "desk.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n)")
        connection.execute("INSERT INTO t VALUES (1)")
    return path


def rows_of(path: Path) -> list[tuple[int]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT n FROM t").fetchall()


def test_a_copy_has_what_was_committed_while_another_writes(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t VALUES (3)")
        copy_file(database, database.with_name("copy"))
    assert rows_of(database.with_name("copy")) == [(1,), (2,)]


def test_a_copy_is_flushed_to_disk(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino))
    copy = database.with_name("copy")
    copy_file(database, copy)
    assert flushed == [copy.stat().st_ino, copy.parent.stat().st_ino]


def test_the_newest_five_copies_are_kept_for_nobody_else_to_read(database: Path) -> None:
    folder = database.parent / "backups"
    folder.mkdir()
    (folder / ".before-cut-short.sqlite3").touch()
    kept = [
        keep_copy(database, folder, f"r{9 - day}", NOW + timedelta(days=day)) for day in range(7)
    ]
    assert sorted(folder.iterdir()) == sorted(kept[2:])
    assert kept[0].name == "before-r9-20261124T110000Z.sqlite3"
    assert kept[-1].stat().st_mode & 0o777 == 0o600
    assert rows_of(kept[-1]) == [(1,)]


def test_without_room_nothing_begins(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 90, 10_000_000))
    with pytest.raises(Conflict, match=r"needs 16 MB free in .*backups, there are 10 MB"):
        keep_copy(database, database.parent / "backups", "r1", NOW)


def test_a_copy_that_cannot_be_written_leaves_nothing(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = database.parent / "backups"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Conflict, match="No space left on device"):
        keep_copy(database, folder, "r1", NOW)
    assert list(folder.iterdir()) == []
