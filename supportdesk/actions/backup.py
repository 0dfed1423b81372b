"""Backups: the database at one instant, and every file that it points to.

A backup folder has one folder for each backup, named by its time, and `blobs`, which all of them
share: files are named by their content and never change, so only new ones are copied. A backup that
is not whole has another name; whoever sees the right one may rely on it.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

import supportdesk
from supportdesk.actions.keys import instance_id
from supportdesk.actions.runtime import Runtime
from supportdesk.db import postgresql_dump, sqlite_file
from supportdesk.db.blobs import BlobStore, flush_folder, write_durably
from supportdesk.db.migrate import revision_of
from supportdesk.db.queries.upkeep import blob_keys, count_rows
from supportdesk.errors import Conflict, NotFound

FORMAT = 1
MANIFEST, BLOB_LIST, SECRET_KEY = "manifest.json", "blobs.txt", "secret.key"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
BLOBS = "blobs"
OWN = 0o600  # for nobody else to read
_UNFINISHED = ".unfinished"
_TOLD_EVERY = 1000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in a backup. `files` are their SHA-256 by name, `rows` the counts by table.

    `missing` are files that the service itself had lost; `instance` tells which secret key it used.
    """

    version: str
    made_at: datetime
    database: str
    revision: str
    instance: str
    rows: dict[str, int]
    blobs: int
    missing: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        """Write the manifest as it stands in a backup."""
        values = asdict(self) | {"made_at": self.made_at.isoformat()}
        return json.dumps(values, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest; raises ValueError, KeyError or TypeError for anything else."""
        values = json.loads(text)
        return cls(**values | {"made_at": datetime.fromisoformat(values["made_at"])})


def make_backup(
    runtime: Runtime, folder: Path, *, with_secret_key: bool, say: Say
) -> tuple[Path, Manifest]:
    """Make a backup below `folder` while the service works, and give where and what it is.

    The secret key goes along, for without it mailbox passwords cannot be read and answers do not
    find their tickets; not if it stands in the settings.

    Raises:
        Conflict: it cannot be made; nothing there has the name of a backup then.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(folder):
            return _make(runtime, folder, with_secret_key=with_secret_key, say=say)
    except OSError as error:
        raise Conflict("The backup cannot be written: {reason}.", reason=error) from error


def _make(
    runtime: Runtime, folder: Path, *, with_secret_key: bool, say: Say
) -> tuple[Path, Manifest]:
    now = runtime.clock()
    name = f"{now:%Y-%m-%dT%H%M%SZ}"
    if (folder / name).exists():
        raise Conflict("There is a backup {name} already; wait a second.", name=name)
    aside = folder / f".{name}{_UNFINISHED}"
    for left in folder.glob(f".*{_UNFINISHED}"):
        shutil.rmtree(left)
    aside.mkdir(mode=0o700)
    try:
        manifest = _fill(runtime, folder, aside, now, with_secret_key=with_secret_key, say=say)
        flush_folder(aside)
        aside.rename(folder / name)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    flush_folder(folder)
    return folder / name, manifest


def _fill(
    runtime: Runtime, folder: Path, aside: Path, now: datetime, *, with_secret_key: bool, say: Say
) -> Manifest:
    say("Copying the database …")
    kind = runtime.database.engine.dialect.name
    with _snapshot(runtime.database.engine, aside / DATABASES[kind]) as connection:
        revision, rows = revision_of(connection), count_rows(connection)
        keys = sorted(blob_keys(connection))
    missing = _copy_blobs(runtime, BlobStore(folder / BLOBS), keys, say)
    write_durably(aside / BLOB_LIST, "".join(f"{key}\n" for key in keys).encode(), mode=OWN)
    if with_secret_key and not runtime.settings.secret_key:
        write_durably(aside / SECRET_KEY, runtime.secret_key, mode=OWN)
    manifest = Manifest(
        version=supportdesk.__version__,
        made_at=now,
        database=kind,
        revision=revision or "",
        instance=instance_id(runtime.secret_key),
        rows=rows,
        blobs=len(keys) - len(missing),
        missing=missing,
        files={path.name: digest_of(path) for path in sorted(aside.iterdir())},
    )
    write_durably(aside / MANIFEST, manifest.to_json().encode(), mode=OWN)
    return manifest


@contextmanager
def _snapshot(engine: sa.Engine, target: Path) -> Iterator[sa.Connection]:
    """Copy the database, and give a connection that sees exactly what the copy has."""
    if engine.dialect.name == "sqlite":
        sqlite_file.copy_file(Path(engine.url.database or ""), target)
        target.chmod(0o600)
        copy = sa.create_engine(f"sqlite:///file:{target}?mode=ro&immutable=1&uri=true")
        with copy.connect() as connection:
            yield connection
        copy.dispose()
        return
    with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
        postgresql_dump.dump(connection, target)
        target.chmod(0o600)
        yield connection


def _copy_blobs(runtime: Runtime, target: BlobStore, keys: list[str], say: Say) -> list[str]:
    """Copy what is not there yet; give what the service itself does not have any more."""
    there = set(target.keys())
    wanted = [key for key in keys if key not in there]
    say(f"Copying {len(wanted)} of {len(keys)} files; the others are in the folder already …")
    missing = []
    for number, key in enumerate(wanted, 1):
        try:
            target.put(runtime.blobs.get(key))
        except NotFound as error:
            say(str(error))
            missing.append(key)
        if number % _TOLD_EVERY == 0:
            say(f"{number} of {len(wanted)}")
    return missing


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "Another backup is being written to {folder}; let it end.", folder=folder
            ) from error
        yield


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
