"""A small domain name system for tests, and mails signed by its domains."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from supportdesk.channels.email.names import Unanswered

SILENT = "silent"


class Zone:
    """Answers from a table of (name, type); what stands there as SILENT is not answered."""

    def __init__(self, records: Mapping[tuple[str, str], Any]) -> None:
        self.records = dict(records)
        self.asked: list[tuple[str, str]] = []

    def look_up(self, name: str, kind: str) -> list[Any]:
        """Answer, and remember what was asked."""
        self.asked.append((name, kind))
        found = self.records.get((name, kind), [])
        if found == SILENT:
            raise Unanswered(name)
        return list(found)


@cache
def key_pair(bits: int) -> tuple[bytes, str]:
    """Make a key: its private part as PEM, and the record that publishes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    letters = "".join(public.decode().splitlines()[1:-1])
    return private, f"v=DKIM1; k=rsa; p={letters}"


def txt(text: str) -> list[tuple[bytes, ...]]:
    """Give the TXT record of a text."""
    return [tuple(text.encode()[at : at + 200] for at in range(0, len(text), 200))]


def signed(raw: bytes, domain: str, *, bits: int = 1024, **options: Any) -> bytes:
    """Sign a mail for a domain with the selector "s"."""
    private, _ = key_pair(bits)
    options.setdefault("include_headers", [b"from", b"to", b"subject"])
    return bytes(dkim.sign(raw, b"s", domain.encode(), private, **options)) + raw
