"""Polling a real mailbox: everything is kept once, nothing in the mailbox is touched."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.keys import seal
from supportdesk.actions.ledger import (
    mailboxes_to_reconcile,
    mails_without_receipt,
    read_mailbox_again,
    reconcile_mailbox,
)
from supportdesk.actions.mailboxes import set_mailbox_password, try_mailbox_now
from supportdesk.actions.poll_mailbox import (
    mailboxes_to_poll,
    poll_mailbox,
    seconds_until_next_try,
)
from supportdesk.actions.receipts import replay_receipt
from supportdesk.actions.receive_mail import Fetched, receive_fetched
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.watch import CHECKS
from supportdesk.channels.email.imap import Polled
from supportdesk.channels.email.imap_connection import Account
from supportdesk.db.database import Database
from supportdesk.db.models import (
    AuditEntry,
    Message,
    Receipt,
    ReceiptState,
    Ticket,
    Work,
    WorkState,
)
from supportdesk.db.models import Mailbox as OurMailbox
from supportdesk.db.queries.mailboxes import DueMailbox, silent_mailboxes
from supportdesk.db.work import Kind
from supportdesk.errors import ChannelError, Conflict, NotFound, SettingsError, read_back
from supportdesk.jobs.handlers import handle
from supportdesk.jobs.schedule import poll_all, reconcile_all
from tests.factories import make_mailbox
from tests.servers.dovecot import PASSWORD, DovecotServer, Mailbox
from tests.staff import viewer_of
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
        poll_all(self.world.runtime)

    def work(self) -> int:
        """Do the polls that are due; give how many those were."""
        done = 0
        kinds = (Kind.POLL, Kind.POLL_AGAIN, Kind.FETCH, Kind.RECONCILE)
        while claims := claim_work(self.world.runtime, kinds, limit=1, lease_seconds=900):
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
    polling: Polling, is_recreated: bool, caplog: pytest.LogCaptureFixture
) -> None:
    folder = polling.folder.create("business") if is_recreated else polling.folder
    connect(polling.world, polling.mailbox_id, folder.account)
    old = mail(EKONOM, "Stará")
    folder.append(old)
    polling.poll()
    before = polling.ours().uidvalidity
    assert polling.ours().rescanned_at is None
    if is_recreated:
        folder.recreate()
        folder.append(old)  # restored from a backup
    else:
        folder.change_uidvalidity()
    folder.append(mail(EKONOM, "Nová"))
    caplog.clear()
    assert polling.poll().stored == 2
    assert polling.ours().uidvalidity != before
    assert polling.ours().rescanned_at == polling.world.clock.now
    assert "was made anew" in caplog.text
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


def raise_limit(polling: Polling, mebibytes: int) -> None:
    world = polling.world
    settings = replace(world.runtime.settings, mail_max_mib=mebibytes)
    world.runtime = replace(world.runtime, settings=settings)


def try_again(polling: Polling) -> Receipt:
    """Try the only receipt again, as people do from the quarantine."""
    world = polling.world
    (receipt,) = polling.receipts()
    viewer = viewer_of(world.runtime, world.cast.supervisor)
    replay_receipt(world.runtime, viewer, receipt.id)
    assert polling.work() == 1
    world.route()
    (receipt,) = polling.receipts()
    return receipt


def test_an_oversize_mail_is_fetched_whole_once_the_limit_allows_it(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "x" * 2**20 + " Konec"))
    polling.poll()
    receipt = try_again(polling)
    assert receipt.state is ReceiptState.QUARANTINED
    assert "larger than 1 MiB" in str(read_back(receipt.problem or ""))
    raise_limit(polling, 2)
    receipt = try_again(polling)
    assert (receipt.state, receipt.problem) == (ReceiptState.PROCESSED, None)
    assert (receipt.is_truncated, receipt.size_bytes > 2**20) == (False, True)
    assert b"Konec" in polling.world.runtime.blobs.get(receipt.blob_key)
    with polling.world.runtime.database.read() as session:
        received = sa.select(Message.text).where(Message.author == "customer")
        assert session.scalars(received).one().startswith("xxx")
    assert polling.poll().stored == 0


def test_an_oversize_mail_that_is_gone_is_told_so(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "x" * 2**20))
    polling.poll()
    polling.folder.delete(1)
    raise_limit(polling, 2)
    receipt = try_again(polling)
    assert receipt.state is ReceiptState.QUARANTINED
    assert "not in the mailbox any more" in str(read_back(receipt.problem or ""))


def test_what_hinders_fetching_an_oversize_mail_is_told_at_once(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "x" * 2**20))
    polling.poll()
    connect(polling.world, polling.mailbox_id, replace(polling.folder.account, password="wrong"))
    receipt = try_again(polling)
    assert receipt.state is ReceiptState.QUARANTINED
    assert "user name and password" in str(read_back(receipt.problem or ""))


def test_an_oversize_mail_is_no_second_one_after_a_rescan(polling: Polling) -> None:
    polling.folder.append(mail(EKONOM, "x" * 2**20))
    polling.poll()
    polling.folder.change_uidvalidity()
    polling.poll()
    assert polling.poll().stored == 0
    raise_limit(polling, 2)
    assert try_again(polling).state is ReceiptState.PROCESSED


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


def test_after_each_failure_a_mailbox_is_left_alone_for_longer(polling: Polling) -> None:
    world = polling.world
    connect(world, polling.mailbox_id, replace(polling.folder.account, password="wrong"))
    began = world.clock.now
    waits = []
    for _ in range(7):
        with pytest.raises(ChannelError):
            polling.poll()
        next_try = polling.ours().next_try_at
        assert next_try is not None
        waits.append((next_try - world.clock.now).total_seconds())
        assert mailboxes_to_poll(world.runtime) == []
        world.clock.now = next_try
        assert mailboxes_to_poll(world.runtime) == [DueMailbox(polling.mailbox_id, True)]
    for wait, longest in zip(waits, [20, 40, 80, 160, 320, 600, 600], strict=True):
        assert longest * 0.8 <= wait <= longest
    assert polling.ours().failing_since == began
    connect(world, polling.mailbox_id, polling.folder.account)
    polling.poll()
    ours = polling.ours()
    assert (ours.failures, ours.failing_since, ours.next_try_at) == (0, None, None)


@given(st.integers(1, 10_000), st.integers(1, 3600))
def test_no_wait_is_longer_than_ten_minutes_nor_nothing(failures: int, poll_seconds: int) -> None:
    assert 0.8 <= seconds_until_next_try(failures, poll_seconds=poll_seconds) <= 600


def test_saving_a_mailbox_has_it_tried_at_once(polling: Polling) -> None:
    world = polling.world
    connect(world, polling.mailbox_id, replace(polling.folder.account, password="wrong"))
    with pytest.raises(ChannelError):
        polling.poll()
    set_mailbox_password(world.runtime, None, "business@example.com", PASSWORD)
    assert mailboxes_to_poll(world.runtime) == [DueMailbox(polling.mailbox_id, True)]
    polling.poll()
    assert polling.ours().last_error is None


def test_an_administrator_has_a_mailbox_tried_at_once(polling: Polling) -> None:
    world = polling.world
    admin = viewer_of(world.runtime, world.cast.administrator)
    connect(world, polling.mailbox_id, replace(polling.folder.account, password="wrong"))
    with pytest.raises(ChannelError):
        polling.poll()
    connect(world, polling.mailbox_id, polling.folder.account)
    try_mailbox_now(world.runtime, admin, polling.mailbox_id)
    assert polling.work() == 1
    assert polling.ours().last_error is None


def test_a_poll_that_overtakes_a_change_of_the_folder_moves_no_cursor(
    polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = polling.folder.create("Other").account

    def change_then_keep(runtime: Runtime, fetched: Fetched) -> None:
        connect(polling.world, polling.mailbox_id, other)
        receive_fetched(runtime, fetched)

    monkeypatch.setattr("supportdesk.actions.poll_mailbox.receive_fetched", change_then_keep)
    polling.folder.append(mail(EKONOM))
    polling.poll()
    assert (polling.ours().uidvalidity, polling.ours().last_uid) == (None, 0)


@pytest.mark.parametrize(
    ("since", "success", "is_silent"),
    [
        (None, None, True),
        (60, None, True),
        (10, None, True),
        (9, None, False),
        (60, 60, True),
        (60, 10, True),
        (60, 9, False),
        (5, 60, False),
    ],
)
def test_a_mailbox_is_silent_when_it_was_not_read_for_ten_minutes(
    polling: Polling, since: int | None, success: int | None, is_silent: bool
) -> None:
    now = polling.world.clock.now

    def ago(minutes: int | None) -> datetime | None:
        return None if minutes is None else now - timedelta(minutes=minutes)

    with polling.world.runtime.database.write() as session:
        ours = session.get_one(OurMailbox, polling.mailbox_id)
        ours.polled_since, ours.last_success_at = ago(since), ago(success)
        make_mailbox(session)  # one that is not polled is never silent
    with polling.world.runtime.database.write() as session:
        found = silent_mailboxes(session, now=now, minutes=10)
        assert [one.id for one in found] == [polling.mailbox_id] * is_silent
        session.get_one(OurMailbox, polling.mailbox_id).is_active = False
        session.flush()
        assert silent_mailboxes(session, now=now, minutes=10) == []


def test_a_password_of_another_secret_key_is_remembered_as_a_failure(polling: Polling) -> None:
    with polling.world.runtime.database.write() as session:
        session.get_one(OurMailbox, polling.mailbox_id).imap_password = seal(b"o" * 32, PASSWORD)
    with pytest.raises(SettingsError):
        polling.poll()
    assert "another secret key" in str(polling.ours().last_error)


def test_a_mailbox_without_a_host_is_not_polled(polling: Polling) -> None:
    with polling.world.runtime.database.write() as session:
        other = make_mailbox(session).id
    assert [one.id for one in mailboxes_to_poll(polling.world.runtime)] == [polling.mailbox_id]
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
    polling.tick()
    assert polling.work() == 2
    for _ in range(3):
        polling.tick()
        assert 1 <= polling.work() <= 2  # the bad one is tried again, but not every time
    assert len(polling.receipts()) == 1
    assert bad.ours().last_error
    with polling.world.runtime.database.read() as session:
        assert set(session.scalars(sa.select(Work.state).where(Work.kind == Kind.POLL))) == {
            WorkState.DONE
        }


def test_a_mailbox_that_hangs_is_asked_once_however_often_it_is_due(
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


def test_a_full_mailbox_is_emptied_at_once_and_not_poll_by_poll(
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


def test_the_ledger_asks_the_mailbox_for_mails_that_were_passed_without_a_receipt(
    polling: Polling,
) -> None:
    runtime = polling.world.runtime
    polling.folder.append(mail(EKONOM, "První"), mail(EKONOM, "Druhý"), at=NIGHT)
    polling.poll()
    polling.folder.append(mail(EKONOM, "Třetí"), at=NIGHT)  # not passed yet: no gap
    assert mails_without_receipt(runtime, polling.mailbox_id) == []
    with runtime.database.write() as session:
        lost = session.scalars(sa.select(Receipt).order_by(Receipt.id)).first()
        assert lost is not None
        uid = int(lost.external_id.rpartition(":")[2])
        session.execute(sa.delete(Work))
        session.delete(lost)
    assert mails_without_receipt(runtime, polling.mailbox_id) == [uid]
    polling.folder.change_uidvalidity()
    assert mails_without_receipt(runtime, polling.mailbox_id) == []


def lose_first(runtime: Runtime) -> None:
    """Let the receipt of the first mail never have been."""
    with runtime.database.write() as session:
        session.delete(session.scalars(sa.select(Receipt).order_by(Receipt.id)).first())


def test_a_mailbox_is_compared_once_a_day_and_what_is_missing_raises_the_alarm_until_it_is_read(
    polling: Polling,
) -> None:
    runtime, clock = polling.world.runtime, polling.world.clock
    polling.folder.append(mail(EKONOM, "První"), mail(EKONOM, "Druhý"), at=NIGHT)
    assert mailboxes_to_reconcile(runtime) == []  # not read yet
    polling.poll()
    lose_first(runtime)
    reconcile_all(runtime)
    reconcile_all(runtime)
    assert polling.work() == 1
    ours = polling.ours()
    assert (ours.reconciled_at, ours.missing_count) == (clock.now, 1)
    clock.now += timedelta(hours=23)
    assert mailboxes_to_reconcile(runtime) == []
    with runtime.database.read() as session:
        [(key, error)] = CHECKS["ledger"](session, runtime.settings, clock.now)
    assert (key, error.values["count"]) == ("business@example.com", 1)

    supervisor = viewer_of(runtime, polling.world.cast.supervisor)
    read_mailbox_again(runtime, supervisor, polling.mailbox_id)
    assert polling.work() == 1
    assert len(polling.receipts()) == 2  # the other one is not kept twice
    with runtime.database.read() as session:
        assert list(CHECKS["ledger"](session, runtime.settings, clock.now)) == []
        audited = session.scalars(sa.select(AuditEntry.action)).all()
    assert "mailbox_read_again" in audited
    assert mailboxes_to_reconcile(runtime) == [polling.mailbox_id]  # to see that it helped
    assert reconcile_mailbox(runtime, polling.mailbox_id) == []
    with pytest.raises(Conflict, match="Nothing is missing"):
        read_mailbox_again(runtime, supervisor, polling.mailbox_id)


def test_a_poll_that_was_under_way_does_not_pass_what_is_to_be_read_again(
    polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = polling.world.runtime
    polling.folder.append(mail(EKONOM, "První"), mail(EKONOM, "Druhý"), at=NIGHT)
    polling.poll()
    lose_first(runtime)
    reconcile_mailbox(runtime, polling.mailbox_id)
    polling.folder.append(mail(EKONOM, "Třetí"), at=NIGHT)

    def store(runtime: Runtime, fetched: Fetched) -> None:
        if polling.ours().first_missing_uid is not None:
            read_mailbox_again(runtime, None, polling.mailbox_id)
        receive_fetched(runtime, fetched)

    monkeypatch.setattr("supportdesk.actions.poll_mailbox.receive_fetched", store)
    polling.poll()
    polling.poll()
    assert len(polling.receipts()) == 3


def test_a_mailbox_that_cannot_be_compared_is_not_given_up(polling: Polling) -> None:
    runtime = polling.world.runtime
    polling.folder.append(mail(EKONOM), at=NIGHT)
    polling.poll()
    set_mailbox_password(runtime, None, "business@example.com", "wrong")
    reconcile_all(runtime)
    assert polling.work() == 1
    assert polling.ours().reconciled_at is None
    with runtime.database.read() as session:
        assert session.scalars(sa.select(Work.state).where(Work.kind == Kind.RECONCILE)).all() == [
            WorkState.DONE
        ]
