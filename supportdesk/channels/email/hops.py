"""Who handed a mail to us: the last host that is not ours, where one of ours wrote it down.

SPF is about that host. Whatever a stranger can write into a mail says nothing about it.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from supportdesk.channels.email.authresults import RECEIVED_BY
from supportdesk.channels.email.headers import Headers, split_header

MAX_HOPS = 10
MAX_LINE_CHARS = 4 * 1024

FROM_AND_BY = re.compile(r"\s*from\s+(\S{1,255})(.*?)\sby\s", re.IGNORECASE | re.DOTALL)
LITERAL = re.compile(r"\[(?:IPv6:)?([0-9a-f.:]{3,45})\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hop:
    """The host that gave us a mail: its IP address, and the name that it gave itself."""

    address: str
    helo: str


@dataclass(frozen=True, slots=True)
class Transport:
    """What is known of how a mail came; `mail_from` is None when nobody of ours wrote it down."""

    hop: Hop | None = None
    mail_from: str | None = None


@dataclass(frozen=True, slots=True)
class Unproven:
    """A mail whose sender is to be proven: its bytes, the domain in From, and how it came."""

    raw: bytes
    domain: str
    transport: Transport


def transport_of(
    raw: bytes, *, peer: Hop | None, mail_from: str | None, relays: Collection[str]
) -> Transport:
    """Find the last foreign hop: the door's own peer, or what our relays say of theirs.

    `peer` and `mail_from` are those of our door, None for mail that came another way. `relays` are
    our own hosts: names as they stand after "by" in Received, addresses or networks.
    """
    headers, _ = split_header(raw)
    path = _return_path(headers) if mail_from is None else mail_from
    if peer is not None and _is_foreign(peer.address, relays):
        return Transport(peer, path)
    return Transport(_told_by_relays(headers, relays), path)


def _told_by_relays(headers: Headers, relays: Collection[str]) -> Hop | None:
    """Follow the lines of our own relays from the top, down to the first foreign peer."""
    for line in headers.all("received")[:MAX_HOPS]:
        text = line[:MAX_LINE_CHARS].decode("latin-1")
        by = RECEIVED_BY.search(text)
        if by is None or by[1].lower().rstrip(".") not in relays:
            return None
        hop = _hop_of(text)
        if hop is None or _is_foreign(hop.address, relays):
            return hop
    return None


def _hop_of(received: str) -> Hop | None:
    """Read "from NAME (… [ADDRESS]) by …"; where two addresses stand, one may be the stranger's."""
    found = FROM_AND_BY.match(received)
    if found is None:
        return None
    addresses = {_plain(literal[1]) for literal in LITERAL.finditer(found[1] + found[2])}
    if len(addresses) != 1:
        return None
    address = addresses.pop()
    return Hop(address, found[1].lower()) if address else None


def _plain(text: str) -> str:
    with suppress(ValueError):
        return str(ip_address(text))
    return ""


def _is_foreign(address: str, relays: Collection[str]) -> bool:
    """Tell whether an address is public and none of ours."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return found.is_global and not any(found in network for network in _networks(relays))


def _networks(relays: Collection[str]) -> Iterator[IPv4Network | IPv6Network]:
    for relay in relays:
        with suppress(ValueError):
            yield ip_network(relay)


def _return_path(headers: Headers) -> str | None:
    """Read what our own host wrote on delivery; below a Received line a sender may have put it."""
    for name, value in headers.fields:
        if name == "received":
            return None
        if name == "return-path":
            return value.decode("latin-1").strip(" <>")
    return None
