"""The door: "250" only for what is kept, byte for byte, and an honest answer for all the rest."""

import smtplib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.channels.email.door import Door, Envelope
from supportdesk.channels.email.hops import Hop
from supportdesk.errors import ChannelError

NOW = datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC)
MAIL = b"Subject: x\r\n\r\nDobr\xc3\xbd den\r\n"
MAX_BYTES = 100_000
US = "business@example.cz"


class Desk:
    """The far side of the door: keeps what it is given, unless it is told to fail."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.entered = threading.Semaphore(0)
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def accepts(self, address: str) -> bool:
        self.asked.append(address)
        return address.lower().partition("+")[0].partition("@")[0] in {"business", "čeština"}

    def deliver(self, envelope: Envelope) -> None:
        self.entered.release()
        self.may_go_on.wait(20)
        if self.error is not None:
            raise self.error
        self.mails.append(envelope)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@contextmanager
def opened(desk: Desk, protocol: Any = "lmtp", **options: Any) -> Iterator[Door]:
    settings: dict[str, Any] = {
        "max_bytes": MAX_BYTES,
        "accepts": desk.accepts,
        "deliver": desk.deliver,
        "clock": lambda: NOW,
        **options,
    }
    with Door("127.0.0.1", 0, protocol, **settings) as door:
        yield door


@pytest.fixture
def lmtp(desk: Desk) -> Iterator[Door]:
    with opened(desk) as door:
        yield door


@pytest.fixture
def smtp(desk: Desk) -> Iterator[Door]:
    with opened(desk, "smtp") as door:
        yield door


class Wire:
    """A client that says exactly what it is told."""

    def __init__(self, door: Door) -> None:
        self.socket = socket.create_connection(("127.0.0.1", door.port), timeout=10)
        self.file = self.socket.makefile("rb")
        self.greeting = self.replies(1)[0]

    def say(self, text: bytes) -> None:
        self.socket.sendall(text)

    def replies(self, count: int) -> list[str]:
        """Read so many replies; the lines of one reply are one."""
        found: list[str] = []
        while len(found) < count:
            line = self.file.readline().decode().rstrip("\r\n")
            if not line:
                found.append("closed")
            elif line[3:4] != "-":
                found.append(line)
        return found

    def ask(self, text: bytes) -> str:
        self.say(text + b"\r\n")
        return self.replies(1)[0]

    def begin(self, hello: bytes = b"LHLO x", *recipients: bytes) -> None:
        for command in (
            hello, b"MAIL FROM:<a@example.org>",
            *(b"RCPT TO:<%s>" % to for to in recipients or [US.encode()]),
        ):  # fmt: skip
            assert self.ask(command).startswith("250"), command

    def end(self) -> None:
        self.file.close()
        self.socket.close()


@contextmanager
def wired(door: Door) -> Iterator[Wire]:
    wire = Wire(door)
    try:
        yield wire
    finally:
        wire.end()


def client(door: Door) -> smtplib.SMTP:
    make = smtplib.LMTP if door.protocol == "lmtp" else smtplib.SMTP
    return make("127.0.0.1", door.port, timeout=10)


def send(door: Door, raw: bytes = MAIL, *recipients: str) -> dict[str, tuple[int, bytes]]:
    with client(door) as connection:
        return connection.sendmail("a@example.org", recipients or [US], raw)


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_a_mail_is_kept_with_its_envelope_and_instant(desk: Desk, protocol: str) -> None:
    recipients = ("Business+Technical@example.cz",)
    with opened(desk, protocol) as door, client(door) as connection:
        connection.local_hostname = "mx.kraj.example"
        assert connection.sendmail("a@example.org", recipients, MAIL) == {}
    peer = Hop("127.0.0.1", "mx.kraj.example")
    assert desk.mails == [Envelope("a@example.org", recipients, MAIL, NOW, peer)]


def test_the_null_return_path_is_empty(lmtp: Door, desk: Desk) -> None:
    with client(lmtp) as connection:
        connection.sendmail("", [US], MAIL)
    assert desk.mails[0].mail_from == ""


def test_only_the_mailboxes_we_have_are_accepted(lmtp: Door, desk: Desk) -> None:
    refused = send(lmtp, MAIL, "nobody@example.cz", US)
    assert refused == {"nobody@example.cz": (550, b"5.1.1 No such mailbox here")}
    assert desk.mails[0].recipients == (US,)
    assert desk.asked == ["nobody@example.cz", US]


def test_a_yes_is_remembered_for_a_while_and_a_no_never(lmtp: Door, desk: Desk) -> None:
    for _ in range(2):
        send(lmtp, MAIL, "nobody@example.cz", US)
    assert desk.asked == ["nobody@example.cz", US, "nobody@example.cz"]
    assert len(desk.mails) == 2


def test_the_mail_is_stored_before_the_sender_is_told(smtp: Door, desk: Desk) -> None:
    desk.may_go_on.clear()
    with wired(smtp) as wire:
        wire.begin(b"EHLO x")
        assert wire.ask(b"DATA").startswith("354")
        wire.say(MAIL + b".\r\n")
        assert desk.entered.acquire(timeout=10)
        wire.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)
        desk.may_go_on.set()
        wire.socket.settimeout(10)
        assert wire.socket.recv(100).startswith(b"250 ")
    assert len(desk.mails) == 1


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ChannelError("database is away", permanent=False), 451),
        (ChannelError("no such thing here", permanent=True), 554),
        (OSError(28, "No space left on device"), 451),
        (RuntimeError("a bug"), 451),
    ],
)
def test_what_could_not_be_stored_is_not_confirmed(
    desk: Desk, protocol: str, error: Exception, code: int
) -> None:
    desk.error = error
    with opened(desk, protocol) as door:
        with pytest.raises(smtplib.SMTPDataError) as caught:
            send(door)
        assert caught.value.smtp_code == code
        assert str(error).encode() not in caught.value.smtp_error
        desk.error = None
        send(door)
    assert len(desk.mails) == 1


def test_a_question_that_fails_asks_the_sender_to_come_again(desk: Desk) -> None:
    def fails(_address: str) -> bool:
        raise RuntimeError("database is away")

    with (
        opened(desk, accepts=fails) as door,
        pytest.raises(smtplib.SMTPRecipientsRefused) as caught,
    ):
        send(door)
    assert caught.value.recipients[US][0] == 451


@pytest.mark.parametrize("fails", [False, True])
def test_lmtp_answers_for_every_recipient(lmtp: Door, desk: Desk, fails: bool) -> None:
    desk.error = RuntimeError("x") if fails else None
    with wired(lmtp) as wire:
        wire.begin(b"LHLO x", b"business@a.cz", b"business@b.cz", b"business@a.cz")
        assert wire.ask(b"RCPT TO:<nobody@c.cz>").startswith("550 5.1.1")
        assert wire.ask(b"DATA").startswith("354")
        wire.say(MAIL + b".\r\n")
        code = "451 4.3.0" if fails else "250 2.0.0"
        assert [reply[:9] for reply in wire.replies(3)] == [code] * 3
        assert wire.ask(b"NOOP").startswith("250")
    assert [mail.recipients for mail in desk.mails] == (
        [] if fails else [("business@a.cz", "business@b.cz", "business@a.cz")]
    )


def test_lmtp_answers_for_every_recipient_of_a_mail_too_large(lmtp: Door, desk: Desk) -> None:
    with wired(lmtp) as wire:
        wire.begin(b"LHLO x", b"business@a.cz", b"business@b.cz")
        assert wire.ask(b"DATA").startswith("354")
        wire.say(b"x" * 70 + b"\r\n" + b"y" * MAX_BYTES + b"\r\n.\r\n")
        assert [reply[:9] for reply in wire.replies(2)] == ["552 5.3.4"] * 2
        wire.begin(b"LHLO x")
    assert desk.mails == []


def test_smtp_answers_once(smtp: Door) -> None:
    with wired(smtp) as wire:
        wire.begin(b"EHLO x", b"business@a.cz", b"business@b.cz")
        assert wire.ask(b"DATA").startswith("354")
        wire.say(MAIL + b".\r\nNOOP\r\n")
        assert wire.replies(2) == ["250 2.0.0 Accepted", "250 2.0.0 OK"]


@pytest.mark.parametrize(("size", "is_kept"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
def test_the_size_limit_is_exact_whether_announced_or_not(
    lmtp: Door, desk: Desk, size: int, is_kept: bool
) -> None:
    # Every line begins with a dot, which is doubled on the wire and does not count.
    raw = b".\r\n" * (size // 3 - 1) + b"." * (size % 3 + 1) + b"\r\n"
    assert len(raw) == size
    with wired(lmtp) as wire:
        wire.begin()
        assert wire.ask(b"DATA").startswith("354")
        wire.say(b"".join(b"." + line for line in raw.splitlines(keepends=True)) + b".\r\n")
        assert wire.replies(1)[0][:3] == ("250" if is_kept else "552")
        announced = wire.ask(b"MAIL FROM:<a@example.org> SIZE=%d" % size)
        assert announced[:9] == ("250 2.1.0" if is_kept else "552 5.3.4")
    assert [mail.raw for mail in desk.mails] == [raw] * is_kept


def test_a_sender_who_never_stops_is_cut_off(lmtp: Door, desk: Desk) -> None:
    with wired(lmtp) as wire:
        wire.begin()
        assert wire.ask(b"DATA").startswith("354")
        with pytest.raises(ConnectionError):
            wire.say(b"x" * MAX_BYTES * 1000)
    assert desk.mails == []


@pytest.mark.parametrize(
    "trick",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n\0.\r\n",
     b"\r\n.\0\r\n", b"\r\r\n.\r\r\n"],
)  # fmt: skip
def test_nothing_but_crlf_dot_crlf_ends_a_mail(smtp: Door, desk: Desk, trick: bytes) -> None:
    smuggled = (
        b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<business@a.cz>\r\nDATA\r\nSubject: evil\r\n"
    )
    with wired(smtp) as wire:
        wire.begin(b"EHLO x")
        assert wire.ask(b"DATA").startswith("354")
        wire.say(b"Subject: x\r\n\r\nfirst" + trick + smuggled + b".\r\nQUIT\r\n")
        assert [reply[:3] for reply in wire.replies(2)] == ["250", "221"]
    (mail,) = desk.mails
    assert mail.mail_from == "a@example.org"
    # Only a doubled dot at the start of a line is undone (RFC 5321 s4.5.2).
    assert mail.raw == b"Subject: x\r\n\r\nfirst" + trick.replace(b"\r\n.", b"\r\n") + smuggled


bodies = st.lists(
    st.sampled_from([b"a", b".", b"..", b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"x" * 70_000])
).map(b"".join)


@given(body=bodies)
def test_every_body_comes_through_byte_for_byte(body: bytes) -> None:
    desk = Desk()
    raw = body if body.endswith(b"\r\n") else body + b"\r\n"
    stuffed = b"".join(b"." + line if line.startswith(b".") else line for line in _crlf_lines(raw))
    with opened(desk, max_bytes=10**7) as door, wired(door) as wire:
        wire.begin()
        wire.ask(b"DATA")
        wire.say(stuffed + b".\r\n")
        assert wire.replies(1) == ["250 2.0.0 Accepted"]
    assert desk.mails[0].raw == raw


def _crlf_lines(raw: bytes) -> list[bytes]:
    return [line + b"\r\n" for line in raw.split(b"\r\n")[:-1]]


def test_a_mail_without_any_content_is_kept(lmtp: Door, desk: Desk) -> None:
    with wired(lmtp) as wire:
        wire.begin()
        wire.ask(b"DATA")
        assert wire.ask(b".") == "250 2.0.0 Accepted"
    assert desk.mails[0].raw == b""


def test_the_end_may_come_in_pieces(lmtp: Door, desk: Desk) -> None:
    with wired(lmtp) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.begin()
        wire.ask(b"DATA")
        for byte in b"x\r\n..\r\n.\r\n":
            wire.say(bytes([byte]))
        assert wire.replies(1) == ["250 2.0.0 Accepted"]
    assert desk.mails[0].raw == b"x\r\n.\r\n"


def test_everything_may_be_said_at_once(lmtp: Door, desk: Desk) -> None:
    transaction = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<business@a.cz>\r\nDATA\r\n"
    with wired(lmtp) as wire:
        assert wire.ask(b"LHLO x") == "250 HELP"
        wire.say((transaction + MAIL + b".\r\n") * 3 + b"QUIT\r\n")
        codes = [reply[:3] for reply in wire.replies(13)]
    assert codes == ["250", "250", "354", "250"] * 3 + ["221"]
    assert [mail.raw for mail in desk.mails] == [MAIL] * 3


def test_what_the_door_can_do_is_announced(lmtp: Door, smtp: Door) -> None:
    for door in (lmtp, smtp):
        with client(door) as connection:
            connection.ehlo()
            features = connection.esmtp_features
        assert features["size"] == str(MAX_BYTES)
        assert {"8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes"} <= features.keys()
        assert not {"chunking", "auth", "starttls"} & features.keys()


def test_lmtp_and_smtp_greet_differently(lmtp: Door, smtp: Door) -> None:
    with wired(lmtp) as wire:
        assert wire.ask(b"EHLO x").startswith("500 5.")
        assert wire.ask(b"HELO x").startswith("500 5.")
    with wired(smtp) as wire:
        assert wire.ask(b"LHLO x").startswith("500 5.")
        assert wire.ask(b"HELO x").startswith("250")


def test_an_address_with_czech_letters_is_taken(lmtp: Door, desk: Desk) -> None:
    with client(lmtp) as connection:
        connection.ehlo()
        connection.mail("jiří@example.cz", ["SMTPUTF8"])
        assert connection.rcpt("čeština@example.cz")[0] == 250
        connection.data(MAIL)
    assert desk.mails[0].mail_from == "jiří@example.cz"
    assert desk.mails[0].recipients == ("čeština@example.cz",)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (b"<business@a.cz>", "business@a.cz"),
        (b"<@relay.cz,@b.cz:business@a.cz>", "business@a.cz"),
        (b"<=?utf-8?q?business=40a.cz=0D=0A?=>", "=?utf-8?q?business=40a.cz=0D=0A?="),
        (b"<business(x)@a.cz>", "business(x)@a.cz"),
        (b'<"business x"@a.cz>', '"business x"@a.cz'),
    ],
)
def test_an_address_is_taken_as_it_is_written(
    lmtp: Door, desk: Desk, path: bytes, address: str
) -> None:
    with wired(lmtp) as wire:
        wire.begin()
        wire.ask(b"RCPT TO:" + path)
    assert desk.asked[-1] == address


@pytest.mark.parametrize(
    "path", [b"<a@b.cz", b"<a b@c.cz>", b"a@b.cz>", b"<a\rb@c.cz>", b"<a\0b@c.cz>", b"<a@b\xff.cz>",
             b"<<a@b.cz>>", b"<a@b.cz>x", b'<"a\xff"@b.cz>'],
)  # fmt: skip
def test_a_path_that_is_none_is_refused(lmtp: Door, path: bytes) -> None:
    with wired(lmtp) as wire:
        wire.ask(b"LHLO x")
        assert wire.ask(b"MAIL FROM:" + path)[:4] in {"553 ", "501 "}
        wire.begin()


@pytest.mark.parametrize("command", [b"DATA", b"RCPT TO:<business@a.cz>"])
def test_commands_out_of_order_are_refused(lmtp: Door, desk: Desk, command: bytes) -> None:
    with wired(lmtp) as wire:
        wire.ask(b"LHLO x")
        assert wire.ask(command).startswith("503 5.")
    assert desk.mails == []


def test_data_without_an_accepted_recipient_is_refused(lmtp: Door, desk: Desk) -> None:
    with wired(lmtp) as wire:
        wire.ask(b"LHLO x")
        wire.ask(b"MAIL FROM:<a@example.org>")
        wire.ask(b"RCPT TO:<nobody@a.cz>")
        assert wire.ask(b"DATA").startswith("503 5.")


def test_an_endless_command_is_refused(lmtp: Door, desk: Desk) -> None:
    with wired(lmtp) as wire:
        wire.say(b"MAIL FROM:<" + b"x" * 200_000 + b">\r\n")
        assert wire.replies(1)[0].startswith("500 5.")
        wire.begin()


def test_too_many_recipients_are_told_to_come_separately(lmtp: Door) -> None:
    with wired(lmtp) as wire:
        wire.begin(b"LHLO x", *[b"business@a.cz"] * 100)
        assert wire.ask(b"RCPT TO:<business@a.cz>").startswith("452 4.5.3")


def test_a_sender_who_leaves_amid_the_mail_leaves_nothing(lmtp: Door, desk: Desk) -> None:
    with wired(lmtp) as wire:
        wire.begin()
        wire.ask(b"DATA")
        wire.say(MAIL)
    send(lmtp, b"Subject: next\r\n\r\n")
    assert [mail.raw for mail in desk.mails] == [b"Subject: next\r\n\r\n"]


def test_a_sender_who_does_not_wait_for_the_answer_loses_nothing(desk: Desk) -> None:
    desk.may_go_on.clear()
    with opened(desk) as door:
        with wired(door) as wire:
            wire.begin()
            wire.ask(b"DATA")
            wire.say(MAIL + b".\r\n")
            assert desk.entered.acquire(timeout=10)
        desk.may_go_on.set()
    assert [mail.raw for mail in desk.mails] == [MAIL]


def test_a_silent_sender_is_sent_away(desk: Desk) -> None:
    with opened(desk, idle_seconds=0.2) as door, wired(door) as wire:
        assert wire.replies(2) == ["421 4.4.2 Nothing heard for too long", "closed"]


def test_a_silent_sender_amid_a_mail_is_sent_away(desk: Desk) -> None:
    with opened(desk, idle_seconds=0.2) as door, wired(door) as wire:
        wire.begin()
        wire.ask(b"DATA")
        wire.say(b"Subject: x\r\n")
        assert wire.replies(2) == ["421 4.4.2 Nothing heard for too long", "closed"]
    assert desk.mails == []


def test_our_own_slowness_is_not_the_senders_silence(desk: Desk) -> None:
    desk.may_go_on.clear()
    with opened(desk, idle_seconds=0.2) as door, wired(door) as wire:
        wire.begin()
        wire.ask(b"DATA")
        wire.say(MAIL + b".\r\n")
        wire.socket.settimeout(0.6)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)
        desk.may_go_on.set()
        wire.socket.settimeout(10)
        assert wire.socket.recv(100) == b"250 2.0.0 Accepted\r\n"


def test_one_connection_too_many_is_told_to_come_later(desk: Desk) -> None:
    with opened(desk, max_connections=2) as door, wired(door) as one, wired(door) as two:
        one.begin()
        two.begin()
        with wired(door) as third:
            assert third.greeting == "421 4.3.2 Too many connections, please come back later"
        assert one.ask(b"QUIT").startswith("221")
        assert one.replies(1) == ["closed"]
        with wired(door) as fourth:
            assert fourth.greeting.startswith("220")


def test_a_sender_waits_while_too_many_mails_are_in_memory(desk: Desk) -> None:
    desk.may_go_on.clear()
    with opened(desk, max_transfers=1) as door, wired(door) as one, wired(door) as two:
        one.begin()
        two.begin()
        assert one.ask(b"DATA").startswith("354")
        two.say(b"DATA\r\n")
        two.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            two.socket.recv(1)
        two.socket.settimeout(10)
        one.say(MAIL + b".\r\n")
        desk.may_go_on.set()
        assert two.socket.recv(100).startswith(b"354")
        two.say(MAIL + b".\r\n")
        assert two.socket.recv(100).startswith(b"250")
    assert len(desk.mails) == 2


def test_stopping_finishes_the_mail_that_is_being_stored(desk: Desk) -> None:
    desk.may_go_on.clear()
    with opened(desk) as door, wired(door) as busy, wired(door) as idle:
        busy.begin()
        busy.ask(b"DATA")
        busy.say(MAIL + b".\r\n")
        assert desk.entered.acquire(timeout=10)
        with ThreadPoolExecutor(1) as other:
            stopped = other.submit(door.stop)
            assert idle.replies(2) == ["421 4.3.2 Closing down, please come back later", "closed"]
            desk.may_go_on.set()
            assert busy.replies(3) == [
                "250 2.0.0 Accepted", "421 4.3.2 Closing down, please come back later", "closed",
            ]  # fmt: skip
            stopped.result(timeout=10)
    assert len(desk.mails) == 1


def test_stopping_does_not_wait_for_ever_for_a_slow_sender(desk: Desk) -> None:
    with opened(desk, stop_seconds=0.2) as door, wired(door) as wire:
        wire.begin()
        wire.ask(b"DATA")
        wire.say(MAIL)
        door.stop()
        assert wire.replies(2) == ["421 4.3.2 Closing down, please come back later", "closed"]
    assert desk.mails == []


def test_a_port_in_use_is_named(desk: Desk) -> None:
    with opened(desk) as door:
        second = Door(
            "127.0.0.1", door.port, "lmtp",
            max_bytes=MAX_BYTES, accepts=desk.accepts, deliver=desk.deliver,
        )  # fmt: skip
        with pytest.raises(ChannelError, match=rf"127.0.0.1:{door.port}.*door_port"):
            second.start()
        send(door)


def test_four_senders_at_once_lose_and_double_nothing(lmtp: Door, desk: Desk) -> None:
    def work(sender: int) -> None:
        with client(lmtp) as connection:
            for number in range(50):
                connection.sendmail("a@example.org", [US], b"X: %d.%d\r\n\r\n" % (sender, number))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, sender) for sender in range(4)]:
            done.result()
    wanted = {b"X: %d.%d\r\n\r\n" % (sender, number) for sender in range(4) for number in range(50)}
    assert len(desk.mails) == 200
    assert {mail.raw for mail in desk.mails} == wanted
