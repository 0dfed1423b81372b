"""What a story of the demo may say: one class for each kind of thing that happens. Pure.

A file of stories has a table for each happening, named after its story. A table with a `sender` is
a mail of a customer, one with `by` something that a member of staff did.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import cattrs

from supportdesk.routing.authority import Activity, Circumstance
from supportdesk.tickets import Desk, State

HANDLER = "handler"
"""Stands in `by` for whoever handles the ticket at that moment."""

STORIES = ("stories_day.toml", "stories_night.toml")

_converter = cattrs.Converter(forbid_extra_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that reaches us.

    `sender` and `cc` are keys of contacts or addresses as written in a header. `answers` makes it
    a reply to our last mail in the story; `about` names another story whose ticket number stands in
    the subject; `bounce_of` is the address that our last mail did not reach. `dmarc` is what the
    operator's mail host found out. `inline` and `attach` are files of this folder.
    """

    story: str
    at: str
    sender: str
    mail: str
    subject: str = ""
    to: tuple[str, ...] = ("business@severohora.example",)
    cc: tuple[str, ...] = ()
    answers: bool = False
    about: str = ""
    bounce_of: str = ""
    dmarc: str = "pass"
    headers: Mapping[str, str] = field(default_factory=dict)
    html: str = ""
    inline: str = ""
    attach: str = ""
    unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that a member of staff did; exactly one of the fields after `by` says what.

    `then`, `cc`, `known` and `override` add to it.
    """

    story: str
    at: str
    by: str
    reply: str = ""
    note: str = ""
    escalate: str = ""
    hand_to: Desk | None = None
    take: bool = False
    state: State | None = None
    confirm: Activity | None = None
    carry_out: Activity | None = None
    identify: str = ""
    acknowledge: bool = False
    then: State = State.WAITING_CUSTOMER
    cc: tuple[str, ...] = ()
    known: tuple[Circumstance, ...] = ()
    override: str = ""


Happening = Mail | Step


def read_stories() -> Iterator[Happening]:
    """Read all that happens in the demo, story by story."""
    for name in STORIES:
        for story, tables in tomllib.loads(text_of(name)).items():
            yield from (_read(story, table) for table in tables)


def text_of(name: str) -> str:
    """Read a text file of the demo."""
    return bytes_of(name).decode("utf-8")


def bytes_of(name: str) -> bytes:
    """Read a file of the demo."""
    return (files(__package__) / name).read_bytes()


def _read(story: str, table: dict[str, Any]) -> Happening:
    kind: type[Happening] = Mail if "sender" in table else Step
    return _converter.structure({"story": story, **table}, kind)
