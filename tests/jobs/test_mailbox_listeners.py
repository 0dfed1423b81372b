"""Listening to mailboxes while the service runs: news is polled at once, changes are followed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.keys import seal
from supportdesk.actions.listen_to_mailboxes import leave_mailboxes, take_mailboxes
from supportdesk.actions.poll_mailbox import poll_mailbox
from supportdesk.channels.email.imap_connection import Account
from supportdesk.db.database import Database
from supportdesk.db.models import Mailbox as OurMailbox
from supportdesk.db.models import Receipt
from supportdesk.jobs.mailbox_listeners import MailboxListeners, seconds_before_listening
from supportdesk.jobs.worker import INTAKE_LANES, Worker
from tests.factories import make_mailbox
from tests.servers.dovecot import DovecotServer, Mailbox
from tests.servers.proxy import Proxy
from tests.waiting import until
from tests.world import World, mail, make_world

EKONOM = "ekonom@kraj.example"
HOURS = 3600


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    """A service that polls so seldom that whatever comes soon was heard."""
    return make_world(database, tmp_path, imap_poll_seconds=HOURS)


@pytest.fixture(autouse=True)
def _attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supportdesk.jobs.mailbox_listeners.FOLLOW_SECONDS", 0.1)


def connect(world: World, account: Account, address: str = "") -> int:
    """Have a mailbox of ours polled at `account`: the cast's own, or one with a new address."""
    with world.runtime.database.write() as session:
        found = sa.select(OurMailbox).where(OurMailbox.id == world.cast.mailbox.id)
        ours = make_mailbox(session, address) if address else session.scalars(found).one()
        ours.imap_host, ours.imap_port = account.host, account.port
        ours.imap_security, ours.imap_username = account.security, account.username
        ours.imap_password = seal(world.runtime.secret_key, account.password)
        ours.imap_folder = account.folder
        return ours.id


def change(world: World, mailbox_id: int, **values: object) -> None:
    with world.runtime.database.write() as session:
        session.execute(sa.update(OurMailbox).where(OurMailbox.id == mailbox_id).values(**values))


def stored(world: World, mailbox_id: int) -> OurMailbox:
    with world.runtime.database.read() as session:
        return session.get_one(OurMailbox, mailbox_id)


def received(world: World) -> int:
    with world.runtime.database.read() as session:
        return session.scalar(sa.select(sa.func.count(Receipt.id))) or 0


def listening_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("listener-")]


@contextmanager
def intake(world: World) -> Iterator[None]:
    """Take requests in as `supportdesk intake` does."""
    with ExitStack() as parts:
        worker = Worker(world.runtime, world.parser, lanes=INTAKE_LANES)
        worker.start()
        parts.callback(worker.stop)
        parts.enter_context(MailboxListeners(world.runtime, worker.wake))
        yield


def test_a_new_mail_is_fetched_at_once(world: World, mailbox: Mailbox) -> None:
    connect(world, mailbox.account)
    with intake(world):
        until(listening_threads, "it listens after the first poll")
        for number in range(1, 4):
            mailbox.append(mail(EKONOM, f"Dotaz {number}"))
            until(lambda: received(world) == len(mailbox.flags()), "the mail is fetched")
    assert listening_threads() == []


def test_listening_follows_what_is_set_up(world: World, dovecot: DovecotServer) -> None:
    first = connect(world, dovecot.new_mailbox().account)
    with intake(world):
        until(listening_threads, "it listens")
        other = dovecot.new_mailbox()
        second = connect(world, other.account, "technika@example.com")
        poll_mailbox(world.runtime, second)
        until(lambda: len(listening_threads()) == 2, "the new one is listened to, too")
        other.append(mail(EKONOM))
        until(lambda: received(world) == 1, "its mail is fetched")
        change(world, first, is_active=False)
        until(lambda: listening_threads() == [f"listener-{second}"], "the paused one is left")
        moved = other.create("Moved")
        change(world, second, imap_folder="Moved", uidvalidity=None, last_uid=0)
        moved.append(mail(EKONOM))
        until(lambda: received(world) == 2, "the mail in the new folder is fetched")


def test_a_line_that_breaks_is_taken_up_again_and_skips_nothing(
    world: World, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supportdesk.jobs.mailbox_listeners.LONGEST_WAIT_SECONDS", 0.1)
    with Proxy(mailbox.account.port) as proxy:
        connect(world, replace(mailbox.account, port=proxy.port))
        with intake(world):
            until(listening_threads, "it listens")
            proxy.drop(b"EXISTS")
            mailbox.append(mail(EKONOM, "První"))
            mailbox.append(mail(EKONOM, "Druhá"))
            proxy.work()
            until(lambda: received(world) == 2, "both mails are fetched")
            mailbox.append(mail(EKONOM, "Třetí"))
            until(lambda: received(world) == 3, "news is heard again")


def test_a_mailbox_that_cannot_be_read_is_not_listened_to(world: World, mailbox: Mailbox) -> None:
    ours = connect(world, mailbox.account)
    poll_mailbox(world.runtime, ours)
    assert [one.id for one in take_mailboxes(world.runtime, "one")] == [ours]
    change(world, ours, failing_since=world.clock.now)
    assert take_mailboxes(world.runtime, "one") == []


def test_a_mailbox_is_listened_to_by_one_process(world: World, mailbox: Mailbox) -> None:
    ours = connect(world, mailbox.account)
    poll_mailbox(world.runtime, ours)
    runtime = world.runtime
    assert [one.id for one in take_mailboxes(runtime, "one")] == [ours]
    assert take_mailboxes(runtime, "other") == []
    world.clock.now += timedelta(seconds=50)
    assert [one.id for one in take_mailboxes(runtime, "one")] == [ours]  # kept
    world.clock.now += timedelta(seconds=50)
    assert take_mailboxes(runtime, "other") == []
    world.clock.now += timedelta(seconds=10)  # the one was killed
    assert [one.id for one in take_mailboxes(runtime, "other")] == [ours]
    assert take_mailboxes(runtime, "one") == []
    leave_mailboxes(runtime, "other")
    assert [one.id for one in take_mailboxes(runtime, "one")] == [ours]


def test_whoever_listens_is_another_one_after_another_password(
    world: World, mailbox: Mailbox
) -> None:
    ours = connect(world, mailbox.account)
    poll_mailbox(world.runtime, ours)
    (before,) = take_mailboxes(world.runtime, "one")
    change(world, ours, imap_password=seal(world.runtime.secret_key, "other"))
    (after,) = take_mailboxes(world.runtime, "one")
    assert before != after


def test_mailboxes_that_hang_hold_up_no_other(world: World, mailbox: Mailbox) -> None:
    good = connect(world, mailbox.account)
    mailbox.append(mail(EKONOM))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        for number in range(5):
            account = replace(mailbox.account, port=silent.getsockname()[1])
            hanging = connect(world, account, f"hanging{number}@example.com")
            change(world, hanging, failing_since=world.clock.now)
        with intake(world):
            until(lambda: stored(world, good).last_success_at, "the good one is read")
            assert received(world) == 1
            silent.shutdown(socket.SHUT_RDWR)  # nobody has to wait for the timeouts


def test_the_wait_before_listening_again_grows_to_five_minutes() -> None:
    waits = [seconds_before_listening(failures) for failures in range(1, 20)]
    assert 1 <= waits[0] <= 2
    assert all(150 <= wait <= 300 for wait in waits[8:])
