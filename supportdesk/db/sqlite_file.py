"""Copies of a SQLite database, whole and consistent while others write to it."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from supportdesk.db.blobs import flush_folder
from supportdesk.errors import Conflict

_KEPT = 5
_MARGIN_BYTES = 16 * 1024 * 1024
_SUFFIX = ".sqlite3"


def copy_file(source: Path, target: Path) -> None:
    """Write a copy of the database as it is at one instant; it is on disk when this returns.

    Writers are not held up. The online backup of so many pages at a time begins anew whenever
    somebody writes, and never ends on a busy database.

    Raises:
        OSError: the copy cannot be written; there may be a part of it.
    """
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        try:
            connection.execute("VACUUM INTO ?", (str(target),))
        except sqlite3.OperationalError as error:
            raise OSError(f"{target}: {error}") from error
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    flush_folder(target.parent)


def keep_copy(database: Path, folder: Path, revision: str, now: datetime) -> Path:
    """Keep a copy from before a migration in `folder`, the newest five of them, and give its path.

    Raises:
        Conflict: the disk has no room for the copy and the migration.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob(f".*{_SUFFIX}*"):  # by one that was cut short
        left.unlink()
    _check_room(database, folder)
    path = folder / f"before-{revision}-{now:%Y%m%dT%H%M%SZ}{_SUFFIX}"
    aside = path.with_name(f".{path.name}")
    try:
        copy_file(database, aside)
        aside.chmod(0o600)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise Conflict(
            "The copy from before the migration cannot be written: {reason}. Nothing was changed.",
            reason=error,
        ) from error
    aside.rename(path)
    flush_folder(folder)
    copies = sorted(folder.glob(f"before-*{_SUFFIX}"), key=lambda one: one.stem[-16:])
    for old in copies[:-_KEPT]:
        old.unlink()
    return path


def _check_room(database: Path, folder: Path) -> None:
    """Refuse to begin what cannot end: a copy, and as much again for tables made anew."""
    size = sum(path.stat().st_size for path in database.parent.glob(f"{database.name}*"))
    needed = 2 * size + _MARGIN_BYTES
    for place in (folder, database.parent):
        free = shutil.disk_usage(place).free
        if free < needed:
            raise Conflict(
                "The migration needs {needed} MB free in {folder}, there are {free} MB;"
                " nothing was changed.",
                needed=needed // 1_000_000,
                folder=place,
                free=free // 1_000_000,
            )
