"""kill -9 at random and at the worst moments: nothing is lost, nothing is doubled."""

import random
import signal
import smtplib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import ReceiptState, Work, WorkState
from supportdesk.db.work import Kind
from tests.factories import make_cast
from tests.faults.evidence import Evidence, broken_promises, gather
from tests.faults.service import Service, running
from tests.servers.smtp import ReceivedMail, SmtpReceiver
from tests.waiting import until
from tests.world import mail

MAILS = 80
RANDOM_KILLS = 2
EKONOM = "ekonom@kraj.example"


class Feeder(threading.Thread):
    """A mail server: repeats each mail until it hears 250, and notes that it did."""

    def __init__(self, service: Service, count: int, *, pause_seconds: float = 0.0) -> None:
        super().__init__(name="feeder")
        self.accepted: set[str] = set()
        self.gives_up = threading.Event()
        self._service = service
        self._count = count
        self._pause_seconds = pause_seconds

    def run(self) -> None:
        """Send everything, in order."""
        for number in range(self._count):
            message_id = f"<{number}@customer.example>"
            raw = mail(EKONOM, f"Dotaz {number}", Message_ID=message_id)
            while not self._is_taken(raw):
                if self.gives_up.wait(0.05):
                    return
            self.accepted.add(message_id)
            self.gives_up.wait(self._pause_seconds)

    def _is_taken(self, raw: bytes) -> bool:
        try:
            with self._service.lmtp() as door:
                door.sendmail(EKONOM, ["business@example.com"], raw)
        except (OSError, smtplib.SMTPException):
            return False
        return True


class Watched(list[ReceivedMail]):
    """The relay's mails; `at` is done while the relay has a mail and has not said so yet."""

    def __init__(self, at: Callable[[int], None]) -> None:
        super().__init__()
        self._at = at

    def append(self, received: ReceivedMail) -> None:
        """Take a mail."""
        super().append(received)
        self._at(len(self))


def let_leases_end(database: Database) -> None:
    """Let so much time pass that what the killed worker held is free again."""
    with database.write() as session:
        session.execute(
            sa.update(Work)
            .where(Work.state == WorkState.READY, Work.lease.is_not(None))
            .values(visible_at=Work.created_at)
        )


def start_again(service: Service, database: Database) -> None:
    """Start what was killed; it may be killed again before its door is open."""
    assert service.process is not None
    assert service.process.returncode == -signal.SIGKILL, service.log
    let_leases_end(database)
    service.start()
    until(lambda: service.is_door_open() or service.has_ended(), "the door opens")


def is_all_done(database: Database) -> bool:
    with database.read() as session:
        return not session.scalar(
            sa.select(sa.func.count()).where(
                Work.kind.in_([Kind.ROUTE, Kind.SEND]), Work.state == WorkState.READY
            )
        )


def make_centre(database: Database) -> None:
    with database.write() as session:
        make_cast(session)


def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(
    database: Database, database_url: str, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    make_centre(database)
    chance = random.Random(20261122)  # noqa: S311 - repeatable moments, not secrets
    service = Service(tmp_path, database_url, smtp_port=smtp_receiver.port)
    feeder = Feeder(service, MAILS, pause_seconds=0.02)
    kills = 0

    def kill_in_the_worst_moment(taken: int) -> None:
        if taken in {5, 30} and service.process is not None:
            service.process.send_signal(signal.SIGKILL)

    smtp_receiver.mails = Watched(kill_in_the_worst_moment)
    with running(service):
        service.wait_for_door()
        feeder.start()
        try:
            for _ in range(RANDOM_KILLS):
                service.wait(chance.uniform(0.1, 1.2))
                service.kill()
                kills += 1
                start_again(service, database)
            while feeder.is_alive() or not is_all_done(database):
                if service.wait(0.1):
                    kills += 1
                    start_again(service, database)
        finally:
            feeder.gives_up.set()
            feeder.join()
        assert service.stop() == 0, service.log
    assert len(feeder.accepted) == MAILS
    assert kills >= RANDOM_KILLS + 1
    found = gather(database, frozenset(feeder.accepted), smtp_receiver.mails, senders_killed=kills)
    assert broken_promises(found) == []
    assert_intact(database)


def assert_intact(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        with database.read() as session:
            assert session.scalar(sa.text("PRAGMA integrity_check")) == "ok"
            assert session.execute(sa.text("PRAGMA foreign_key_check")).all() == []


def test_a_door_that_says_250_before_the_commit_is_caught(
    sqlite_url: str, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    database = Database(open_engine(sqlite_url))
    make_centre(database)
    service = Service(
        tmp_path,
        sqlite_url,
        smtp_port=smtp_receiver.port,
        arguments=("-m", "tests.faults.careless_door"),
    )
    feeder = Feeder(service, 5)
    with running(service):
        service.wait_for_door()
        feeder.start()
        feeder.join()
        service.kill()
        let_leases_end(database)
    with running(Service(tmp_path, sqlite_url, smtp_port=smtp_receiver.port)) as honest:
        honest.wait_for_door()
        until(lambda: is_all_done(database), "the rest is done")
        assert honest.stop() == 0
    found = gather(database, frozenset(feeder.accepted), smtp_receiver.mails, senders_killed=1)
    database.close()
    assert len(feeder.accepted) == 5
    assert any(problem.startswith("lost:") for problem in broken_promises(found))


GOOD = Evidence(
    accepted=frozenset({"<a>", "<b>"}),
    tickets=["<a>", "<b>"],
    receipts=[ReceiptState.PROCESSED] * 2,
    answers=["<t1>", "<t2>"],
    delivered=["<t1>", "<t2>", "<t2>"],
    senders_killed=1,
)


def test_the_check_lets_pass_what_the_promise_allows() -> None:
    assert broken_promises(GOOD) == []
    # Accepted without our sender hearing of it.
    assert broken_promises(replace(GOOD, accepted=frozenset({"<a>"}))) == []


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, tickets=["<a>"], receipts=[ReceiptState.PROCESSED], answers=["<t1>"]),
        replace(GOOD, tickets=["<a>", "<b>", "<b>"]),
        replace(GOOD, receipts=[ReceiptState.PROCESSED] * 3),
        replace(GOOD, receipts=[ReceiptState.PROCESSED, ReceiptState.QUARANTINED]),
        replace(GOOD, answers=["<t1>", "<t2>", "<t3>"]),
        replace(GOOD, delivered=["<t1>"]),
        replace(GOOD, delivered=["<t1>", "<t2>", "<another>"]),
        replace(GOOD, senders_killed=0),
        replace(GOOD, unfinished=["send work is ready: None"]),
    ],
)
def test_the_check_sees_every_kind_of_broken_promise(bad: Evidence) -> None:
    assert broken_promises(bad) != []
