"""The service as real processes, with a data directory of its own, for tests that kill it."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.waiting import until

ROOT = Path(__file__).parents[2]
WORKER = ("-m", "supportdesk.cli", "worker")


class Service:
    """One command of ours that is started, killed and stopped."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        smtp_port: int,
        arguments: Sequence[str] = WORKER,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.arguments = arguments
        self.door_port, self.web_port = free_ports(2)
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SUPPORTDESK_DATA_DIR": str(folder / "data"),
            "SUPPORTDESK_DATABASE_URL": database_url,
            "SUPPORTDESK_DOOR_PORT": str(self.door_port),
            "SUPPORTDESK_PORT": str(self.web_port),
            "SUPPORTDESK_SMTP_HOST": "localhost",
            "SUPPORTDESK_SMTP_PORT": str(smtp_port),
            "SUPPORTDESK_ACKNOWLEDGE_PER_ADDRESS_A_DAY": "1000",
            **{f"SUPPORTDESK_{name.upper()}": value for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = float("-inf")

    @property
    def log(self) -> str:
        """Give all that the command has said so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def start(self) -> None:
        """Start the command, which may take seconds to be ready."""
        self.started_at = time.monotonic()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                env=self.environ,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_door_open(self) -> bool:
        """Tell whether somebody answers at the door."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.door_port), 1):
            return True
        return False

    def wait_for_door(self) -> None:
        """Return when the door is open."""
        until(lambda: self.is_door_open() or self.has_ended(), f"the door opens\n{self.log}")
        assert not self.has_ended(), self.log

    def has_ended(self) -> bool:
        """Tell whether the command ended by itself."""
        return self.process is not None and self.process.poll() is not None

    def wait(self, seconds: float) -> bool:
        """Wait for it to end by itself; False when it did not in this time."""
        assert self.process is not None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.has_ended()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 60) -> int:
        """Ask it to end, and give what it ended with."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run another command of ours on the same data."""
        return run_command(self.environ, *arguments, stdin=stdin, folder=self.folder)

    def lmtp(self) -> smtplib.LMTP:
        """Connect to the door."""
        return smtplib.LMTP("127.0.0.1", self.door_port)


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Start a command and make sure that it is gone in the end."""
    service.start()
    try:
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()


def run_command(
    environ: Mapping[str, str], *arguments: str, stdin: bytes = b"", folder: Path
) -> subprocess.CompletedProcess[bytes]:
    """Run `supportdesk` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "supportdesk.cli", *arguments],
        env=dict(environ),
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


def free_ports(count: int) -> list[int]:
    """Find ports that nobody holds."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()
