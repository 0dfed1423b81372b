"""A real PostgreSQL: one server a test process, one database a test."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import upgrade

_UNSAFE_BUT_FAST = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A server of our own in a folder, reached through a unix socket in that folder."""

    folder: Path
    programs: Path
    options: str = _UNSAFE_BUT_FAST

    def url(self, database: str) -> str:
        """Give the address that `SUPPORTDESK_DATABASE_URL` takes."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start and return when connections are accepted."""
        options = f"-c listen_addresses='' -k {self.folder} {self.options}"
        self._run("pg_ctl", "start", "--wait", f"--log={self.folder}/log", f"--options={options}")

    def stop(self, mode: str = "fast") -> None:
        """Stop; `immediate` is the crash that leaves recovery to the next start."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def create_database(self, template: str = "template0") -> str:
        """Create a copy of `template` and give its name."""
        name = f"test_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database together with the connections that a test left open."""
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def initialise(self) -> None:
        """Create an empty cluster that trusts everybody who reaches its socket."""
        self._run(
            "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip

    def _execute(self, statement: str) -> None:
        address = self.url("postgres").replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        is_root = os.geteuid() == 0  # PostgreSQL refuses to run as root
        subprocess.run(
            [self.programs / program, *arguments, f"--pgdata={self.folder}/data"],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            user="postgres" if is_root else None,
            group="postgres" if is_root else None,
            extra_groups=[] if is_root else None,
        )


@contextmanager
def running_postgresql(options: str = _UNSAFE_BUT_FAST) -> Iterator[PostgresqlServer]:
    """Run a server in a folder of its own; without options it is durable, as at its users'."""
    # Not in pytest's folder: that is closed to the user postgres, and long for a socket's path.
    with tempfile.TemporaryDirectory(prefix="supportdesk-pg-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        server = PostgresqlServer(Path(folder), newest_programs(), options)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """Run a server for this test process."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgresqlServer) -> str:
    """Give the name of a migrated database that nobody is connected to."""
    name = postgresql.create_database()
    engine = open_engine(postgresql.url(name))
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture
def postgresql_url(postgresql: PostgresqlServer, postgresql_template: str) -> Iterator[str]:
    """Give the address of a freshly migrated database of this test's own."""
    # A copy takes some 50 ms and the drop 15; TRUNCATE of our tables takes 110.
    name = postgresql.create_database(postgresql_template)
    yield postgresql.url(name)
    postgresql.drop_database(name)


def newest_programs() -> Path:
    """Give the folder of the newest PostgreSQL's programs on this machine."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    elsewhere = shutil.which("initdb")
    if debian:
        return debian[-1].parent
    if elsewhere:
        return Path(elsewhere).resolve().parent
    raise RuntimeError("PostgreSQL is not installed here; `make test` installs or names it.")
