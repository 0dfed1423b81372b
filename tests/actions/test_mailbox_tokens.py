"""Mailboxes polled with OAuth 2 tokens, against a real Dovecot that knows them."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.keys import unseal
from supportdesk.actions.mailbox_account import usable_account
from supportdesk.actions.mailboxes import MailboxDetails, save_mailbox, set_mailbox_password
from supportdesk.actions.poll_mailbox import poll_mailbox
from supportdesk.actions.set_mailbox_grant import set_mailbox_grant
from supportdesk.channels.email.oauth import Grant
from supportdesk.db.database import Database
from supportdesk.db.models import AuditEntry, MailboxGrant
from supportdesk.db.models import Mailbox as OurMailbox
from supportdesk.errors import ChannelError, InvalidInput
from tests.servers.dovecot import PASSWORD, Mailbox, make_access_token
from tests.servers.tokens import Answer, TokenServer, given, refused
from tests.world import World, mail, make_world

ADDRESS = "business@example.com"
SECRET = "tajny-klic"


@dataclass
class Signed:
    """Our mailbox with its tokens, the folder and the token server."""

    world: World
    folder: Mailbox
    tokens: TokenServer
    id: int

    def grant(self) -> MailboxGrant:
        with self.world.runtime.database.read() as session:
            return session.get_one(MailboxGrant, self.id)

    def ours(self) -> OurMailbox:
        with self.world.runtime.database.read() as session:
            return session.get_one(OurMailbox, self.id)

    def refresh_token(self) -> str:
        return unseal(self.world.runtime.secret_key, self.grant().refresh_token)

    def rotate(self, form: dict[str, str]) -> Answer:
        """Take each refresh token once, as careful servers do."""
        number = int(form["refresh_token"].removeprefix("refresh-"))
        if number != len(self.tokens.forms):
            return refused("invalid_grant", "used twice")
        access = make_access_token(self.folder.account.username)
        return given(access_token=access, refresh_token=f"refresh-{number + 1}")

    def poll(self) -> int:
        return poll_mailbox(self.world.runtime, self.id).stored


@pytest.fixture
def signed(
    database: Database, tmp_path: Path, mailbox: Mailbox, token_server: TokenServer
) -> Signed:
    world = make_world(database, tmp_path)
    account = mailbox.account
    with world.runtime.database.write() as session:
        ours = session.get_one(OurMailbox, world.cast.mailbox.id)
        ours.imap_host, ours.imap_port, ours.imap_security = account.host, account.port, "none"
        ours.imap_username = account.username
    set_mailbox_grant(
        world.runtime, None, ADDRESS, Grant(token_server.url, "desk", SECRET, "refresh-1")
    )
    signed = Signed(world, mailbox, token_server, world.cast.mailbox.id)
    token_server.answer = signed.rotate
    return signed


def test_mail_is_fetched_with_an_access_token_that_is_kept(signed: Signed) -> None:
    signed.folder.append(mail("ekonom@kraj.example"))
    assert signed.poll() == 1
    assert signed.poll() == 0
    assert len(signed.tokens.forms) == 1


def test_a_token_is_renewed_before_it_ends_and_the_refresh_token_replaced(signed: Signed) -> None:
    signed.poll()
    assert signed.refresh_token() == "refresh-2"
    signed.world.clock.now += timedelta(minutes=56)
    signed.poll()
    assert len(signed.tokens.forms) == 1
    signed.world.clock.now += timedelta(minutes=2)
    signed.poll()
    assert signed.refresh_token() == "refresh-3"
    assert [form["refresh_token"] for form in signed.tokens.forms] == ["refresh-1", "refresh-2"]


def test_a_token_that_the_mail_server_refuses_is_renewed_once(signed: Signed) -> None:
    username = signed.folder.account.username

    def expired_first(form: dict[str, str]) -> Answer:
        seconds = -5 if form["refresh_token"] == "refresh-1" else 3600
        status, _body = signed.rotate(form)
        assert status == 200
        return given(
            access_token=make_access_token(username, seconds=seconds),
            refresh_token=f"refresh-{len(signed.tokens.forms) + 1}",
        )

    signed.tokens.answer = expired_first
    signed.folder.append(mail("ekonom@kraj.example"))
    assert signed.poll() == 1
    assert signed.refresh_token() == "refresh-3"


def test_a_mailbox_that_the_token_is_not_for_is_told(signed: Signed) -> None:
    signed.tokens.answer = lambda _form: given(access_token=make_access_token("somebody"))
    with pytest.raises(ChannelError, match="has to be the mailbox's address"):
        signed.poll()
    assert len(signed.tokens.forms) == 2
    assert "with an access token" in str(signed.ours().last_error)
    assert signed.ours().failing_since is not None


def test_a_dead_refresh_token_is_told_and_waits_for_a_person(signed: Signed) -> None:
    signed.tokens.answer = lambda _form: refused("invalid_grant", "AADSTS700082: expired")
    with pytest.raises(ChannelError, match="Sign in again") as caught:
        signed.poll()
    assert caught.value.permanent
    assert "AADSTS700082" in str(signed.ours().last_error)
    assert (signed.ours().failures, signed.grant().renewing_until) == (1, None)
    signed.tokens.answer = lambda _form: given(
        access_token=make_access_token(signed.folder.account.username)
    )
    new = Grant(signed.tokens.url, "desk", "", "refresh-9")
    set_mailbox_grant(signed.world.runtime, None, ADDRESS, new)
    signed.poll()
    assert signed.ours().last_error is None
    assert signed.refresh_token() == "refresh-9"  # none came, so the old one stays


def test_one_renews_at_a_time_and_one_who_was_killed_holds_up_nobody(signed: Signed) -> None:
    signed.tokens.answer = during = Interrupted(signed)
    usable_account(signed.world.runtime, signed.id)
    assert during.problem is not None
    assert not during.problem.permanent
    assert "Somebody else" in str(during.problem)
    with signed.world.runtime.database.write() as session:
        grant = session.get_one(MailboxGrant, signed.id)
        grant.access_until, grant.renewing_until = None, signed.world.clock.now
    signed.tokens.answer = signed.rotate
    usable_account(signed.world.runtime, signed.id)


class Interrupted:
    """A token server that looks at what another worker gets while one is asking it."""

    def __init__(self, signed: Signed) -> None:
        self._signed = signed
        self.problem: ChannelError | None = None

    def __call__(self, form: dict[str, str]) -> Answer:
        """Answer after the other one has tried."""
        try:
            usable_account(self._signed.world.runtime, self._signed.id)
        except ChannelError as error:
            self.problem = error
        return self._signed.rotate(form)


def test_a_sign_in_stored_meanwhile_is_not_overwritten(signed: Signed) -> None:
    def answer(_form: dict[str, str]) -> Answer:
        new = Grant(signed.tokens.url, "desk", SECRET, "refresh-of-a-person")
        set_mailbox_grant(signed.world.runtime, None, ADDRESS, new)
        return given(access_token="a", refresh_token="refresh-2")

    signed.tokens.answer = answer
    usable_account(signed.world.runtime, signed.id)
    assert signed.refresh_token() == "refresh-of-a-person"
    assert signed.grant().access_token == ""


def test_a_password_ends_the_sign_in(signed: Signed) -> None:
    set_mailbox_password(signed.world.runtime, None, ADDRESS, PASSWORD)
    assert signed.poll() == 0
    assert signed.tokens.forms == []


@pytest.mark.parametrize("field", ["imap_host", "imap_username", "imap_port"])
def test_tokens_are_shown_to_no_other_server(signed: Signed, field: str) -> None:
    signed.poll()
    ours = signed.ours()
    details = MailboxDetails(
        ADDRESS,
        imap_host=ours.imap_host,
        imap_port=ours.imap_port,
        imap_security="none",
        imap_username=ours.imap_username,
    )
    save_mailbox(signed.world.runtime, None, details, mailbox_id=signed.id)
    assert signed.refresh_token() == "refresh-2"
    other: dict[str, int | str] = {"imap_port": 143}
    details = replace(details, **{field: other.get(field, "127.0.0.1")})  # type: ignore[arg-type]
    save_mailbox(signed.world.runtime, None, details, mailbox_id=signed.id)
    grant = signed.grant()
    assert (grant.access_token, grant.refresh_token, grant.client_secret) == ("", "", "")
    with pytest.raises(ChannelError, match="sign in and store one"):
        signed.poll()


@pytest.mark.parametrize(
    ("url", "client_id", "refresh_token"),
    [
        ("http://login.example.com/token", "desk", "x"),
        ("https://login.example.com/token", "", "x"),
        ("https://login.example.com/token", "desk", ""),
    ],
)
def test_what_is_missing_is_said(
    signed: Signed, url: str, client_id: str, refresh_token: str
) -> None:
    with pytest.raises(InvalidInput):
        set_mailbox_grant(
            signed.world.runtime, None, ADDRESS, Grant(url, client_id, SECRET, refresh_token)
        )
    assert signed.refresh_token() == "refresh-1"


def test_no_secret_is_stored_in_the_clear_or_logged(
    signed: Signed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    signed.poll()
    signed.tokens.answer = lambda form: refused("invalid_grant", " ".join(form.values()))
    signed.world.clock.now += timedelta(hours=1)
    with pytest.raises(ChannelError):
        signed.poll()
    with signed.world.runtime.database.read() as session:
        rows = [repr(vars(row)) for row in session.scalars(sa.select(AuditEntry))]
    grant = signed.grant()
    seen = " ".join([*rows, repr(vars(grant)), repr(vars(signed.ours())), caplog.text])
    access = unseal(signed.world.runtime.secret_key, grant.access_token)
    for secret in (SECRET, "refresh-1", "refresh-2", access):
        assert secret not in seen
