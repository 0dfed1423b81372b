"""The composition root: settings become a running service's parts."""

import os
import secrets
from pathlib import Path

from supportdesk.actions.runtime import Runtime
from supportdesk.clock import Clock, system_clock
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import current_revision, head_revision, upgrade
from supportdesk.errors import SettingsError
from supportdesk.settings import Settings, load_settings

_SECRET_BYTES = 32


def open_runtime(settings: Settings | None = None, *, clock: Clock = system_clock) -> Runtime:
    """Open the service's parts on a database that is up to date.

    Raises:
        SettingsError: a setting is unusable, or the database waits for `supportdesk migrate`.
    """
    runtime = _open(settings or load_settings(), clock)
    found, expected = current_revision(runtime.database.engine), head_revision()
    if found != expected:
        runtime.database.close()
        raise SettingsError(
            f"The database is at revision {found or 'none'}, this version needs {expected};"
            " run `supportdesk migrate` first."
        )
    return runtime


def migrate(settings: Settings) -> None:
    """Create the data directory and bring the database's schema up to date."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.effective_database_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()


def _open(settings: Settings, clock: Clock) -> Runtime:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return Runtime(
        database=Database(open_engine(settings.effective_database_url)),
        blobs=BlobStore(settings.data_dir / "blobs"),
        settings=settings,
        clock=clock,
        secret_key=_secret_key(settings),
    )


def _secret_key(settings: Settings) -> bytes:
    if settings.secret_key:
        given = settings.secret_key.encode()
        if len(given) < _SECRET_BYTES:
            raise SettingsError(
                f"secret_key has {len(given)} bytes; it needs at least {_SECRET_BYTES}."
            )
        return given
    return _stored_secret(settings.data_dir / "secret.key")


def _stored_secret(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(_SECRET_BYTES).encode())
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()
