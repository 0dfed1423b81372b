"""A real PgBouncer in transaction mode before the test's PostgreSQL."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.servers.postgresql import PostgresqlServer
from tests.waiting import until

_INI = """\
[databases]
* = host={upstream}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
max_client_conn = 200
default_pool_size = 8
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
"""


@dataclass(slots=True)
class PgBouncer:
    """A pooler of our own; `url` leads through it to the database of another address."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, direct: str) -> str:
        """Give the address of the same database through the pooler."""
        name = sa.make_url(direct).database
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start and return when connections are accepted."""
        is_root = os.geteuid() == 0  # PgBouncer refuses to run as root
        self.process = subprocess.Popen(
            [_program(), "--quiet", self.folder / "pgbouncer.ini"],
            user="postgres" if is_root else None,
            group="postgres" if is_root else None,
            extra_groups=[] if is_root else None,
        )
        until(self._answers, "PgBouncer answers")

    def stop(self) -> None:
        """End it; its clients are hung up on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@pytest.fixture
def pgbouncer(postgresql: PostgresqlServer) -> Iterator[PgBouncer]:
    """Run a pooler before the server of this test process."""
    with tempfile.TemporaryDirectory(prefix="supportdesk-pgb-") as name:
        folder = Path(name)
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = int(held.getsockname()[1])
        settings = _INI.format(upstream=postgresql.folder, port=port, folder=folder)
        (folder / "pgbouncer.ini").write_text(settings)
        (folder / "users").write_text(f'"postgres" "{secrets.token_hex(8)}"\n')
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "postgres", "postgres")
        pooler = PgBouncer(folder, port)
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()


def _program() -> str:
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        raise RuntimeError("PgBouncer is not installed here; `make test` installs or names it.")
    return found
