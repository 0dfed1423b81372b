"""What the pool's children run in its tests: functions that misbehave when the bytes say so."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def _spin(_: bytes) -> NoReturn:
    while True:
        pass


def _eat(_: bytes) -> NoReturn:
    eaten = []
    while True:
        eaten.append(bytearray(16 * 1024 * 1024))


def _die(_: bytes) -> NoReturn:
    os._exit(7)


def _raise(_: bytes) -> NoReturn:
    raise ValueError("a fault of ours")


def _print(raw: bytes) -> bytes:
    os.write(1, b"garbage among the results")
    return raw


def _touch(raw: bytes) -> None:
    Path(os.fsdecode(raw.removeprefix(b"touch "))).touch()


BEHAVIOURS: dict[bytes, Callable[[bytes], object]] = {
    b"spin": _spin,
    b"eat": _eat,
    b"die": _die,
    b"raise": _raise,
    b"pid": lambda _: os.getpid(),
    b"print": _print,
    b"touch": _touch,
    b"environment": lambda _: sorted(os.environ),
    b"grow": lambda _: bytes(8_000_000),
}


def misbehave(raw: bytes, **_: object) -> object:
    """Do what the first word says, else give the bytes back."""
    behaviour = BEHAVIOURS.get(raw[:20].split(b" ")[0])
    return behaviour(raw) if behaviour else raw
