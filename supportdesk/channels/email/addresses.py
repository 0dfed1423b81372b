"""Mailboxes out of address fields: the list is parsed first, words are decoded afterwards."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress

from supportdesk.channels.email.headers import ESCAPED, FORBIDDEN, clean, decode_words
from supportdesk.messages import Address

MAX_RECIPIENTS = 100
MAX_ADDRESS_CHARS = 320

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[<>,;:()"]|[^<>,;:()"]+', re.DOTALL)
ADDRESS = re.compile(
    r'(?:"[^"\x00-\x1f]*"|[^\s"<>,;:()@\\\[\]]+)@(?:[^\s"<>,;:()@\\\[\]]+|\[[^\s\[\]]+\])'
)


def parse_addresses(value: str, limit: int = MAX_RECIPIENTS) -> tuple[Address, ...]:
    """Read an address list whose encoded words are still encoded; what is no mailbox is left out.

    An encoded "," or "<" cannot change an address, nor can comments, however deeply nested.
    """
    found: list[Address] = []
    for name, address in _mailboxes(value):
        if len(address) <= MAX_ADDRESS_CHARS and not FORBIDDEN.search(address):
            found.append(Address(clean(decode_words(name)), address))
        if len(found) == limit:
            break
    return tuple(found)


def normalise_address(address: str) -> str:
    """Give the form in which addresses are stored and compared; whatever it is, it never fails.

    Lower case in both parts, because nobody tells two people apart by capitals; the domain in its
    ASCII form. Source: RFC 5321 §2.4, RFC 3490.
    """
    local, at, domain = unicodedata.normalize("NFC", address.strip()).lower().rpartition("@")
    domain = domain.rstrip(".")
    # An empty or endless label cannot be encoded; it stays as it is and will match nobody.
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def is_address(text: str) -> bool:
    """Tell whether `text` is one mailbox and nothing else."""
    return len(text) <= MAX_ADDRESS_CHARS and ADDRESS.fullmatch(text) is not None


def _tokens(value: str) -> Iterator[str]:
    """Split into quoted strings, specials and text; comments are left out.

    A quote that never ends makes the rest of the value unquoted, once, to stay linear.
    """
    depth = position = 0
    while match := TOKEN.match(value, position):
        piece, position = match[0], match.end()
        if piece == '"':
            value, position = value[position:].replace('"', " "), 0
        elif piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(depth - 1, 0)
        elif not depth:
            yield piece


def _mailboxes(value: str) -> Iterator[tuple[str, str]]:
    """Yield (raw name, addr-spec) pairs."""
    name: list[str] = []
    angle: list[str] | None = None
    for token in _tokens(value):
        match token:
            case "<":
                angle = []
            case ">" if angle is not None:
                yield from _checked("".join(name), "".join(angle))
                name, angle = [], None
            case ":" if angle is not None:
                angle = []  # a source route of old, "<@relay:user@host>"
            case "," | ";":
                yield from _ended(name, angle)
                name, angle = [], None
            case _ if angle is not None:
                angle.append(token)
            case _:
                name.append(token)
    yield from _ended(name, angle)


def _ended(name: list[str], angle: list[str] | None) -> Iterator[tuple[str, str]]:
    if angle is not None:
        yield from _checked("".join(name), "".join(angle))
        return
    # What stands before a colon is the name of a group.
    bare = "".join(name).rpartition(":")[2].strip()
    if ADDRESS.fullmatch(bare):
        yield "", bare
    elif "@" in bare:
        words = bare.split()
        yield from _checked(" ".join(words[:-1]), words[-1])


def _checked(name: str, address: str) -> Iterator[tuple[str, str]]:
    address = address.strip()
    if ADDRESS.fullmatch(address):
        yield _unquoted(name.strip()), address


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return ESCAPED.sub(r"\1", name[1:-1])
    return name
