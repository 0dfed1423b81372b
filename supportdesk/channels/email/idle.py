"""Listening to a mailbox: the server tells when there is news (IDLE), and somebody polls then.

Nothing is fetched here. What the server does not tell, because the line died without a word or a
sign of it was lost, the next poll finds all the same. Source: RFC 2177.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from imapclient.exceptions import IMAPClientAbortError

from supportdesk.channels.email.imap_connection import Account, opened

_IDLE_SECONDS = 7 * 60  # servers may end it after 30 minutes, what lies between us much earlier
_GLANCE_SECONDS = 1.0  # how soon `stop` is noticed
_FAREWELL_SECONDS = 1.0
_NEWS = (b"EXISTS", b"RECENT")


def listen(
    account: Account,
    *,
    news: Callable[[], bool],
    stop: threading.Event,
    idle_seconds: float = _IDLE_SECONDS,
    timeout_seconds: float = 20,
) -> None:
    """Call `news` whenever the folder may hold something new, until `stop` is set.

    That is also the case at the beginning and every `idle_seconds`. Where `news` answers False it
    is called again a second later.

    Raises:
        ChannelError: the mailbox cannot be reached or opened, or the connection broke.
    """
    with opened(account, timeout_seconds=timeout_seconds) as (client, _folder):
        while not stop.is_set():
            client.idle()
            _idle(client, news, stop, until=time.monotonic() + idle_seconds)
            if stop.is_set():
                client.socket().settimeout(_FAREWELL_SECONDS)
            # The answer to DONE proves that somebody is still there.
            client.idle_done()


def _idle(client: Any, news: Callable[[], bool], stop: threading.Event, *, until: float) -> None:
    # What came between opening the folder and now may have been told already, unheard.
    is_told = news()
    while not stop.is_set() and time.monotonic() < until:
        began = time.monotonic()
        answers = client.idle_check(timeout=_GLANCE_SECONDS)
        if any(answer[0] == b"BYE" for answer in answers):
            raise IMAPClientAbortError(f"the server says goodbye: {answers}")
        if any(answer[1] in _NEWS for answer in answers):
            is_told = False
        if not is_told:
            is_told = news()
        if not answers and time.monotonic() - began < _GLANCE_SECONDS / 2:
            return  # there was something to read and nothing in it: the end, as DONE will show
