"""The worker: quick, unbreakable, and polite when it is told to stop."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work, release_work
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.db.database import Database
from supportdesk.db.models import Mailbox, OutboxMail, OutboxState, Ticket, Work, WorkState
from supportdesk.db.queries.operations import list_heartbeats
from supportdesk.db.work import Kind, enqueue
from supportdesk.errors import Unreadable
from supportdesk.jobs.handlers import handle
from supportdesk.jobs.worker import INTAKE_LANES, LANES, Lane, Worker, work_off
from supportdesk.messages import InboundMessage
from tests.servers.smtp import ReceivedMail, SmtpReceiver
from tests.waiting import until
from tests.world import DirectParser, World, mail, make_world

EKONOM = "ekonom@kraj.example"


@pytest.fixture
def world(database: Database, tmp_path: Path, smtp_receiver: SmtpReceiver) -> World:
    return make_world(database, tmp_path, smtp_host="localhost", smtp_port=smtp_receiver.port)


@contextmanager
def working(world: World, lanes: Sequence[Lane] = LANES) -> Iterator[Worker]:
    worker = Worker(world.runtime, world.parser, lanes=lanes)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def receive(world: World, *texts: str) -> None:
    for text in texts:
        receive_mail(
            world.runtime,
            mail(EKONOM, text),
            mail_from="",
            recipients=["business@example.com"],
            received_at=world.clock.now,
        )


def count(world: World, model: type[Ticket | OutboxMail | Work], *conditions: object) -> int:
    with world.runtime.database.read() as session:
        return session.scalar(sa.select(sa.func.count(model.id)).where(*conditions)) or 0  # type: ignore[arg-type]


class Watched(list[ReceivedMail]):
    """The relay's mails; `at` is done while the relay has a mail and has not said so yet."""

    def __init__(self, at: Callable[[], object]) -> None:
        super().__init__()
        self._at = at

    def append(self, received: ReceivedMail) -> None:
        """Take a mail."""
        super().append(received)
        self._at()


def test_a_mail_is_routed_and_acknowledged_at_once(
    world: World, smtp_receiver: SmtpReceiver
) -> None:
    acknowledged = threading.Event()
    smtp_receiver.mails = Watched(acknowledged.set)
    with working(world) as worker:
        receive(world, "Dotaz")
        worker.mail_came()
        assert acknowledged.wait(30)
    assert count(world, Ticket) == 1
    assert count(world, OutboxMail, OutboxMail.state == OutboxState.SENT) == 1


def test_stopping_finishes_what_is_in_hand_and_begins_nothing_more(
    world: World, smtp_receiver: SmtpReceiver
) -> None:
    taken, may_go_on = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        taken.release()
        may_go_on.wait(30)

    receive(world, "První", "Druhá", "Třetí")
    smtp_receiver.mails = Watched(hold)
    worker = Worker(world.runtime, world.parser)
    worker.start()
    # The receiver has one thread: one mail is in its hands, another sender waits for it.
    assert taken.acquire(timeout=30)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    assert stopping.is_alive()
    may_go_on.set()
    stopping.join(30)
    assert not stopping.is_alive()
    sent = count(world, OutboxMail, OutboxMail.state == OutboxState.SENT)
    assert sent == len(smtp_receiver.mails)
    assert count(world, OutboxMail, OutboxMail.state == OutboxState.SENDING) == 0
    assert count(world, Work, Work.lease.is_not(None), Work.state == WorkState.READY) == 0


def test_a_process_says_which_kind_it_is(world: World) -> None:
    worker = Worker(world.runtime, world.parser, lanes=INTAKE_LANES, part="intake")
    worker.start()
    try:
        until(lambda: living(world), "it tells that it lives")
        (name,) = living(world)
    finally:
        worker.stop()
    assert name.startswith("intake ")


def living(world: World) -> list[str]:
    with world.runtime.database.read() as session:
        return [one.name for one in list_heartbeats(session)]


def test_the_first_tick_is_at_the_start(world: World) -> None:
    with world.runtime.database.write() as session:
        mailbox = session.get_one(Mailbox, world.cast.mailbox.id)
        mailbox.imap_host, mailbox.imap_port = "localhost", 1
        mailbox.imap_security = "none"

    def has_failed() -> bool:
        with world.runtime.database.read() as session:
            error = session.get_one(Mailbox, world.cast.mailbox.id).last_error
        return "cannot be read now" in str(error)

    with working(world):
        until(has_failed, "the mailbox was asked")


def test_a_process_for_intake_alone_leaves_the_rest_to_others(world: World) -> None:
    kinds = [lane.kinds for lane in INTAKE_LANES]
    assert kinds == [(Kind.POLL,), (Kind.POLL_AGAIN, Kind.FETCH, Kind.RECONCILE)]
    receive(world, "Dotaz")
    with working(world, INTAKE_LANES) as worker:
        worker.wake()
    assert count(world, Ticket) == 0


def test_every_kind_of_work_has_exactly_one_lane() -> None:
    assert sorted(kind for lane in LANES for kind in lane.kinds) == sorted(Kind)


def test_a_worker_outlives_a_database_that_is_away(world: World) -> None:
    rename = "ALTER TABLE {} RENAME TO {}"
    with world.runtime.database.write() as session:
        session.execute(sa.text(rename.format("work", "work_away")))
    with working(world) as worker:
        worker.wake()
        with world.runtime.database.write() as session:
            session.execute(sa.text(rename.format("work_away", "work")))
        receive(world, "Dotaz")
        worker.mail_came()
        until(lambda: count(world, Ticket), "the mail is routed")


def test_a_failure_that_cannot_even_be_written_down_reaches_nobody(world: World) -> None:
    class LosesTheDatabase(DirectParser):
        """Takes the work table away while a mail is being parsed."""

        def parse_many(
            self, raws: Sequence[bytes], *, authserv_id: str, instance_id: str
        ) -> list[InboundMessage | Unreadable]:
            """Fail, and see to it that failing fails."""
            with world.runtime.database.write() as session:
                session.execute(sa.text("ALTER TABLE work RENAME TO work_away"))
            raise OSError("no database")

    receive(world, "Dotaz")
    claims = claim_work(world.runtime, [Kind.ROUTE], limit=1, lease_seconds=60)
    handle(world.runtime, LosesTheDatabase(), claims)
    with world.runtime.database.write() as session:
        session.execute(sa.text("ALTER TABLE work_away RENAME TO work"))
    world.clock.now += timedelta(seconds=60)  # the lease has run out
    assert work_off(world.runtime, world.parser) == 2  # the mail and its acknowledgement
    assert count(world, Ticket) == 1


@pytest.mark.parametrize("kind", [Kind.HAND_BACK, Kind.FOLLOW, Kind.CLOSE, Kind.INDEX, Kind.PRUNE])
def test_scheduled_work_is_done_and_finished(world: World, kind: Kind) -> None:
    with world.runtime.database.write() as session:
        enqueue(session, kind, {}, now=world.clock.now, max_attempts=1)
    assert work_off(world.runtime, world.parser) == 1
    assert count(world, Work, Work.state == WorkState.DONE) == 1


def test_an_unknown_kind_of_work_is_left_to_a_newer_version(world: World) -> None:
    with world.runtime.database.write() as session:
        session.add(
            Work(
                kind="teleport",
                payload={},
                visible_at=world.clock.now,
                max_attempts=1,
                created_at=world.clock.now,
            )
        )
    assert work_off(world.runtime, world.parser) == 0
    assert count(world, Work, Work.state == WorkState.READY) == 1


def test_a_worker_told_to_stop_does_not_wait_for_ever_for_what_hangs(
    database: Database, tmp_path: Path, smtp_receiver: SmtpReceiver
) -> None:
    world = make_world(
        database,
        tmp_path,
        smtp_host="localhost",
        smtp_port=smtp_receiver.port,
        stop_seconds=1,
    )
    taken, may_go_on = threading.Event(), threading.Event()

    def hold() -> None:
        taken.set()
        may_go_on.wait(60)

    smtp_receiver.mails = Watched(hold)
    with working(world):
        receive(world, "Dotaz")
        assert taken.wait(30)
    # It came back while the relay still holds the mail; another worker takes over in time.
    assert count(world, Work, Work.kind == Kind.SEND, Work.lease.is_not(None)) == 1
    may_go_on.set()
    until(lambda: count(world, OutboxMail, OutboxMail.state == OutboxState.SENT), "it is sent")


def test_work_that_was_not_begun_is_given_back_at_once_and_loses_no_attempt(world: World) -> None:
    receive(world, "Dotaz")
    for _ in range(2):
        (claim,) = claim_work(world.runtime, [Kind.ROUTE], limit=1, lease_seconds=60)
        assert claim.attempts == 1
        assert claim_work(world.runtime, [Kind.ROUTE], limit=1, lease_seconds=60) == []
        release_work(world.runtime, [claim])
