"""Content-addressed files: raw requests and attachments, kept beside the database."""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from supportdesk.errors import NotFound

_KEY = re.compile(r"[0-9a-f]{64}")


class Blobs(Protocol):
    """Where blobs are kept: a folder, or a bucket (`s3_blobs.py`)."""

    def put(self, content: bytes) -> str:
        """Keep `content`, durably before it returns, and give its key."""

    def get(self, key: str) -> bytes:
        """Read a blob back, or raise NotFound."""

    def keys(self) -> Iterator[str]:
        """List what is kept, in order."""


class BlobStore:
    """A folder of files named by the SHA-256 of their content.

    A blob is durable before `put` returns: written aside, flushed to disk, renamed, and the folder
    flushed as well. Store the blob first and the row that points to it second.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Keep `content` and return its key; keeping the same content again costs nothing."""
        key = key_of(content)
        path = self._path(key)
        if path.exists():
            flush_folder(path.parent)  # whoever is writing it just now may not be that far yet
            return key
        _make_folder(path.parent)
        aside = path.with_name(f".{key}.{secrets.token_hex(4)}")
        try:
            write_durably(aside, content)
            aside.rename(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)
        return key

    def get(self, key: str) -> bytes:
        """Read a blob back.

        Raises:
            NotFound: the blob is missing or its content no longer matches its name.
        """
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            raise missing(key) from None
        if key_of(content) != key:
            raise damaged(key)
        return content

    def keys(self) -> Iterator[str]:
        """Give the keys of all blobs, in order; one that is written meanwhile may be missing."""
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if _KEY.fullmatch(path.name):  # what is being written aside is no blob yet
                    yield path.name

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key


def key_of(content: bytes) -> str:
    """Give the key under which `put` keeps this content."""
    return hashlib.sha256(content).hexdigest()


def missing(key: str) -> NotFound:
    """Say that a blob is not there."""
    return NotFound("The stored file {key}… is missing; restore it from a backup.", key=key[:12])


def damaged(key: str) -> NotFound:
    """Say that a blob is not what was put in."""
    return NotFound("The stored file {key}… is damaged; restore it from a backup.", key=key[:12])


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)


def write_durably(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a new file, as open to others as `mode` and the umask say; it is on disk then."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Have the disk keep what was made, renamed or deleted in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
