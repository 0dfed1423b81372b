"""The processes end when they are told to, and what dies by itself is started again."""

import signal
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import OutboxMail, OutboxState, Ticket, Work, WorkState
from tests.factories import make_cast
from tests.faults.service import Service, running
from tests.servers.smtp import ReceivedMail, SmtpReceiver
from tests.waiting import until
from tests.world import mail

EKONOM, BUSINESS = "ekonom@kraj.example", "business@example.com"
RUN = ("-m", "supportdesk.cli", "run")


class Watched(list[ReceivedMail]):
    """The relay's mails; `at` is done while the relay has a mail and has not said so yet."""

    def __init__(self, at: Callable[[], object]) -> None:
        super().__init__()
        self._at = at

    def append(self, received: ReceivedMail) -> None:
        """Take a mail."""
        super().append(received)
        self._at()


def hold_mails(receiver: SmtpReceiver) -> tuple[threading.Event, threading.Event]:
    """Have the relay keep each mail unconfirmed; give "it has one" and "it may say so"."""
    taken, may_go_on = threading.Event(), threading.Event()

    def hold() -> None:
        taken.set()
        may_go_on.wait(60)

    receiver.mails = Watched(hold)
    return taken, may_go_on


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """Give a centre on SQLite: how processes end has nothing to do with the database."""
    opened = Database(open_engine(sqlite_url))
    with opened.write() as session:
        make_cast(session)
    yield opened
    opened.close()


def count(database: Database, *conditions: sa.ColumnElement[bool]) -> int:
    with database.read() as session:
        return session.scalar(sa.select(sa.func.count()).where(*conditions)) or 0


def deliver(service: Service, text: str = "Dotaz") -> None:
    with service.lmtp() as door:
        door.sendmail(EKONOM, [BUSINESS], mail(EKONOM, text))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_told_to_stop_finishes_the_mail_in_its_hands(
    database: Database,
    sqlite_url: str,
    tmp_path: Path,
    smtp_receiver: SmtpReceiver,
    number: signal.Signals,
) -> None:
    taken, may_go_on = hold_mails(smtp_receiver)
    service = Service(tmp_path, sqlite_url, smtp_port=smtp_receiver.port)
    with running(service):
        service.wait_for_door()
        deliver(service)
        assert taken.wait(30), service.log
        assert service.process is not None
        service.process.send_signal(number)
        until(lambda: not service.is_door_open(), "the door is closed")
        assert not service.wait(0.2)  # it waits for the relay's answer
        may_go_on.set()
        assert service.process.wait(30) == 0, service.log
    assert len(smtp_receiver.mails) == 1
    assert count(database, OutboxMail.state == OutboxState.SENT) == 1
    assert count(database, Work.state == WorkState.READY, Work.lease.is_not(None)) == 0
    assert "Traceback" not in service.log


def test_a_worker_told_twice_ends_now_and_the_mail_in_its_hands_may_go_out_once_more(
    database: Database, sqlite_url: str, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    taken, may_go_on = hold_mails(smtp_receiver)
    service = Service(tmp_path, sqlite_url, smtp_port=smtp_receiver.port)
    with running(service):
        service.wait_for_door()
        deliver(service)
        assert taken.wait(30), service.log
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not service.is_door_open(), "the door is closed")
        assert service.stop(seconds=10) == 1
        may_go_on.set()
    assert count(database, OutboxMail.state == OutboxState.SENDING) == 1  # shown as uncertain
    assert count(database, Work.state == WorkState.READY, Work.lease.is_not(None)) == 1


def test_all_of_run_ends_at_once_when_it_is_told_twice(
    database: Database, sqlite_url: str, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    taken, may_go_on = hold_mails(smtp_receiver)
    service = Service(
        tmp_path,
        sqlite_url,
        smtp_port=smtp_receiver.port,
        arguments=("-m", "supportdesk.cli", "run"),
    )
    with running(service):
        service.wait_for_door()
        deliver(service)
        assert taken.wait(30), service.log
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not service.is_door_open(), "the door is closed")
        assert service.stop(seconds=15) == 0, service.log
        assert not service.is_door_open()
        may_go_on.set()
    assert service.log.rstrip().endswith("Stopped.")
    assert "Traceback" not in service.log


def test_a_worker_on_an_older_database_says_what_to_do(
    tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    with running(Service(tmp_path, url, smtp_port=smtp_receiver.port)) as service:
        assert service.wait(60)
        assert service.process is not None
        assert service.process.returncode == 1
    assert "run `supportdesk migrate` first" in service.log
    assert "Traceback" not in service.log


def test_a_worker_whose_door_is_taken_says_so_and_ends(
    database: Database, sqlite_url: str, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    service = Service(
        tmp_path, sqlite_url, smtp_port=smtp_receiver.port, door_port=str(smtp_receiver.port)
    )
    with running(service):
        assert service.wait(60)
        assert service.process is not None
        assert service.process.returncode == 1
    assert "Set another door_port" in service.log
    assert "Traceback" not in service.log


def test_run_serves_everything_starts_again_what_dies_and_ends_on_ctrl_c(
    database: Database, sqlite_url: str, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    service = Service(tmp_path, sqlite_url, smtp_port=smtp_receiver.port, arguments=RUN)
    with running(service):
        service.wait_for_door()
        until(lambda: is_alive(service), f"the web answers\n{service.log}")
        assert service.process is not None
        children = children_of(service.process.pid)
        assert len(children) == 2
        (worker,) = [pid for pid, command in children.items() if "worker" in command]
        subprocess.run(["kill", "-9", str(worker)], check=True)
        until(lambda: not service.is_door_open(), "the worker is dead")
        service.wait_for_door()
        assert worker not in children_of(service.process.pid)
        deliver(service)
        until(lambda: count(database, Ticket.id > 0) == 1, "the mail is routed")
        last = children_of(service.process.pid)
        assert service.stop(signal.SIGINT) == 0, service.log
    assert not service.is_door_open()
    assert not is_alive(service)
    assert last.keys().isdisjoint(all_processes())
    assert "Stopped." in service.log
    assert "Traceback" not in service.log


def is_alive(service: Service) -> bool:
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{service.web_port}/healthz", timeout=5) as answer,
    ):
        return bool(answer.status == 200)
    return False


def all_processes() -> dict[int, tuple[int, str]]:
    """Give the parent and the command line of every process."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,stat=,command="], check=True, capture_output=True, text=True
    )
    found = {}
    for line in listed.stdout.splitlines():
        pid, parent, status, command = line.split(None, 3)
        if not status.startswith("Z"):
            found[int(pid)] = (int(parent), command)
    return found


def children_of(parent: int) -> dict[int, str]:
    """Give the running children of a process with their command lines."""
    return {pid: command for pid, (above, command) in all_processes().items() if above == parent}
