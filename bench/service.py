"""The real worker as its own process, a relay that takes what it sends, and a look at its tickets.

The service is not told that it is being measured: mail goes in through its door, and what becomes
of it is read from its database.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bench.mails import AUTHSERV_ID
from supportdesk.actions.runtime import Runtime
from supportdesk.app import open_runtime
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Author, Message
from supportdesk.settings import PREFIX, load_settings

POLL_SECONDS = 0.02
"""How often the database is asked for new tickets: so much too late a figure may be."""

OUT_OF_ORDER = 200
"""By how much a later number may be committed before an earlier one: two batches and some."""

_NEWER = sa.select(Message.id, Message.rfc_message_id).where(
    Message.id > sa.bindparam("last_id"), Message.author == Author.CUSTOMER
)


@dataclass(frozen=True, slots=True)
class Service:
    """Where a service keeps its data, and its settings as an operator gives them."""

    folder: Path
    url: str
    door_port: int
    relay_port: int

    @property
    def environ(self) -> dict[str, str]:
        """Give the settings; the cap on acknowledgements is lifted, so that every mail gets one."""
        given = {
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self.url,
            "AUTHSERV_ID": AUTHSERV_ID,
            "DOOR_PORT": str(self.door_port),
            "SMTP_PORT": str(self.relay_port),
            "ACKNOWLEDGE_PER_HOUR": "100000",
            "ACKNOWLEDGE_PER_ADDRESS_A_DAY": "1000",
        }
        return {PREFIX + name: value for name, value in given.items()}

    def open(self) -> Runtime:
        """Open the service's parts in this process."""
        return open_runtime(load_settings(self.environ))

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have `supportdesk worker` run, its door open."""
        process = _start(["supportdesk.cli", "worker"], self.environ)
        try:
            _wait_for_port(self.door_port, process)
            yield
        finally:
            _stop(process)


@contextmanager
def prepared(folder: Path, url: str) -> Iterator[Service]:
    """Give a service on a database, not yet running, with a relay that takes its mails."""
    door_port, relay_port = _free_port(), _free_port()
    relay = _start(["bench.relay", str(relay_port)], {})
    try:
        _wait_for_port(relay_port, relay)
        yield Service(folder, url, door_port, relay_port)
    finally:
        _stop(relay)


class Watch:
    """Notes when the ticket of each mail is there to be seen, by Message-ID."""

    def __init__(self, url: str) -> None:
        self.seen: dict[str, float] = {}
        self._engine = open_engine(url)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")
        self._last_id = 0
        self._noted: set[int] = set()

    def __enter__(self) -> "Watch":
        self._look()  # what is there already is none of ours
        self.seen.clear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._engine.dispose()

    def wait(self, count: int, seconds: float) -> None:
        """Wait until so many mails have their tickets.

        Raises:
            TimeoutError: they have not within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while len(self.seen) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Only {len(self.seen)} of {count} mails have a ticket.")
            self._stopping.wait(POLL_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            self._look()

    def _look(self) -> None:
        with self._engine.connect() as connection:
            rows = connection.execute(_NEWER, {"last_id": self._last_id - OUT_OF_ORDER}).all()
        now = time.monotonic()
        for row in rows:
            if row.id not in self._noted:
                self._noted.add(row.id)
                self.seen[row.rfc_message_id] = now
                self._last_id = max(self._last_id, row.id)


def _start(module: list[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return subprocess.Popen(
        [sys.executable, "-m", *module], env=mine | dict(environ), start_new_session=True
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} has not opened its port {port}; its log says why.")
