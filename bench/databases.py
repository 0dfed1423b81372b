"""Databases of any size on SQLite or PostgreSQL, both with durable commits.

What was filled once is kept in a folder and copied for every measurement.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from bench import centre, dataset, language, load
from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import upgrade
from tests.servers.postgresql import PostgresqlServer, newest_programs

USUAL_FOLDER = Path(__file__).parent.parent / "bench-data"

_DURABLE = "-c fsync=on -c full_page_writes=on -c synchronous_commit=on"


class Databases(Protocol):
    """Whatever gives fresh copies of filled databases; `folder` is on the disk they are on."""

    name: str
    folder: Path

    @contextmanager
    def copy(self, tickets: int) -> Iterator[str]:
        """Give the address of a copy with so many tickets, deleted afterwards."""


class SqliteDatabases:
    """SQLite files."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def copy(self, tickets: int) -> Iterator[str]:
        """Give the address of a copy with so many tickets, deleted afterwards."""
        template = self.folder / f"{_template(tickets)}.sqlite3"
        if not template.exists():
            unfinished = template.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            _fill(f"sqlite:///{unfinished}", tickets)
            unfinished.rename(template)
        _bring_up_to_date(f"sqlite:///{template}")
        folder = self.folder / f"sqlite-{os.getpid()}"
        folder.mkdir()
        try:
            file = shutil.copyfile(template, folder / "copy.sqlite3")
            _write_out()
            yield f"sqlite:///{file}"
        finally:
            shutil.rmtree(folder)


class PostgresqlDatabases:
    """Databases of a server of our own, with PostgreSQL's settings as they are after its setup."""

    name = "PostgreSQL"

    def __init__(self, folder: Path, server: PostgresqlServer) -> None:
        self.folder = folder
        self._server = server

    @contextmanager
    def copy(self, tickets: int) -> Iterator[str]:
        """Give the address of a copy with so many tickets, deleted afterwards."""
        template = _template(tickets)
        if not self._execute(f"SELECT 1 FROM pg_database WHERE datname = '{template}'"):  # noqa: S608
            unfinished = self._server.create_database()
            _fill(self._server.url(unfinished), tickets)
            self._execute(f"ALTER DATABASE {unfinished} RENAME TO {template}")
        _bring_up_to_date(self._server.url(template))
        copy = self._server.create_database(f"{template} STRATEGY file_copy")
        try:
            self._execute("CHECKPOINT")
            _write_out()
            yield self._server.url(copy)
        finally:
            self._server.drop_database(copy)

    def _execute(self, statement: str) -> list[tuple[object, ...]]:
        address = self._server.url("postgres").replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def open_databases(kind: str, folder: Path = USUAL_FOLDER) -> Iterator[Databases]:
    """Give the databases of a kind, sqlite or postgresql; a server runs as long as needed."""
    folder.mkdir(exist_ok=True)
    if kind == "sqlite":
        yield SqliteDatabases(folder)
        return
    home = folder / "postgresql"
    is_new = not home.exists()
    home.mkdir(exist_ok=True)
    server = PostgresqlServer(home, newest_programs(), _DURABLE)
    if is_new:
        if os.geteuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        server.initialise()
    server.start()
    try:
        yield PostgresqlDatabases(folder, server)
    finally:
        server.stop()


def _fill(url: str, tickets: int) -> None:
    engine = open_engine(url)
    upgrade(engine)
    dataset.fill(engine, tickets)
    engine.dispose()


def _bring_up_to_date(url: str) -> None:
    """Migrate what was filled before the newest migrations."""
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()


def _template(tickets: int) -> str:
    """Give a name that changes whenever the way of filling changes."""
    digest = hashlib.sha256()
    for source in (centre, dataset, language, load):
        digest.update(Path(str(source.__file__)).read_bytes())
    return f"tickets_{tickets}_{digest.hexdigest()[:12]}"


def _write_out() -> None:
    """Have the copy on the disk before anything is measured, not meanwhile."""
    os.sync()
