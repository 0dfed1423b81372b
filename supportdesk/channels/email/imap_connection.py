"""A connection to one of our mailboxes: secured, logged in, its folder open for reading only."""

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from supportdesk.errors import ChannelError

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 20
_FAREWELL_SECONDS = 2
_TEMPORARY = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]")
# A peer that is gone without a word is noticed after two minutes of silence, by names that not
# every system has.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}


@dataclass(frozen=True, slots=True)
class Account:
    """Where a mailbox is and how to get in. "none" sends the password in the clear.

    With an `access_token` that is shown in place of the password, even when it is empty.
    """

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    access_token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.username} ({self.folder}) at {self.host}:{self.port}"


class LogInRefused(ChannelError):
    """The server is there and did not let us in."""


@contextmanager
def opened(
    account: Account, *, timeout_seconds: float, most_seconds: float | None = None
) -> Iterator[tuple[Any, dict[bytes, Any]]]:
    """Connect, log in and open the folder read-only; give the client and what the folder says.

    Each network operation may take `timeout_seconds`, the whole connection `most_seconds`: then it
    is cut, so that a server which answers drop by drop holds nobody for ever.

    Raises:
        ChannelError: it cannot be reached or opened, or the connection broke inside.
    """
    try:
        client = _connect(account, timeout_seconds)
    except (OSError, IMAPClientError) as error:
        raise _unreachable(account, error) from error
    try:
        with _cut_after(client, most_seconds):
            _log_in(client, account)
            yield client, _open_folder(client, account)
    except (OSError, IMAPClientError) as error:
        raise _unreachable(account, error) from error
    finally:
        _hang_up(client)


def reason_of(error: Exception) -> str:
    """Tell what a library's error says, in one line."""
    return " ".join((str(error) or type(error).__name__).split())[:500]


@contextmanager
def _cut_after(client: Any, seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, _cut, (client,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(client: Any) -> None:
    """End the connection under a thread that waits for it, which then sees it closed."""
    with suppress(OSError):
        # Not the TLS socket's own shutdown(): that one is not for another thread.
        socket.socket.shutdown(client.socket(), socket.SHUT_RDWR)


def _connect(account: Account, timeout_seconds: float) -> Any:
    timeout = SocketTimeout(connect=min(timeout_seconds, _CONNECT_SECONDS), read=timeout_seconds)
    context = ssl.create_default_context()
    client = IMAPClient(
        account.host,
        account.port,
        ssl=account.security == "tls",
        ssl_context=context if account.security == "tls" else None,
        timeout=timeout,
    )
    # Aware instants; the default would be naive local ones.
    client.normalise_times = False
    _keep_alive(client.socket())
    if account.security == "starttls":
        try:
            client.starttls(context)
        except BaseException:
            _hang_up(client)
            raise
    return client


def _keep_alive(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _log_in(client: Any, account: Account) -> None:
    try:
        if account.access_token is not None:
            _show_token(client, account.username, account.access_token)
        elif client.has_capability("AUTH=PLAIN"):
            client.plain_login(account.username, account.password)
        else:
            client.login(account.username, account.password)
    except (LoginError, UnicodeError) as error:
        # IMAPClient makes a LoginError of a lost connection too.
        if isinstance(error.__context__, IMAPClientAbortError):
            raise _unreachable(account, error.__context__) from error
        raise _not_let_in(account, error) from error


def _show_token(client: Any, username: str, token: str) -> None:
    """Log in by XOAUTH2: one message, and an empty one to a challenge, which tells the refusal."""
    messages = iter([f"user={username}\x01auth=Bearer {token}\x01\x01".encode()])
    client.sasl_login("XOAUTH2", lambda _challenge: next(messages, b""))


def _not_let_in(account: Account, error: Exception) -> LogInRefused:
    temporary = any(code in str(error).upper() for code in _TEMPORARY)
    if account.access_token is not None:
        return LogInRefused(
            "The mail server did not let us into the mailbox {account} with an access token:"
            " {reason}. The user name has to be the mailbox's address, and whoever signed in must"
            " be allowed to read it by IMAP.",
            permanent=not temporary,
            account=str(account),
            reason=reason_of(error),
        )
    return LogInRefused(
        "The mail server did not let us into the mailbox {account}: {reason}."
        " Check the user name and password of this mailbox.",
        permanent=not temporary,
        account=str(account),
        reason=reason_of(error),
    )


def _open_folder(client: Any, account: Account) -> dict[bytes, Any]:
    try:
        folder: dict[bytes, Any] = client.select_folder(account.folder, readonly=True)
    except IMAPClientAbortError:
        raise
    except IMAPClientError as error:
        temporary = any(code in str(error).upper() for code in _TEMPORARY)
        raise ChannelError(
            "The mailbox {account} has no folder that can be opened: {reason}."
            " Check the folder name; there are: {folders}.",
            permanent=not temporary,
            account=str(account),
            reason=reason_of(error),
            folders=_folders(client),
        ) from error
    if b"UIDVALIDITY" not in folder:
        raise ChannelError(
            "The server of mailbox {account} gives no UIDVALIDITY, so mails cannot be told apart."
            " Use another folder or server.",
            permanent=True,
            account=str(account),
        )
    return folder


def _folders(client: Any) -> list[str]:
    return [str(name) for _flags, _delimiter, name in client.list_folders()]


def _hang_up(client: Any) -> None:
    """Say goodbye if somebody is still there; what was fetched is stored, whatever happens now."""
    try:
        client.socket().settimeout(_FAREWELL_SECONDS)
        client.logout()
    except (OSError, IMAPClientError):
        with suppress(OSError):
            client.shutdown()


def _unreachable(account: Account, error: Exception) -> ChannelError:
    if isinstance(error, ssl.SSLError):
        return ChannelError(
            "The connection to mailbox {account} is not safe: {reason}. Check the server's"
            " certificate, the host name and the security setting of this mailbox.",
            permanent=True,
            account=str(account),
            reason=reason_of(error),
        )
    return ChannelError(
        "The mailbox {account} cannot be read now: {reason}. It is tried again;"
        " check host, port and security if this lasts.",
        permanent=False,
        account=str(account),
        reason=reason_of(error),
    )
