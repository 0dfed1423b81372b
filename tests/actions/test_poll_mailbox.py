"""Polling a real mailbox: everything is kept once, nothing in the mailbox is touched."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.keys import seal
from supportdesk.actions.poll_mailbox import poll_mailbox, polled_mailboxes
from supportdesk.channels.email.imap import Polled
from supportdesk.channels.email.imap_connection import Account
from supportdesk.db.database import Database
from supportdesk.db.models import Mailbox as OurMailbox
from supportdesk.db.models import Message, Receipt, ReceiptState, Ticket, Work, WorkState
from supportdesk.db.work import Kind
from supportdesk.errors import ChannelError, NotFound, SettingsError, read_back
from supportdesk.jobs.handlers import handle
from supportdesk.jobs.schedule import poll_all
from tests.factories import make_mailbox
from tests.servers.dovecot import PASSWORD, DovecotServer, Mailbox
from tests.world import World, mail, make_world

EKONOM = "ekonom@kraj.example"
NIGHT = datetime(2020, 1, 6, 22, 30, tzinfo=UTC)  # Dovecot takes no date of the future
POLL_SECONDS = 20


@dataclass
class Polling:
    """Our mailbox and the folder on a real server that is polled for it."""

    world: World
    folder: Mailbox
    mailbox_id: int

    def poll(self) -> Polled:
        """Poll once."""
        return poll_mailbox(self.world.runtime, self.mailbox_id)

    def ours(self) -> OurMailbox:
        """Give our mailbox as it is stored now."""
        with self.world.runtime.database.read() as session:
            return session.get_one(OurMailbox, self.mailbox_id)

    def receipts(self) -> list[Receipt]:
        """Give all receipts, the oldest first."""
        with self.world.runtime.database.read() as session:
            return list(session.scalars(sa.select(Receipt).order_by(Receipt.id)))

    def tick(self) -> None:
        """Ask for polls a slot later."""
        self.world.clock.now += timedelta(seconds=POLL_SECONDS)
        poll_all(self.world.runtime, POLL_SECONDS)

    def work(self) -> int:
        """Do the polls that are due; give how many those were."""
        done = 0
        while claims := claim_work(self.world.runtime, [Kind.POLL], limit=1, lease_seconds=900):
            handle(self.world.runtime, self.world.parser, claims)
            done += 1
        return done


def connect(world: World, mailbox_id: int, account: Account) -> None:
    """Have our mailbox polled at `account`."""
    with world.runtime.database.write() as session:
        mailbox = session.get_one(OurMailbox, mailbox_id)
        mailbox.imap_host, mailbox.imap_port = account.host, account.port
        mailbox.imap_security = account.security
        mailbox.imap_username = account.username
        mailbox.imap_password = seal(world.runtime.secret_key, account.password)
        mailbox.imap_folder = account.folder


@pytest.fixture
def polling(database: Database, tmp_path: Path, mailbox: Mailbox) -> Polling:
    world = make_world(database, tmp_path, mail_max_mib=1)
    connect(world, world.cast.mailbox.id, mailbox.account)
    return Polling(world, mailbox, world.cast.mailbox.id)


def test_a_mail_is_kept_as_it_is_and_left_as_it_was(polling: Polling) -> None:
    raw = mail(EKONOM).replace(b"\n", b"\r\n")
    polling.folder.append(raw, at=NIGHT)
    assert polling.poll().stored == 1
    (receipt,) = polling.receipts()
    assert polling.world.runtime.blobs.get(receipt.blob_key) == raw
    assert receipt.received_at == NIGHT
    assert receipt.state is ReceiptState.RECEIVED
    assert list(polling.folder.flags().values()) == [()]  # not even \Seen


def test_what_was_polled_becomes_a_ticket(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM), at=NIGHT)
    polling.poll()
    polling.world.route()
    with polling.world.runtime.database.read() as session:
        assert session.scalars(sa.select(Ticket.mailbox_id)).all() == [polling.mailbox_id]
        received = sa.select(Message.created_at).where(Message.author == "customer")
        assert session.scalar(received) == NIGHT


def test_a_second_poll_finds_only_what_is_new(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "První"), mail(EKONOM, "Druhá"))
    assert (polling.poll().stored, polling.poll().stored) == (2, 0)
    polling.folder.append(mail(EKONOM, "Třetí"))
    assert polling.poll().stored == 1
    assert len(polling.receipts()) == 3


def test_what_another_program_has_read_or_flagged_is_a_request_all_the_same(
    polling: Polling,
) -> None:
    polling.folder.append(mail(EKONOM))
    with polling.folder.client() as client:
        client.add_flags(client.search(), [b"\\Seen", b"\\Flagged"])
    assert polling.poll().stored == 1


def test_mails_that_were_deleted_are_no_obstacle(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "První"), mail(EKONOM, "Druhá"), mail(EKONOM, "Třetí"))
    polling.folder.delete(2)
    assert polling.poll().stored == 2


def test_a_crash_between_keeping_and_remembering_doubles_nothing(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "První"), mail(EKONOM, "Druhá"))
    polling.poll()
    with polling.world.runtime.database.write() as session:
        ours = session.get_one(OurMailbox, polling.mailbox_id)
        ours.uidvalidity, ours.last_uid = None, 0
    assert polling.poll().stored == 0
    assert len(polling.receipts()) == 2


@pytest.mark.parametrize("is_recreated", [False, True])
def test_a_new_uidvalidity_means_looking_at_everything_again_and_no_second_ticket(
    polling: Polling, is_recreated: bool
) -> None:
    folder = polling.folder.create("business") if is_recreated else polling.folder
    connect(polling.world, polling.mailbox_id, folder.account)
    old = mail(EKONOM, "Stará")
    folder.append(old)
    polling.poll()
    before = polling.ours().uidvalidity
    if is_recreated:
        folder.recreate()
        folder.append(old)  # restored from a backup
    else:
        folder.change_uidvalidity()
    folder.append(mail(EKONOM, "Nová"))
    assert polling.poll().stored == 2
    assert polling.ours().uidvalidity != before
    polling.world.route()
    with polling.world.runtime.database.read() as session:
        assert len(session.scalars(sa.select(Ticket.id)).all()) == 2
    assert {one.state for one in polling.receipts()} == {ReceiptState.PROCESSED}
    assert polling.poll().stored == 0


def test_an_oversize_mail_is_in_quarantine_and_the_others_are_not(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "x" * 2**20), mail(EKONOM, "Malá"))
    assert polling.poll().stored == 2
    large, small = polling.receipts()
    assert (large.state, small.state) == (ReceiptState.QUARANTINED, ReceiptState.RECEIVED)
    assert "larger than 1 MiB" in str(read_back(large.problem or ""))
    assert large.size_bytes > 2**20  # of the mail, not of what we kept
    assert b"Subject: Dotaz" in polling.world.runtime.blobs.get(large.blob_key)
    assert polling.poll().stored == 0
    polling.world.route()
    assert polling.receipts()[0].state is ReceiptState.QUARANTINED


def test_success_is_remembered_with_its_time(polling: Polling) -> None:
    assert polling.ours().last_success_at is None
    polling.poll()
    assert (polling.ours().last_success_at, polling.ours().last_error) == (
        polling.world.clock.now,
        None,
    )


def test_failure_is_remembered_with_its_reason_and_forgotten_after_success(
    polling: Polling,
) -> None:
    good = polling.folder.account
    connect(polling.world, polling.mailbox_id, replace(good, password="wrong"))
    with pytest.raises(ChannelError, match="did not let us into"):
        polling.poll()
    assert polling.ours().last_success_at is None
    assert "Check the user name and password" in str(polling.ours().last_error)
    connect(polling.world, polling.mailbox_id, good)
    polling.poll()
    assert polling.ours().last_error is None


def test_a_password_of_another_secret_key_is_remembered_as_a_failure(polling: Polling) -> None:
    with polling.world.runtime.database.write() as session:
        session.get_one(OurMailbox, polling.mailbox_id).imap_password = seal(b"o" * 32, PASSWORD)
    with pytest.raises(SettingsError):
        polling.poll()
    assert "another secret key" in str(polling.ours().last_error)


def test_a_mailbox_without_a_host_is_not_polled(polling: Polling) -> None:
    with polling.world.runtime.database.write() as session:
        other = make_mailbox(session).id
    assert polled_mailboxes(polling.world.runtime) == [polling.mailbox_id]
    with pytest.raises(NotFound, match="is not polled"):
        poll_mailbox(polling.world.runtime, other)


def test_a_bad_mailbox_stops_no_other_and_leaves_no_dead_work(
    polling: Polling, dovecot: DovecotServer
) -> None:
    bad, good = polling, dovecot.new_mailbox()
    with polling.world.runtime.database.write() as session:
        other_id = make_mailbox(session, "technika@example.com").id
    connect(polling.world, other_id, good.account)
    connect(bad.world, bad.mailbox_id, replace(bad.folder.account, password="wrong"))
    good.append(mail(EKONOM))
    for _ in range(3):
        polling.tick()
        assert polling.work() == 2
    assert len(polling.receipts()) == 1
    assert bad.ours().last_error
    with polling.world.runtime.database.read() as session:
        assert set(session.scalars(sa.select(Work.state).where(Work.kind == Kind.POLL))) == {
            WorkState.DONE
        }


def test_a_mailbox_that_hangs_is_asked_once_however_many_slots_go_by(
    polling: Polling, dovecot: DovecotServer
) -> None:
    with polling.world.runtime.database.write() as session:
        other_id = make_mailbox(session, "technika@example.com").id
    connect(polling.world, other_id, dovecot.new_mailbox().account)
    polling.tick()
    (hanging,) = claim_work(polling.world.runtime, [Kind.POLL], limit=1, lease_seconds=900)
    for _ in range(5):
        polling.tick()
        others = claim_work(polling.world.runtime, [Kind.POLL], limit=5, lease_seconds=900)
        assert [one.payload["mailbox_id"] for one in others] == [other_id]
        handle(polling.world.runtime, polling.world.parser, others)
    assert hanging.payload["mailbox_id"] == polling.mailbox_id


def test_a_full_mailbox_is_emptied_at_once_and_not_slot_by_slot(
    polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supportdesk.actions.poll_mailbox._AT_ONCE", 2)
    polling.folder.append(*(mail(EKONOM, f"Dotaz {number}") for number in range(5)))
    polling.tick()
    assert polling.work() == 3
    assert len(polling.receipts()) == 5


def test_two_polls_of_one_mailbox_at_the_same_moment_keep_each_mail_once(
    polling: Polling,
) -> None:
    polling.folder.append(*(mail(EKONOM, f"Dotaz {number}") for number in range(10)))
    with ThreadPoolExecutor(2) as pool:
        for poll in [pool.submit(polling.poll) for _ in range(2)]:
            assert poll.result().failures == ()
    assert len(polling.receipts()) == 10
    assert polling.poll().stored == 0
    with polling.world.runtime.database.read() as session:
        routing = sa.select(sa.func.count()).where(Work.kind == Kind.ROUTE)
        assert session.scalar(routing) == 10
