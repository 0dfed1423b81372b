"""One installation of the service, all of it real, on loopback: what a campaign breaks."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from supportdesk.actions.mailboxes import MailboxDetails, save_mailbox
from supportdesk.actions.runtime import Runtime
from supportdesk.app import migrate, open_runtime
from supportdesk.db.models import Mailbox as MailboxRow
from supportdesk.db.models import Work, WorkState
from supportdesk.db.work import Kind
from supportdesk.settings import load_settings
from tests.factories import Cast, make_cast
from tests.faults.campaign.requests import TO
from tests.faults.service import Service
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import PASSWORD, Mailbox, running_dovecot
from tests.servers.postgresql import PostgresqlServer, running_postgresql
from tests.servers.proxy import Proxy
from tests.servers.smtp import SmtpReceiver, running_receiver
from tests.waiting import until

ROLES = {"intake": "intake", "worker": "worker", "worker-2": "worker", "web": "web"}
"""The processes of an installation and the command that each of them is."""

WORKERS = tuple(role for role, command in ROLES.items() if command == "worker")

SETTINGS = {
    "acknowledge_per_address_a_day": "1000",
    "acknowledge_per_hour": "100000",
    "authserv_id": "mx.example.com",
    "imap_poll_seconds": "1",
    "web_processes": "1",
    "work_attempts": "30",
}
_DISK_MIB = 512
SECONDS_TO_START = 8.0  # before, a process does not yet hear that it shall end: it just ends
DESK_PASSWORD = "ranní káva u okna"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service stands on; `url` "" is SQLite in the data directory."""

    folder: Path
    url: str
    postgresql: PostgresqlServer | None
    relay: SmtpReceiver
    mailbox: Mailbox
    imap_line: Proxy


class Installation:
    """Its processes, its servers and a look into its database."""

    def __init__(
        self, around: Surroundings, *, sabotage: str = "", offset_seconds: int = 0
    ) -> None:
        self.folder = around.folder
        self.data_dir = around.folder / "data"
        self.relay, self.mailbox, self.imap_line = around.relay, around.mailbox, around.imap_line
        self.postgresql = around.postgresql
        self.mailbox_is_moved = threading.Lock()
        """Held by whoever puts a mail into the mailbox, or another mailbox into its place."""
        self.have_somebody_write: Callable[[], None] = lambda: None
        """Brings one more request on its way, for faults that need one."""
        self.has_answered_all: Callable[[], bool] = lambda: True
        """Tells whether all that was written so far is accepted, routed and answered."""
        self.agent_may_write = threading.Lock()
        self._offset_seconds = offset_seconds
        self.services = {role: self._service(role, around.url, sabotage) for role in ROLES}
        settings = load_settings(self.door.environ)
        migrate(settings)
        self.runtime: Runtime = open_runtime(settings)
        self.cast = self._populate()

    def _service(self, role: str, url: str, sabotage: str) -> Service:
        (self.folder / role).mkdir()
        self.set_clock(role, 0)
        entry = ["-m", "tests.faults.campaign.brisk"]
        service = Service(
            self.folder / role,
            url,
            smtp_port=self.relay.port,
            arguments=[*entry, *(["--sabotage", sabotage] * bool(sabotage)), ROLES[role]],
            data_dir=str(self.data_dir),
            **SETTINGS,
        )
        if role in WORKERS:
            service.environ["SUPPORTDESK_DOOR_PORT"] = "0"
        service.environ["CLOCK_FILE"] = str(self.folder / role / "clock")
        return service

    @property
    def is_sqlite(self) -> bool:
        """Tell which kind of database it has."""
        return self.postgresql is None

    @property
    def door(self) -> Service:
        """The process that takes mail in."""
        return self.services["intake"]

    @property
    def web_address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.services['web'].web_port}"

    def _populate(self) -> Cast:
        with self.runtime.database.write() as session:
            cast = make_cast(session)
        account = self.mailbox.account
        save_mailbox(
            self.runtime,
            None,
            MailboxDetails(
                TO,
                imap_host="127.0.0.1",
                imap_port=self.imap_line.port,
                imap_security="none",
                imap_username=account.username,
                imap_folder=account.folder,
            ),
            mailbox_id=cast.mailbox.id,
            password=PASSWORD,
        )
        done = self.door.run(
            "agents", "password", cast.jana.username, stdin=f"{DESK_PASSWORD}\n".encode()
        )
        assert done.returncode == 0, done.stderr
        return cast

    def set_clock(self, role: str, offset_seconds: int) -> None:
        """Set the clock of a process off from the right time, or from the campaign's."""
        offset = self._offset_seconds + offset_seconds
        (self.folder / role / "clock").write_text(str(offset), encoding="ascii")

    def start(self) -> None:
        """Start every process that does not run, and return when all of them are ready."""
        self.start_dead()
        until(self._is_ready, "the service starts", seconds=90)

    def start_dead(self) -> None:
        """Start what ended; it may take seconds to be ready."""
        for service in self.services.values():
            if service.process is None or service.has_ended():
                service.start()

    def _is_ready(self) -> bool:
        self.start_dead()
        return self.door.is_door_open() and is_open(self.services["web"].web_port)

    def kill(self, role: str) -> bool:
        """End a process and its children as a power cut would; False when it was dead already."""
        service = self.services[role]
        if service.process is None or service.has_ended():
            return False
        os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()
        return True

    def signal(self, role: str, number: int) -> bool:
        """Send a signal to a process and its children; False when it is dead."""
        service = self.services[role]
        if service.process is None or service.has_ended():
            return False
        os.killpg(service.process.pid, number)
        return True

    def stop(self) -> dict[str, int]:
        """Ask every process to end and give what each ended with."""
        ended = {}
        youngest = max(service.started_at for service in self.services.values())
        time.sleep(max(0.0, youngest + SECONDS_TO_START - time.monotonic()))
        for service in self.services.values():
            if service.process is not None and not service.has_ended():
                service.process.send_signal(signal.SIGTERM)
        for role, service in self.services.items():
            if service.process is not None:
                ended[role] = service.process.wait(60)
        return ended

    def kill_all(self) -> None:
        """Leave nothing running."""
        for role in self.services:
            self.kill(role)

    def waiting_work(self) -> int:
        """Count requests that are not routed and mails that are not sent."""
        with self.runtime.database.read() as session:
            count = session.scalar(
                sa.select(sa.func.count()).where(
                    Work.kind.in_([Kind.ROUTE, Kind.SEND]), Work.state == WorkState.READY
                )
            )
        return count or 0

    def has_fetched_all(self) -> bool:
        """Tell whether the mailbox holds nothing that was not fetched."""
        with self.mailbox.client(readonly=True) as client:
            status = client.folder_status(self.mailbox.account.folder, ["UIDVALIDITY", "UIDNEXT"])
        with self.runtime.database.read() as session:
            known = session.get_one(MailboxRow, self.cast.mailbox.id)
        return (known.uidvalidity, known.last_uid + 1) == (
            status[b"UIDVALIDITY"],
            status[b"UIDNEXT"],
        )

    def log_of(self, role: str) -> str:
        """Give the end of what a process has said."""
        return self.services[role].log[-4000:]


@contextmanager
def installed(kind: str, *, sabotage: str = "", offset_seconds: int = 0) -> Iterator[Installation]:
    """Set an installation up on a database of `kind`, and leave nothing of it.

    Its clocks are `offset_seconds` off.
    """
    with ExitStack() as parts:
        name = parts.enter_context(tempfile.TemporaryDirectory(prefix="supportdesk-faults-"))
        folder = Path(name)
        (folder / "data").mkdir()
        if has_small_disk():
            parts.enter_context(small_disk(folder / "data"))
        postgresql, url = None, ""
        if kind == "postgresql":
            postgresql = parts.enter_context(running_postgresql(options=""))
            url = postgresql.url(postgresql.create_database())
        dovecot = parts.enter_context(running_dovecot())
        around = Surroundings(
            folder,
            url,
            postgresql,
            relay=parts.enter_context(running_receiver(make_certificates(folder))),
            mailbox=dovecot.new_mailbox().create("Requests"),
            imap_line=parts.enter_context(Proxy(dovecot.port)),
        )
        whole = Installation(around, sabotage=sabotage, offset_seconds=offset_seconds)
        parts.callback(whole.runtime.database.close)
        parts.callback(whole.kill_all)
        whole.start()
        yield whole


def is_open(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@cache
def has_small_disk() -> bool:
    """Tell whether a small disk can be made here: that takes rights which few places give."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    with (
        tempfile.TemporaryDirectory() as folder,
        suppress(subprocess.CalledProcessError),
        small_disk(Path(folder)),
    ):
        return True
    return False


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Make a folder a disk of its own that can be filled without harm to this machine."""
    options = f"size={_DISK_MIB}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    subprocess.run(mount, check=True, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
