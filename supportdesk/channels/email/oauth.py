"""Access tokens for mailboxes whose server takes no passwords. Source: RFC 6749 §6, RFC 6750.

A person signs in once, elsewhere, which gives a refresh token; for that the token server gives
access tokens, one after another, each for an hour or so.
"""

import http.client
import json
import re
import ssl
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, TypeGuard
from urllib.parse import SplitResult, urlencode, urlsplit

from supportdesk.errors import ChannelError, InvalidInput

_MOST_BYTES = 64 * 1024
_USUAL_SECONDS = 600  # a server that does not say how long a token lasts
_TOKEN = re.compile(r"[\x21-\x7e]{1,16000}")
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token server gives access tokens for; `client_secret` "" for a public client."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A new access token; `refresh_token` replaces the old one, None keeps it."""

    access_token: str = field(repr=False)
    lasts_seconds: int
    refresh_token: str | None = field(repr=False)


def check_token_url(url: str) -> None:
    """Raise InvalidInput unless secrets may be sent there: https, or this machine itself."""
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        is_usable = False
    if is_usable and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    ):
        return
    raise InvalidInput(
        "{url!r} cannot be the token server's address; it begins with https:// and holds no user"
        " name.",
        url=url,
    )


def renew(grant: Grant, *, timeout_seconds: float = 20) -> Tokens:
    """Get a new access token. Each network operation, and all together, have `timeout_seconds`.

    Raises:
        ChannelError: there is none; permanent when somebody has to sign in again or to correct
            what is set up.
    """
    server = urlsplit(grant.token_url).netloc
    try:
        status, body = _post(grant, timeout_seconds)
    except (OSError, http.client.HTTPException) as error:
        raise ChannelError(
            "The token server {server} gives no answer now: {reason}. It is asked again; check the"
            " address if this lasts.",
            permanent=False,
            server=server,
            reason=_safely(str(error) or type(error).__name__, grant),
        ) from None  # what lies behind may hold the request, and so the secrets
    answer = _parsed(body)
    if status != 200:
        raise _refused(grant, server, status, answer)
    return _tokens(server, answer)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _post(grant: Grant, timeout_seconds: float) -> tuple[int, bytes]:
    parts = urlsplit(grant.token_url)
    form = {
        "grant_type": "refresh_token",
        "client_id": grant.client_id,
        "refresh_token": grant.refresh_token,
    }
    if grant.client_secret:
        form["client_secret"] = grant.client_secret
    connection = _connection(parts, timeout_seconds)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # http.client follows no redirect, so the secrets go nowhere else.
        connection.request("POST", path, urlencode(form), _FORM)
        response = connection.getresponse()
        return response.status, _read(response, time.monotonic() + timeout_seconds)
    finally:
        connection.close()


def _connection(parts: SplitResult, timeout_seconds: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)
    return http.client.HTTPSConnection(
        host, parts.port, timeout=timeout_seconds, context=ssl.create_default_context()
    )


def _read(response: http.client.HTTPResponse, until: float) -> bytes:
    """Read an answer that is neither endless nor drips for ever."""
    body = b""
    while part := response.read1(_MOST_BYTES):
        body += part
        if len(body) > _MOST_BYTES:
            raise http.client.HTTPException("the answer is too long")
        if time.monotonic() > until:
            raise TimeoutError("the answer takes too long")
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _tokens(server: str, answer: dict[str, Any]) -> Tokens:
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if not _is_token(access) or not (refresh is None or _is_token(refresh)):
        raise ChannelError(
            "The token server {server} answers without a usable access token; check its address.",
            permanent=True,
            server=server,
        )
    try:
        lasts = min(max(int(answer.get("expires_in", _USUAL_SECONDS)), 0), 7 * 24 * 3600)
    except (TypeError, ValueError, OverflowError):
        lasts = _USUAL_SECONDS
    return Tokens(access, lasts, refresh)


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _refused(grant: Grant, server: str, status: int, answer: dict[str, Any]) -> ChannelError:
    code = answer.get("error")
    said = " ".join(str(answer.get(name, "")) for name in ("error", "error_description")).strip()
    reason = _safely(said or f"HTTP {status}", grant)
    if code == "invalid_grant":
        return ChannelError(
            "The token server {server} does not take the refresh token any more: {reason}. Sign in"
            " again and store the new refresh token with this mailbox.",
            permanent=True,
            server=server,
            reason=reason,
        )
    return ChannelError(
        "The token server {server} gives no access token: {reason}. Check its address, the client"
        " ID and the client secret of this mailbox.",
        permanent=400 <= status < 500 and status not in {408, 429},
        server=server,
        reason=reason,
    )


def _safely(text: str, grant: Grant) -> str:
    """Make what a server says fit to be shown and stored: one line, and none of our secrets."""
    for secret in (grant.client_secret, grant.refresh_token):
        if secret:
            text = text.replace(secret, "***")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:300]
