"""What all tests share: both databases, a closed network and calm property tests."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import upgrade

# Every server of tests/servers gives fixtures to the whole suite.
pytest_plugins = [
    "pytester",
    *(
        f"tests.servers.{path.stem}"
        for path in sorted(Path(__file__).with_name("servers").glob("*.py"))
        if not path.stem.startswith(("_", "test_"))
    ),
]

# A fixture that starts something real marks every test that asks for it.
MARKS = {"postgresql": "server", "pgbouncer": "server", "dovecot": "server", "browser": "browser"}

# No deadlines: the machine may be busy. In CI the examples are the same in every run.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if "CI" in os.environ else "here")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server or a browser, so that `make test-fast` leaves them out."""
    for item in items:
        for fixture, mark in MARKS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the address of a freshly migrated database; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open a freshly migrated database; the test runs once on each kind."""
    opened = Database(open_engine(database_url))
    yield opened
    opened.close()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give the address of a freshly migrated SQLite file of this test's own."""
    copy = tmp_path / "supportdesk.sqlite3"
    shutil.copyfile(sqlite_template, copy)
    return f"sqlite:///{copy}"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate a SQLite file once for all its copies."""
    path = tmp_path_factory.mktemp("template") / "supportdesk.sqlite3"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()  # the last connection folds the write-ahead log into the file
    return path
