"""The demo region, loaded once: most tests only look at it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from supportdesk.actions.runtime import Runtime
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.demo import AUTHSERV_ID, load_demo
from supportdesk.settings import Settings
from tests.factories import NOON
from tests.world import SetClock

FILE = "supportdesk.sqlite3"


def runtime_on(url: str, folder: Path, *, secret: bytes = b"s" * 32) -> Runtime:
    """Give a service whose clock stands at noon of a working Tuesday."""
    settings = Settings(data_dir=folder, authserv_id=AUTHSERV_ID)
    database = Database(open_engine(url))
    return Runtime(database, BlobStore(folder / "blobs"), settings, SetClock(NOON), secret)


@pytest.fixture(scope="session")
def loaded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Give the demo on SQLite, not to be changed."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copyfile(sqlite_template, folder / FILE)
    runtime = runtime_on(f"sqlite:///{folder / FILE}", folder)
    load_demo(runtime)
    yield runtime
    runtime.database.close()


@pytest.fixture
def demo(loaded: Runtime, tmp_path: Path) -> Iterator[Runtime]:
    """Give a copy of the demo that the test may change."""
    with loaded.database.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(loaded.settings.data_dir / FILE, tmp_path / FILE)
    shutil.copytree(loaded.settings.data_dir / "blobs", tmp_path / "blobs")
    runtime = runtime_on(f"sqlite:///{tmp_path / FILE}", tmp_path)
    yield runtime
    runtime.database.close()
