"""Getting access tokens: only from where secrets may go, and nothing of them in any error."""

from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from supportdesk.channels.email.oauth import Grant, _parsed, check_token_url, renew
from supportdesk.errors import ChannelError, InvalidInput
from tests.servers.tokens import TokenServer, given, refused

SECRET, REFRESH = "tajny-klic", "obnovovaci-token"


def grant(server: TokenServer, secret: str = SECRET) -> Grant:
    return Grant(server.url, "desk", secret, REFRESH)


def failure(server: TokenServer, **options: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        renew(grant(server), **options)
    assert SECRET not in repr(caught.value.values) + str(caught.value)
    assert REFRESH not in repr(caught.value.values) + str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_an_access_token_is_given_for_the_refresh_token(token_server: TokenServer) -> None:
    token_server.answer = lambda _form: given(access_token="a.b-c", expires_in="1200")
    tokens = renew(grant(token_server))
    assert (tokens.access_token, tokens.lasts_seconds, tokens.refresh_token) == (
        "a.b-c",
        1200,
        None,
    )
    assert token_server.forms == [
        {
            "grant_type": "refresh_token",
            "client_id": "desk",
            "client_secret": SECRET,
            "refresh_token": REFRESH,
        }
    ]
    assert "a.b-c" not in repr(tokens)
    assert SECRET not in repr(grant(token_server))


def test_a_public_client_sends_no_secret(token_server: TokenServer) -> None:
    token_server.answer = lambda _form: given(access_token="a", refresh_token="next")
    assert renew(grant(token_server, "")).refresh_token == "next"
    assert "client_secret" not in token_server.forms[0]


@pytest.mark.parametrize("lasts", [None, "soon", [], -5, 10**400])
def test_an_odd_duration_is_no_obstacle(token_server: TokenServer, lasts: object) -> None:
    token_server.answer = lambda _form: given(access_token="a", expires_in=lasts)
    assert 0 <= renew(grant(token_server)).lasts_seconds <= 7 * 24 * 3600


@pytest.mark.parametrize(
    ("answer", "permanent", "said"),
    [
        (refused("invalid_grant", f"revoked {REFRESH}"), True, "Sign in again"),
        (refused("invalid_client", SECRET), True, "client secret of this mailbox"),
        ((503, b"<html>"), False, "HTTP 503"),
        ((429, b"{}"), False, "HTTP 429"),
        ((302, b""), False, "HTTP 302"),
        ((200, b"<html>"), True, "without a usable access token"),
        ((200, b"[" * 60_000), True, "without a usable access token"),
        (given(access_token="a\x01b"), True, "without a usable access token"),
        (given(access_token="a", refresh_token=7), True, "without a usable access token"),
        ((200, b"x" * 100_000), False, "too long"),
    ],
)
def test_what_a_token_server_refuses_is_told_without_secrets(
    token_server: TokenServer, answer: tuple[int, bytes], permanent: bool, said: str
) -> None:
    token_server.answer = lambda _form: answer
    token_server.headers = {"Location": token_server.url}
    error = failure(token_server)
    assert (error.permanent, said in str(error)) == (permanent, True), str(error)
    assert len(token_server.forms) == 1  # a redirect is not followed


def test_an_answer_without_end_is_not_waited_for(token_server: TokenServer) -> None:
    token_server.answer = lambda _form: given(access_token="a")
    token_server.drips.set()
    error = failure(token_server, timeout_seconds=0.3)
    assert not error.permanent
    assert "too long" in str(error)


def test_nobody_there_is_tried_again() -> None:
    with pytest.raises(ChannelError, match="gives no answer now") as caught:
        renew(Grant("http://127.0.0.1:1/token", "desk", SECRET, REFRESH))
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "url",
    [
        "https://login.example.com/token",
        "http://localhost:8080/t",
        "http://127.0.0.1/t",
        "http://[::1]:80/t",
    ],
)
def test_secrets_may_go_there(url: str) -> None:
    check_token_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/token",
        "ftp://localhost/",
        "https://",
        "login.example.com",
        "",
        "https://user:x@login.example.com/",
        "https://[/",
        "https://x:99999/",
        "file:///etc/passwd",
    ],
)
def test_secrets_may_not_go_there(url: str) -> None:
    with pytest.raises(InvalidInput, match="token server's address"):
        check_token_url(url)


@drawn(st.binary(max_size=200))
def test_any_answer_is_read_or_empty(body: bytes) -> None:
    assert isinstance(_parsed(body), dict)
