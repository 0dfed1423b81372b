"""Bringing a backup back into an empty installation, which is paused then."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.backup import (
    BLOB_LIST,
    BLOBS,
    DATABASES,
    FORMAT,
    MANIFEST,
    OWN,
    SECRET_KEY,
    Manifest,
    Say,
    digest_of,
)
from supportdesk.actions.keys import instance_id
from supportdesk.actions.runtime import Runtime
from supportdesk.db import postgresql_dump, sqlite_file
from supportdesk.db.blobs import BlobStore, flush_folder, write_durably
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import known_revisions
from supportdesk.db.models import Pause
from supportdesk.errors import Conflict, InvalidInput, NotFound

_TOLD_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup whose every file was looked at; `keys` name the stored files."""

    folder: Path
    manifest: Manifest
    keys: tuple[str, ...]

    @property
    def blobs(self) -> BlobStore:
        """The files that this backup shares with those beside it."""
        return BlobStore(self.folder.parent / BLOBS)


def open_backup(folder: Path, *, say: Say) -> Backup:
    """Read a backup and look at all that belongs to it.

    Raises:
        InvalidInput: it is none, is damaged, or is of a newer version; the text says which.
    """
    try:
        manifest = Manifest.from_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            "{folder} is no backup: its {name} cannot be read.", folder=folder, name=MANIFEST
        ) from error
    if manifest.format != FORMAT or manifest.revision not in known_revisions():
        raise InvalidInput(
            "The backup was made by version {version}; restore it with that one, or a newer one.",
            version=manifest.version,
        )
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file() or digest_of(path) != digest:
            raise InvalidInput("{path} is missing or damaged.", path=path)
    keys = (folder / BLOB_LIST).read_text(encoding="ascii").split()
    backup = Backup(folder, manifest, tuple(key for key in keys if key not in manifest.missing))
    say(f"Looking at {len(backup.keys)} files …")
    damaged = [key for key in backup.keys if not _is_whole(backup.blobs, key)]
    if damaged:
        raise InvalidInput(
            "{count} files of the backup are missing or damaged, the first is {key}.",
            count=len(damaged),
            key=damaged[0],
        )
    return backup


def _is_whole(blobs: BlobStore, key: str) -> bool:
    try:
        blobs.get(key)
    except NotFound:
        return False
    return True


def bring_secret_key(backup: Backup, path: Path) -> None:
    """Put the backup's secret key in its place, unless the right one is there.

    Raises:
        Conflict: another one is there, or the backup has none.
    """
    given = backup.folder / SECRET_KEY
    if not given.exists():
        if not path.exists():
            raise Conflict(
                "The backup has no secret key; put it in {path}, or set secret_key.", path=path
            )
    elif not path.exists():
        write_durably(path, given.read_bytes(), mode=OWN)
        flush_folder(path.parent)


def restore_backup(runtime: Runtime, backup: Backup, *, say: Say) -> None:
    """Fill the empty installation; until the last moment no process takes it for one.

    Raises:
        Conflict: it is not empty, of another kind, or has another secret key.
    """
    _check_fits(runtime, backup)
    say("Copying files …")
    there = set(runtime.blobs.keys())
    if not there <= set(backup.keys):
        raise Conflict("There are stored files of another installation; restore into an empty one.")
    for number, key in enumerate(backup.keys, 1):
        if key not in there:
            runtime.blobs.put(backup.blobs.get(key))
        if number % _TOLD_EVERY == 0:
            say(f"{number} of {len(backup.keys)}")
    say("Restoring the database …")
    source = backup.folder / DATABASES[backup.manifest.database]
    if backup.manifest.database == "sqlite":
        _restore_file(runtime, backup.manifest, source)
    else:
        postgresql_dump.restore(runtime.database.engine, source)
        with runtime.database.write() as session:
            session.execute(
                sa.text("INSERT INTO alembic_version (version_num) VALUES (:revision)"),
                {"revision": backup.manifest.revision},
            )
            _pause(session, backup.manifest, runtime.clock())


def _check_fits(runtime: Runtime, backup: Backup) -> None:
    engine, kind = runtime.database.engine, backup.manifest.database
    if engine.dialect.name != kind:
        raise Conflict(
            "The backup is of {kind}, the settings name {ours}; set database_url for it.",
            kind=kind,
            ours=engine.dialect.name,
        )
    if instance_id(runtime.secret_key) != backup.manifest.instance:
        raise Conflict(
            "The secret key is another one than the backup's; mailbox passwords could not be read."
        )
    file = Path(engine.url.database or "")
    is_empty = not file.exists() if kind == "sqlite" else not sa.inspect(engine).get_table_names()
    if not is_empty:
        raise Conflict("There is a database already; restore into an empty installation.")


def _restore_file(runtime: Runtime, manifest: Manifest, source: Path) -> None:
    target = Path(runtime.database.engine.url.database or "")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.restored")
    for left in target.parent.glob(f"{aside.name}*"):
        left.unlink()
    sqlite_file.copy_file(source, aside)
    aside.chmod(0o600)
    copy = Database(open_engine(f"sqlite:///{aside}"))
    with copy.write() as session:
        _pause(session, manifest, runtime.clock())
    copy.close()  # the last connection folds the write-ahead log into the file
    aside.rename(target)
    flush_folder(target.parent)


def _pause(session: Session, manifest: Manifest, now: datetime) -> None:
    session.execute(sa.delete(Pause))
    session.add(Pause(since=now, backup_made_at=manifest.made_at))
