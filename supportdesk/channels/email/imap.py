"""One polled mailbox. Mails are identified by UIDVALIDITY and UID, and never changed.

The folder is opened read-only, so no flag is ever set; whether a mail is done is the caller's
knowledge, not the server's. `store` commits one mail at a time, and the cursor passes only what
was stored, so a crash at any point means at worst that a mail is fetched twice.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imapclient.exceptions import IMAPClientAbortError, ProtocolError

from supportdesk.channels.email.imap_connection import Account, opened, reason_of
from supportdesk.errors import ChannelError

log = logging.getLogger(__name__)

# imaplib refuses lines beyond a million octets; so many UIDs stay well below that.
_UIDS_A_SEARCH = 50_000
_UIDS_A_QUESTION = 1_000  # databases bound the parameters of a statement
_CONNECTIONS = 3  # a poll survives two mails at which the server breaks off
_HEADER_BYTES = 256 * 1024  # enough of an oversize mail to know who wrote what about
_ENOUGH_SECONDS = 60  # then it is the next mailbox's turn
_MOST_SECONDS = 600  # the largest mail over a slow line takes five minutes


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything up to `last_uid` has been stored; another UIDVALIDITY makes it worthless."""

    uidvalidity: int
    last_uid: int


@dataclass(frozen=True, slots=True)
class FetchedMail:
    """One mail as the server keeps it; `received_at` is its INTERNALDATE, aware, in UTC.

    A mail larger than allowed comes as its header only, with `is_truncated`; `size` is in bytes
    and of the whole mail.
    """

    uidvalidity: int
    uid: int
    raw: bytes
    size: int
    received_at: datetime
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A mail that could not be fetched or stored this time; the next poll tries it again."""

    uid: int
    reason: str


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll did. Keep `cursor` for the next one; poll again at once when `has_more`.

    `tells_news` is whether the server can tell of new mail by itself (IDLE).
    """

    cursor: Cursor
    stored: int
    failures: tuple[Failure, ...]
    has_more: bool
    tells_news: bool = False


Known = Callable[[int, Sequence[int]], Collection[int]]
"""Given UIDVALIDITY and at most 1,000 UIDs, returns those that were stored before."""


def poll(
    account: Account,
    cursor: Cursor | None,
    *,
    max_bytes: int,
    known: Known,
    store: Callable[[FetchedMail], None],
    now: datetime,
    limit: int = 500,
    timeout_seconds: float = 30,
    enough_seconds: float = _ENOUGH_SECONDS,
    most_seconds: float = _MOST_SECONDS,
) -> Polled:
    """Fetch what is new, in the order of UIDs, and give each mail to `store`, which commits it.

    A new UIDVALIDITY, or None as cursor, means that everything is looked at again. A mail whose
    fetching or `store` fails is reported and holds the cursor back, but not the others. `now`
    stands in for an INTERNALDATE that cannot be read. At most `limit` mails are stored, and no
    further one is begun after `enough_seconds`; after `most_seconds` the connection is cut.

    Raises:
        ChannelError: the mailbox cannot be reached or opened. What was stored until then is to be
            found through `known` by the next poll.
    """
    run = _Run(
        account=account,
        cursor=cursor or Cursor(0, 0),
        max_bytes=max_bytes,
        known=known,
        store=store,
        now=now,
        limit=limit,
        enough_at=time.monotonic() + enough_seconds,
    )
    cut_at = time.monotonic() + most_seconds
    for _ in range(_CONNECTIONS):
        left_seconds = max(cut_at - time.monotonic(), 0)
        with opened(account, timeout_seconds=timeout_seconds, most_seconds=left_seconds) as (
            client,
            folder,
        ):
            run.look(client, folder)
            if run.take(client):
                return run.result()
    raise ChannelError(
        "The mail server broke off the connection {times} times while mails of {account}"
        " were fetched (UIDs {uids}). Look at these mails in the mailbox; the others are fetched"
        " at the next poll.",
        permanent=False,
        times=_CONNECTIONS,
        account=str(account),
        uids=list(run.failures),
    )


def end_of(account: Account, *, timeout_seconds: float = 30) -> Cursor:
    """Return the cursor behind the last mail: for a mailbox whose old mails are not requests.

    Raises:
        ChannelError: as `poll` does, so that this also tells whether an account works.
    """
    with opened(account, timeout_seconds=timeout_seconds) as (client, folder):
        uids = _uids_after(client, 0, folder)
        return Cursor(int(folder[b"UIDVALIDITY"]), max(uids, default=0))


def uids_up_to(account: Account, cursor: Cursor, *, timeout_seconds: float = 30) -> list[int]:
    """List the mails that are there now and that the cursor has passed.

    None under another UIDVALIDITY: the next poll looks at everything again.

    Raises:
        ChannelError: as `poll` does.
    """
    with opened(account, timeout_seconds=timeout_seconds) as (client, folder):
        if int(folder[b"UIDVALIDITY"]) != cursor.uidvalidity:
            return []
        return [uid for uid in _uids_after(client, 0, folder) if uid <= cursor.last_uid]


def fetch_one(
    account: Account,
    uidvalidity: int,
    uid: int,
    *,
    max_bytes: int,
    now: datetime,
    timeout_seconds: float = 30,
) -> FetchedMail | None:
    """Fetch the mail that had this UID, None when it is not there any more.

    Raises:
        ChannelError: the mailbox cannot be reached or opened.
    """
    with opened(account, timeout_seconds=timeout_seconds, most_seconds=_MOST_SECONDS) as (
        client,
        folder,
    ):
        if int(folder[b"UIDVALIDITY"]) != uidvalidity:
            return None
        return _fetch(client, uidvalidity, uid, max_bytes, now)


@dataclass(slots=True)
class _Run:
    """One poll, over all its connections."""

    account: Account
    cursor: Cursor
    max_bytes: int
    known: Known
    store: Callable[[FetchedMail], None]
    now: datetime
    limit: int
    enough_at: float  # by time.monotonic()
    tells_news: bool = False
    found: list[int] = field(default_factory=list)
    done: set[int] = field(default_factory=set)
    failures: dict[int, Failure] = field(default_factory=dict)
    stored: int = 0

    def look(self, client: Any, folder: dict[bytes, Any]) -> None:
        """Learn which mails there are now and which of them were stored before."""
        self.tells_news = client.has_capability("IDLE")
        uidvalidity = int(folder[b"UIDVALIDITY"])
        if self.cursor.uidvalidity != uidvalidity:
            self.cursor = Cursor(uidvalidity, 0)
            self.done.clear()
            self.failures.clear()
        self.found = _uids_after(client, self.cursor.last_uid, folder)
        for start in range(0, len(self.found), _UIDS_A_QUESTION):
            part = self.found[start : start + _UIDS_A_QUESTION]
            self.done.update(self.known(uidvalidity, part))

    def waiting(self) -> list[int]:
        """Return the mails that nothing has been tried with yet."""
        return [uid for uid in self.found if uid not in self.done and uid not in self.failures]

    def take(self, client: Any) -> bool:
        """Fetch and store what waits; False when the connection died on the way."""
        for number, uid in enumerate(self.waiting()):
            if self.stored == self.limit or (number and time.monotonic() > self.enough_at):
                break
            try:
                mail = _fetch(client, self.cursor.uidvalidity, uid, self.max_bytes, self.now)
            except (IMAPClientAbortError, OSError) as error:
                self._note(uid, "fetched", error)
                return False
            except Exception as error:
                # The server refused this mail, or its answer is unreadable; others may be fine.
                self._note(uid, "fetched", error)
            else:
                self._store(uid, mail)
        return True

    def _store(self, uid: int, mail: FetchedMail | None) -> None:
        try:
            if mail is not None:
                self.store(mail)
                self.stored += 1
            self.done.add(uid)
        except Exception as error:
            self._note(uid, "stored", error)

    def _note(self, uid: int, step: str, error: Exception) -> None:
        log.warning("%s: mail with UID %d could not be %s", self.account, uid, step, exc_info=error)
        self.failures[uid] = Failure(uid, reason_of(error))

    def result(self) -> Polled:
        """Return what was done; the cursor stops before the first mail that is not done."""
        end = max(self.found, default=self.cursor.last_uid)
        last = next((uid - 1 for uid in self.found if uid not in self.done), end)
        return Polled(
            cursor=Cursor(self.cursor.uidvalidity, last),
            stored=self.stored,
            failures=tuple(self.failures.values()),
            has_more=bool(self.waiting()),
            tells_news=self.tells_news,
        )


def _uids_after(client: Any, last: int, folder: dict[bytes, Any]) -> list[int]:
    if not folder[b"EXISTS"]:
        return []
    if folder[b"EXISTS"] <= _UIDS_A_SEARCH:
        # "n:*" always contains the last mail, even when n lies beyond it (RFC 3501 s6.4.8).
        return sorted(uid for uid in client.search(["UID", f"{last + 1}:*"]) if uid > last)
    found: list[int] = []
    for start in range(last + 1, int(folder[b"UIDNEXT"]), _UIDS_A_SEARCH):
        found += client.search(["UID", f"{start}:{start + _UIDS_A_SEARCH - 1}"])
    return sorted(found)


def _fetch(
    client: Any, uidvalidity: int, uid: int, max_bytes: int, now: datetime
) -> FetchedMail | None:
    """Fetch one mail without marking it; None when it is gone meanwhile."""
    about = _ask(client, uid, "RFC822.SIZE", "INTERNALDATE")
    if about is None:
        return None
    size = int(about[b"RFC822.SIZE"])
    received = about.get(b"INTERNALDATE")
    received_at = received.astimezone(UTC) if received and received.tzinfo else now
    is_truncated = size > max_bytes
    item = f"BODY.PEEK[HEADER]<0.{_HEADER_BYTES}>" if is_truncated else "BODY.PEEK[]"
    answer = _ask(client, uid, item)
    if answer is None:
        return None
    raw = next((value for key, value in answer.items() if key.startswith(b"BODY[")), None)
    if not isinstance(raw, bytes):
        raise ProtocolError("the server gives no content for this mail")
    if len(raw) > max_bytes:  # the server's RFC822.SIZE was an estimate
        return FetchedMail(uidvalidity, uid, raw[:_HEADER_BYTES], len(raw), received_at, True)
    return FetchedMail(uidvalidity, uid, raw, size, received_at, is_truncated)


def _ask(client: Any, uid: int, *items: str) -> dict[bytes, Any] | None:
    answer: dict[bytes, Any] | None = client.fetch([uid], items).get(uid)
    return answer
