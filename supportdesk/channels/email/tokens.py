"""Signed tokens: which ticket a reply, and which mail a report, belongs to; nobody can forge them.

Everything is lower case and read without regard to case, because mail systems change the case of
local parts. `key` is secret and belongs to one installation, so a token of another one is no token.
"""

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

from supportdesk.errors import InvalidInput

_MAC_BYTES = 10  # 80 bits: 16 letters in base32 without padding
_TOKEN = re.compile(r"t([1-9][0-9]{0,18})\.([a-z2-7]{16})", re.ASCII | re.IGNORECASE)
_BOUNCE_TOKEN = re.compile(r"b([1-9][0-9]{0,18})\.([a-z2-7]{16})", re.ASCII | re.IGNORECASE)
_MESSAGE_ID = re.compile(
    r"<t([1-9][0-9]{0,18})\.([a-z0-9]{8,64})\.([a-z2-7]{16})@[^<>@\s]+>", re.ASCII | re.IGNORECASE
)
_UNIQUE = re.compile(r"[a-z0-9]{8,64}", re.ASCII)


class PlusAddress(NamedTuple):
    """A mailbox address and what stood after its plus sign; None when there was no plus sign."""

    base: str
    plus: str | None


def split_plus(address: str) -> PlusAddress:
    """Split `business+technical@example.cz` into its mailbox address and "technical".

    A quoted local part is left alone; so is what is not an address.
    """
    local, at, domain = address.rpartition("@")
    base, sign, plus = local.partition("+")
    if not at or not sign or not base or local.startswith('"'):
        return PlusAddress(address, None)
    return PlusAddress(f"{base}@{domain}", plus)


def strip_plus(address: str) -> str:
    """Return the mailbox address without its plus part."""
    return split_plus(address).base


def reply_address(mailbox: str, ticket_id: int, key: bytes) -> str:
    """Return the address at `mailbox` that leads a reply back into the ticket."""
    local, at, domain = mailbox.rpartition("@")
    if not at or not local:
        raise InvalidInput(
            "{mailbox!r} is no mail address, so replies cannot be led to it.", mailbox=mailbox
        )
    return f"{local}+t{ticket_id}.{_mac(key, 'reply-address', ticket_id)}@{domain}"


def read_address(address: str, key: bytes) -> int | None:
    """Return the ticket that `reply_address` named, None when nothing there is signed by `key`."""
    local, _, _ = address.rpartition("@")
    _, _, plus = local.rpartition("+")
    found = _TOKEN.fullmatch(plus)
    if found is None:
        return None
    ticket_id = int(found[1])
    return ticket_id if _is_ours(found[2], _mac(key, "reply-address", ticket_id)) else None


def bounce_address(mailbox: str, outbox_id: int, key: bytes) -> str:
    """Return the envelope sender at `mailbox` to which reports about one mail of ours come back.

    A mail goes to all its recipients at once, so that the address names the mail, and the report
    itself names the recipient.
    """
    local, _, domain = mailbox.rpartition("@")
    return f"{local}+b{outbox_id}.{_mac(key, 'bounce-address', outbox_id)}@{domain}"


def read_bounce_address(address: str, key: bytes) -> int | None:
    """Return the outbox mail that `bounce_address` named, None when it is not signed by `key`."""
    plus = address.rpartition("@")[0].rpartition("+")[2]
    found = _BOUNCE_TOKEN.fullmatch(plus)
    if found is None:
        return None
    outbox_id = int(found[1])
    return outbox_id if _is_ours(found[2], _mac(key, "bounce-address", outbox_id)) else None


def message_id(ticket_id: int, key: bytes, domain: str, unique: str) -> str:
    """Return a Message-ID, with angle brackets, that carries its ticket.

    `unique` tells the messages of a ticket apart: 8 to 64 small letters and digits.
    """
    if not _UNIQUE.fullmatch(unique):
        raise InvalidInput("{unique!r} must be 8 to 64 small letters and digits.", unique=unique)
    return f"<t{ticket_id}.{unique}.{_mac(key, 'message-id', ticket_id, unique)}@{domain}>"


def read_message_id(text: str, key: bytes) -> int | None:
    """Return the ticket that `message_id` named, None when it is not signed by `key`."""
    found = _MESSAGE_ID.fullmatch(text.strip())
    if found is None:
        return None
    ticket_id = int(found[1])
    expected = _mac(key, "message-id", ticket_id, found[2].lower())
    return ticket_id if _is_ours(found[3], expected) else None


def _mac(key: bytes, purpose: str, number: int, unique: str = "") -> str:
    # The purpose keeps a token of one kind from being used as the other.
    signed = f"{purpose}:{number}:{unique}".encode()
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return base64.b32encode(digest[:_MAC_BYTES]).decode("ascii").lower()


def _is_ours(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.lower(), expected)
