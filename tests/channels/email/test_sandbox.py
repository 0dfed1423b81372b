"""The sandbox: what was sent can be looked at, and nothing goes further."""

import smtplib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from supportdesk.channels.email.door import Envelope
from supportdesk.channels.email.sandbox import KeptMail, keep, kept_mails, open_sandbox, read_kept
from supportdesk.errors import NotFound

RAW = b"Subject: =?utf-8?q?P=C5=99=C3=ADjem?= 1042\r\nTo: a@example.cz\r\n\r\nDobr\xc3\xbd den\r\n"


def at(second: int) -> datetime:
    return datetime(2026, 11, 22, 15, 0, second, 250_000, tzinfo=UTC)


def test_every_mail_that_is_sent_becomes_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    with (
        open_sandbox("127.0.0.1", 0, folder, max_bytes=1000) as door,
        smtplib.SMTP("127.0.0.1", door.port) as client,
    ):
        client.sendmail("desk@example.cz", ["a@example.cz", "b@elsewhere.org"], RAW)
        client.sendmail("", ["c@example.cz"], RAW)
    newest, oldest = kept_mails(folder)
    assert (newest.mail_from, newest.recipients) == ("", ("c@example.cz",))
    assert oldest.mail_from == "desk@example.cz"
    assert oldest.recipients == ("a@example.cz", "b@elsewhere.org")
    assert oldest.subject == "Příjem 1042"
    assert read_kept(folder, oldest.name) == RAW


def test_mails_are_listed_with_their_instant_the_newest_first(tmp_path: Path) -> None:
    for second in (2, 1, 3):
        keep(tmp_path, Envelope("", ("a@example.cz",), RAW, at(second)))
    assert [mail.received_at for mail in kept_mails(tmp_path)] == [at(3), at(2), at(1)]


def test_a_file_opens_in_any_mail_program(tmp_path: Path) -> None:
    keep(tmp_path, Envelope("x@example.cz", ("a@example.cz",), RAW, at(1)))
    (mail,) = kept_mails(tmp_path)
    assert mail == KeptMail(mail.name, at(1), "x@example.cz", ("a@example.cz",), "Příjem 1042")
    assert (
        (tmp_path / mail.name)
        .read_bytes()
        .startswith(b"Return-Path: <x@example.cz>\r\nDelivered-To: a@example.cz\r\nSubject:")
    )


@pytest.mark.parametrize("raw", [b"", b"no header at all", b"Subject: =?x-none?q?a?=\r\n\r\n", RAW])
def test_odd_mails_are_listed_and_read_too(tmp_path: Path, raw: bytes) -> None:
    keep(tmp_path, Envelope("", ("a@example.cz",), raw, at(1)))
    (mail,) = kept_mails(tmp_path)
    assert read_kept(tmp_path, mail.name) == raw


@pytest.mark.parametrize(
    "name", ["../secret.eml", "/etc/passwd", "", "nothing.eml", "half.eml.part"]
)
def test_nothing_but_the_mails_of_the_sandbox_can_be_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    (tmp_path / "secret.eml").write_bytes(b"secret")
    (folder / "half.eml.part").write_bytes(b"half")
    with pytest.raises(NotFound):
        read_kept(folder, name)
    assert kept_mails(folder) == []
