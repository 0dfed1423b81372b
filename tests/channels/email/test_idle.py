"""Listening to a real Dovecot: news is heard at once, and a line that died is noticed."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from supportdesk.channels.email.idle import listen
from supportdesk.channels.email.imap_connection import Account
from supportdesk.errors import ChannelError
from tests.servers.dovecot import Mailbox
from tests.servers.proxy import Proxy
from tests.waiting import until

MAIL = b"Subject: x\r\n\r\nx\r\n"


class Ear:
    """Counts news; while `is_deaf` nobody takes it."""

    def __init__(self) -> None:
        self.heard = 0
        self.calls = 0
        self.is_deaf = False
        self.stop = threading.Event()

    def news(self) -> bool:
        self.calls += 1
        self.heard += not self.is_deaf
        return not self.is_deaf


@contextmanager
def listening(account: Account, ear: Ear, **options: Any) -> Iterator[Future[None]]:
    """Listen in another thread; the test goes on when the server idles."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(listen, account, news=ear.news, stop=ear.stop, **options)
        until(lambda: ear.calls or future.done(), "it listens")
        try:
            yield future
        finally:
            ear.stop.set()


def test_a_new_mail_is_heard_of(mailbox: Mailbox) -> None:
    ear = Ear()
    with listening(mailbox.account, ear) as future:
        assert ear.heard == 1  # whatever came before
        mailbox.append(MAIL)
        until(lambda: ear.heard >= 2, "the mail is heard of")
        ear.stop.set()
        future.result(timeout=30)


def test_news_over_tls_is_heard_of(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox.server.certificates.trust(monkeypatch)
    ear = Ear()
    with listening(mailbox.over_tls(), ear) as future:
        mailbox.append(MAIL)
        until(lambda: ear.heard >= 2, "the mail is heard of")
        ear.stop.set()
        future.result(timeout=30)


def test_news_that_nobody_takes_is_told_again(mailbox: Mailbox) -> None:
    ear = Ear()
    ear.is_deaf = True
    with listening(mailbox.account, ear):
        until(lambda: ear.calls >= 2, "it is told again")
        ear.is_deaf = False
        until(lambda: ear.heard == 1, "it is taken")


def test_the_server_is_asked_again_and_again_to_tell(mailbox: Mailbox) -> None:
    ear = Ear()
    with listening(mailbox.account, ear, idle_seconds=0.1):
        until(lambda: ear.heard >= 3, "three rounds")
        mailbox.append(MAIL)


@pytest.mark.parametrize("fault", ["drop", "stall"])
@pytest.mark.parametrize("at", [b"IDLE", b"EXISTS"])
def test_a_line_that_breaks_is_noticed(mailbox: Mailbox, fault: str, at: bytes) -> None:
    mailbox.append(MAIL)
    ear = Ear()
    with Proxy(mailbox.account.port) as proxy:
        account = replace(mailbox.account, port=proxy.port)
        if at == b"IDLE":
            getattr(proxy, fault)(at)
        with listening(account, ear, idle_seconds=2, timeout_seconds=0.5) as future:
            if at == b"EXISTS":
                getattr(proxy, fault)(at)
                mailbox.append(MAIL)
            with pytest.raises(ChannelError, match="cannot be read now") as caught:
                future.result(timeout=30)
            assert not caught.value.permanent


def test_a_server_that_is_stopped_is_noticed(mailbox: Mailbox) -> None:
    ear = Ear()
    with Proxy(mailbox.account.port) as proxy:
        account = replace(mailbox.account, port=proxy.port)
        with listening(account, ear) as future:
            proxy.say(b"* BYE Session invalidated - AccessTokenExpired\r\n")
            with pytest.raises(ChannelError, match="AccessTokenExpired"):
                future.result(timeout=30)


def test_nobody_at_the_other_end_keeps_us_from_stopping(mailbox: Mailbox) -> None:
    ear = Ear()
    with Proxy(mailbox.account.port) as proxy:
        account = replace(mailbox.account, port=proxy.port)
        with listening(account, ear) as future:
            proxy.stall(b"")
            ear.stop.set()
            # DONE is not answered; it would be waited for much longer while listening.
            with pytest.raises(ChannelError):
                future.result(timeout=15)


def test_a_wrong_password_is_told(mailbox: Mailbox) -> None:
    account = replace(mailbox.account, password="wrong")
    with pytest.raises(ChannelError, match="user name and password"):
        listen(account, news=lambda: True, stop=threading.Event())
