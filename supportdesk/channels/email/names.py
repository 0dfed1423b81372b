"""Questions to the domain name system: within seconds, remembered, and never a reason to fail."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import dns.exception
import dns.resolver

REMEMBERED = 10_000
SECONDS = 2.0
# A name whose servers do not answer is not asked for again so soon. After several such in a row
# nothing is asked at all: the machine has no network.
SILENT_SECONDS = 60.0
MOST_SILENT = 5

Lookup = Callable[[str, str], list[Any]]
"""Ask for a name and a record type (A, AAAA, MX, PTR or TXT), and get the records.

Addresses and names as text, MX as (preference, name), TXT as the tuple of its byte strings; an
empty list when there are none. Raises Unanswered.
"""


class Unanswered(Exception):
    """Nobody answered now; later somebody may."""


class Names:
    """The name servers of this machine. May be asked by several threads at once."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        """Use the machine's own configuration unless a resolver is given."""
        self._resolver = resolver or _of_this_machine()
        self._lock = threading.Lock()
        self._silent: dict[tuple[str, str], float] = {}
        self._silent_in_a_row = 0
        self._asked_again_at = 0.0

    def look_up(self, name: str, kind: str) -> list[Any]:
        """Ask for records; see `Lookup`."""
        if self._resolver is None or self._is_silent(name, kind):
            raise Unanswered(name)
        try:
            answer = self._resolver.resolve(name, kind, lifetime=SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            self._answered()
            return []
        except dns.resolver.NoNameservers:
            self._answered()  # they are there, and say that they cannot tell
            self._remember(name, kind)
            raise Unanswered(name) from None
        except (dns.exception.Timeout, OSError):
            self._stayed_silent(name, kind)
            raise Unanswered(name) from None
        except dns.exception.DNSException:
            return []  # no name at all
        self._answered()
        return [_plain(record, kind) for record in answer]

    def _is_silent(self, name: str, kind: str) -> bool:
        now = time.monotonic()
        with self._lock:
            return now < max(self._asked_again_at, self._silent.get((name, kind), 0.0))

    def _answered(self) -> None:
        with self._lock:
            self._silent_in_a_row = 0

    def _stayed_silent(self, name: str, kind: str) -> None:
        self._remember(name, kind)
        with self._lock:
            self._silent_in_a_row += 1
            if self._silent_in_a_row >= MOST_SILENT:
                self._silent_in_a_row = 0
                self._asked_again_at = time.monotonic() + SILENT_SECONDS

    def _remember(self, name: str, kind: str) -> None:
        with self._lock:
            if len(self._silent) >= REMEMBERED:
                self._silent.clear()
            self._silent[name, kind] = time.monotonic() + SILENT_SECONDS


def _of_this_machine() -> dns.resolver.Resolver | None:
    with suppress(dns.resolver.NoResolverConfiguration, OSError):
        resolver = dns.resolver.Resolver()
        resolver.cache = dns.resolver.LRUCache(REMEMBERED)
        return resolver
    return None


def _plain(record: Any, kind: str) -> Any:
    match kind:
        case "A" | "AAAA":
            return record.address
        case "MX":
            return record.preference, record.exchange.to_text(omit_final_dot=True)
        case "TXT":
            return record.strings
        case _:
            return record.target.to_text(omit_final_dot=True)
