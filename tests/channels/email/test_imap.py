"""The polled mailbox, against a real Dovecot: nothing lost, nothing changed, one bad mail alone."""

import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from supportdesk.channels.email.imap import Cursor, Failure, FetchedMail, Polled, end_of, poll
from supportdesk.channels.email.imap_connection import Account
from supportdesk.errors import ChannelError
from tests.servers.dovecot import Mailbox
from tests.servers.proxy import Proxy

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
MAX_BYTES = 10_000


class Desk:
    """Keeps mails as the product does: one at a time, unique by UIDVALIDITY and UID."""

    def __init__(self) -> None:
        self.mails: dict[tuple[int, int], FetchedMail] = {}
        self.fetched = 0
        self.refuses: set[bytes] = set()

    def known(self, uidvalidity: int, uids: Sequence[int]) -> Collection[int]:
        return {uid for uid in uids if (uidvalidity, uid) in self.mails}

    def store(self, mail: FetchedMail) -> None:
        self.fetched += 1
        if mail.raw in self.refuses:
            raise OSError(28, "No space left on device")
        self.mails[mail.uidvalidity, mail.uid] = mail

    @property
    def raws(self) -> list[bytes]:
        return [mail.raw for mail in self.mails.values()]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def run(account: Account, desk: Desk, cursor: Cursor | None = None, **options: Any) -> Polled:
    settings: dict[str, Any] = {"max_bytes": MAX_BYTES, "now": NOW, **options}
    return poll(account, cursor, known=desk.known, store=desk.store, **settings)


def mail(subject: str, size: int = 0) -> bytes:
    return f"Subject: {subject}\r\n\r\n".encode() + b"x" * size + b"\r\n"


def test_new_mails_are_fetched_once_in_order_with_their_instant(
    mailbox: Mailbox, desk: Desk
) -> None:
    at = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=1)))
    mailbox.append(mail("1"), mail("2"), at=at)
    first = run(mailbox.account, desk)
    assert desk.raws == [mail("1"), mail("2")]
    assert {one.received_at for one in desk.mails.values()} == {at.astimezone(UTC)}
    assert {one.received_at.tzinfo for one in desk.mails.values()} == {UTC}
    assert (first.stored, first.failures, first.has_more) == (2, (), False)
    assert run(mailbox.account, desk, first.cursor).stored == 0
    mailbox.append(mail("3"))
    second = run(mailbox.account, desk, first.cursor)
    assert desk.raws == [mail("1"), mail("2"), mail("3")]
    assert second.cursor == Cursor(first.cursor.uidvalidity, 3)
    assert desk.fetched == 3


def test_an_empty_mailbox_is_fine(mailbox: Mailbox, desk: Desk) -> None:
    result = run(mailbox.account, desk)
    assert (result.stored, result.cursor.last_uid) == (0, 0)


def test_mails_are_kept_byte_for_byte(mailbox: Mailbox, desk: Desk) -> None:
    # A maildir cannot tell line ends apart, so there is no lone CR or LF among the octets.
    octets = bytes(set(range(1, 256)) - set(b"\r\n"))
    raw = b"Subject: =?x?=\r\n\r\n" + octets + b'\r\n.\r\n) "{3}\r\n'
    mailbox.append(raw)
    run(mailbox.account, desk)
    assert desk.raws == [raw]


def test_no_flag_is_set_and_none_is_heeded(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("read by somebody"), mail("new"), mail("too large", MAX_BYTES))
    with mailbox.client() as other:
        other.add_flags([1], [b"\\Seen", b"\\Flagged"])
    before = mailbox.flags()
    run(mailbox.account, desk)
    assert len(desk.mails) == 3
    assert mailbox.flags() == before


def test_a_mail_too_large_comes_as_its_header(mailbox: Mailbox, desk: Desk) -> None:
    large = b"Subject: large\r\nX: y\r\n\r\n" + b"x" * MAX_BYTES + b"\r\n"
    mailbox.append(mail("1"), large, mail("3"))
    assert run(mailbox.account, desk).failures == ()
    assert [one.is_truncated for one in desk.mails.values()] == [False, True, False]
    found = list(desk.mails.values())[1]
    assert found.raw == b"Subject: large\r\nX: y\r\n\r\n"
    assert found.size == len(large)


def test_one_mail_that_cannot_be_stored_holds_up_only_itself(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("1"), mail("2"), mail("3"))
    desk.refuses = {mail("2")}
    first = run(mailbox.account, desk)
    assert desk.raws == [mail("1"), mail("3")]
    assert first.failures == (Failure(2, "[Errno 28] No space left on device"),)
    assert first.cursor.last_uid == 1
    assert not first.has_more
    desk.refuses.clear()
    second = run(mailbox.account, desk, first.cursor)
    assert desk.raws == [mail("1"), mail("3"), mail("2")]
    assert second.cursor.last_uid == 3
    assert desk.fetched == 4


def test_a_rescan_fetches_only_what_is_not_known(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("1"), mail("2"))
    run(mailbox.account, desk)
    mailbox.append(mail("3"))
    run(mailbox.account, desk, None)
    assert desk.fetched == 3


def test_another_uidvalidity_means_that_everything_is_looked_at_again(
    mailbox: Mailbox, desk: Desk
) -> None:
    mailbox.append(mail("1"), mail("2"))
    first = run(mailbox.account, desk)
    mailbox.change_uidvalidity()
    mailbox.append(mail("3"))
    second = run(mailbox.account, desk, first.cursor)
    assert second.cursor.uidvalidity != first.cursor.uidvalidity
    assert second.stored == 3
    assert len(desk.mails) == 5


def test_a_folder_made_anew_hides_no_mail_behind_its_old_uids(mailbox: Mailbox, desk: Desk) -> None:
    folder = mailbox.create("Žádosti a reklamace")
    folder.append(mail("1"), mail("2"), mail("3"))
    first = run(folder.account, desk)
    folder.recreate()
    folder.append(mail("4"))
    second = run(folder.account, desk, first.cursor)
    assert second.stored == 1
    assert desk.raws[-1] == mail("4")
    assert second.cursor.last_uid == 1


def test_deleted_mails_leave_no_hole_to_fall_into(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("1"), mail("2"), mail("3"))
    mailbox.delete(1, 3)
    first = run(mailbox.account, desk)
    assert desk.raws == [mail("2")]
    mailbox.append(mail("4"))
    assert run(mailbox.account, desk, first.cursor).cursor.last_uid == 4
    assert desk.raws == [mail("2"), mail("4")]


def test_a_mail_that_vanishes_meanwhile_stops_nobody(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("1"), mail("2"), mail("3"))

    def store(one: FetchedMail) -> None:
        if one.uid == 1:
            mailbox.delete(2)
        desk.store(one)

    result = poll(
        mailbox.account, None, max_bytes=MAX_BYTES, known=desk.known, store=store, now=NOW
    )
    assert desk.raws == [mail("1"), mail("3")]
    assert (result.failures, result.cursor.last_uid) == ((), 3)


def test_a_long_queue_is_taken_in_portions(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(*(mail(str(number)) for number in range(7)))
    results: list[Polled] = []
    while not results or results[-1].has_more:
        cursor = results[-1].cursor if results else None
        results.append(run(mailbox.account, desk, cursor, limit=3))
    assert [result.stored for result in results] == [3, 3, 1]
    assert len(desk.mails) == 7


def test_a_large_rescan_asks_what_is_known_in_portions(mailbox: Mailbox, desk: Desk) -> None:
    with mailbox.client() as other:
        other.multiappend("INBOX", [mail(str(number)) for number in range(2_100)])
    asked: list[int] = []

    def known(_uidvalidity: int, uids: Sequence[int]) -> Collection[int]:
        asked.append(len(uids))
        return uids[:-1]

    result = poll(
        mailbox.account, None, max_bytes=MAX_BYTES, known=known, store=desk.store, now=NOW
    )
    assert asked == [1000, 1000, 100]
    assert [uid for _, uid in desk.mails] == [1000, 2000, 2100]
    assert result.cursor.last_uid == 2100


def test_old_mails_can_be_passed_over(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("old"), mail("older"))
    cursor = end_of(mailbox.account)
    mailbox.append(mail("new"))
    run(mailbox.account, desk, cursor)
    assert desk.raws == [mail("new")]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_tls_with_a_known_certificate(
    mailbox: Mailbox, desk: Desk, security: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.server.certificates.trust(monkeypatch)
    mailbox.append(mail("1"))
    account = mailbox.over_tls() if security == "tls" else mailbox.account
    assert run(replace(account, security=security), desk).stored == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_of_nobody_known_is_refused(
    mailbox: Mailbox, desk: Desk, security: Any
) -> None:
    account = mailbox.over_tls() if security == "tls" else mailbox.account
    with pytest.raises(ChannelError, match="certificate") as caught:
        run(replace(account, security=security), desk)
    assert caught.value.permanent


def test_a_wrong_password_is_named_but_not_shown(mailbox: Mailbox, desk: Desk) -> None:
    account = replace(mailbox.account, password="tajemstvi")
    with pytest.raises(ChannelError, match="user name and password") as caught:
        run(account, desk)
    assert caught.value.permanent
    assert account.username in str(caught.value)
    assert "tajemstvi" not in str(caught.value)
    assert "tajemstvi" not in repr(account)


def test_a_folder_that_is_not_there_is_named_with_those_that_are(
    mailbox: Mailbox, desk: Desk
) -> None:
    mailbox.create("Žádosti")
    with pytest.raises(ChannelError, match=r"Reklamace.*INBOX") as caught:
        run(replace(mailbox.account, folder="Reklamace"), desk)
    assert caught.value.permanent
    assert "Žádosti" in str(caught.value)


def test_nobody_listening_is_tried_again(mailbox: Mailbox, desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ChannelError, match=f"localhost:{port} cannot be read now") as caught:
        run(replace(mailbox.account, port=port), desk)
    assert not caught.value.permanent


@pytest.mark.parametrize("at", [b"* OK", b"CAPABILITY", b"AUTHENTICATE", b"EXAMINE", b"SEARCH"])
@pytest.mark.parametrize("fault", ["drop", "stall"])
def test_a_connection_that_dies_before_the_mails_is_tried_again(
    mailbox: Mailbox, desk: Desk, at: bytes, fault: str
) -> None:
    mailbox.append(mail("1"))
    with through(mailbox) as (proxy, account):
        getattr(proxy, fault)(at)
        with pytest.raises(ChannelError, match="cannot be read now") as caught:
            run(account, desk, timeout_seconds=0.5)
        assert not caught.value.permanent
        proxy.work()
        assert run(account, desk).stored == 1


@pytest.mark.parametrize("fault", ["drop", "stall"])
def test_a_connection_that_dies_amid_a_mail_loses_nothing(
    mailbox: Mailbox, desk: Desk, fault: str
) -> None:
    mailbox.append(mail("1"), mail("2 poison", 5000), mail("3"))
    with through(mailbox) as (proxy, account):
        getattr(proxy, fault)(b"poison")
        first = run(account, desk, timeout_seconds=0.5)
        # The poisoned one waits for the next poll, the others do not wait for it.
        assert desk.raws == [mail("1"), mail("3")]
        assert [failure.uid for failure in first.failures] == [2]
        assert first.cursor.last_uid == 1
        proxy.work()
        assert run(account, desk, first.cursor).cursor.last_uid == 3
    assert desk.raws == [mail("1"), mail("3"), mail("2 poison", 5000)]
    assert desk.fetched == 3


def test_a_server_that_never_comes_to_an_end_is_cut_off(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("1"))
    with through(mailbox) as (proxy, account):
        proxy.stall(b"SEARCH")
        with pytest.raises(ChannelError, match="cannot be read now") as caught:
            run(account, desk, timeout_seconds=3600, most_seconds=0.5)
        assert not caught.value.permanent


def test_a_slow_mailbox_gives_way_to_others_after_each_mail(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("1"), mail("2"))
    first = run(mailbox.account, desk, enough_seconds=0)
    assert (first.stored, first.has_more) == (1, True)
    assert run(mailbox.account, desk, first.cursor, enough_seconds=0).has_more is False
    assert desk.raws == [mail("1"), mail("2")]


def test_a_server_that_always_breaks_off_is_reported(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(*(mail(f"{number} poison") for number in range(5)))
    with through(mailbox) as (proxy, account):
        proxy.drop(b"poison")
        with pytest.raises(ChannelError, match=r"3 times.*UIDs 1, 2, 3") as caught:
            run(account, desk)
    assert not caught.value.permanent
    assert desk.mails == {}


def test_a_mail_that_the_server_refuses_stops_nobody(mailbox: Mailbox, desk: Desk) -> None:
    mailbox.append(mail("1"), mail("2"), mail("3"))
    with through(mailbox) as (proxy, account):
        proxy.answer(b"UID FETCH 2 (BODY.PEEK[])", b"NO [SERVERBUG] cannot convert this mail")
        first = run(account, desk)
    assert desk.raws == [mail("1"), mail("3")]
    assert [failure.uid for failure in first.failures] == [2]
    assert "cannot convert this mail" in first.failures[0].reason
    assert first.cursor.last_uid == 1


@contextmanager
def through(mailbox: Mailbox) -> Iterator[tuple[Proxy, Account]]:
    """Put a line that can break between us and the mailbox."""
    with Proxy(mailbox.account.port) as proxy:
        yield proxy, replace(mailbox.account, port=proxy.port)
