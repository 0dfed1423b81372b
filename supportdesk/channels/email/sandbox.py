"""A mail sandbox: takes every mail, sends nothing on, and keeps each as a file to be looked at.

A file opens in any mail program. In front of the mail stand `Return-Path` and `Delivered-To`, as
after any final delivery (RFC 5321 s4.4), so that the envelope can be seen too.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

from supportdesk.channels.email.door import Door, Envelope
from supportdesk.errors import NotFound

_TIME = "%Y%m%dT%H%M%S%fZ"
_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KeptMail:
    """One mail in the sandbox; `name` is its file's name."""

    name: str
    received_at: datetime
    mail_from: str
    recipients: tuple[str, ...]
    subject: str


def open_sandbox(host: str, port: int, folder: Path, *, max_bytes: int) -> Door:
    """Return an SMTP door, not yet started, whose mails become files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return Door(
        host,
        port,
        "smtp",
        max_bytes=max_bytes,
        accepts=lambda _address: True,
        deliver=lambda envelope: keep(folder, envelope),
    )


def keep(folder: Path, envelope: Envelope) -> None:
    """Write one mail; the name tells when it came and is never used twice."""
    lines = [f"Return-Path: <{envelope.mail_from}>"]
    lines += [f"Delivered-To: {recipient}" for recipient in envelope.recipients]
    head = "".join(f"{line}\r\n" for line in lines).encode("utf-8")
    content = head + envelope.raw
    digest = hashlib.sha256(content).hexdigest()[:12]
    name = f"{envelope.received_at.astimezone(UTC).strftime(_TIME)}-{digest}.eml"
    unfinished = folder / f"{name}.part"
    unfinished.write_bytes(content)
    unfinished.rename(folder / name)


def kept_mails(folder: Path, *, most: int | None = None) -> list[KeptMail]:
    """List the mails of the sandbox, the newest first; at most `most` when it is given."""
    names = sorted((path.name for path in folder.glob("*.eml")), reverse=True)
    return [_describe(folder / name) for name in names[:most]]


def find_kept(folder: Path, name: str) -> KeptMail:
    """Tell what one mail of the sandbox is.

    Raises:
        NotFound: the sandbox holds no mail of that name.
    """
    return _describe(_path(folder, name))


def read_kept(folder: Path, name: str) -> bytes:
    """Return one mail as it was sent, without the lines that the sandbox put in front.

    Raises:
        NotFound: the sandbox holds no mail of that name.
    """
    content = _path(folder, name).read_bytes()
    while content.startswith((b"Return-Path:", b"Delivered-To:")):
        content = content.partition(b"\r\n")[2]
    return content


def _path(folder: Path, name: str) -> Path:
    for path in folder.glob("*.eml"):
        if path.name == name:
            return path
    raise NotFound("The mail sandbox holds no mail {name!r}; look at its list again.", name=name)


def _describe(path: Path) -> KeptMail:
    with path.open("rb") as file:
        head = message_from_bytes(file.read(_HEAD_BYTES).partition(b"\r\n\r\n")[0])
    instant = datetime.strptime(path.name.partition("-")[0], _TIME).replace(tzinfo=UTC)
    return KeptMail(
        name=path.name,
        received_at=instant,
        mail_from=str(head["Return-Path"]).strip("<>"),
        recipients=tuple(str(value) for value in head.get_all("Delivered-To", [])),
        subject=_subject(head),
    )


def _subject(head: Message) -> str:
    subject = head.get("Subject", "")
    try:
        return str(make_header(decode_header(subject)))
    except (LookupError, ValueError):
        return str(subject)
