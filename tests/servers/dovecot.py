"""A real Dovecot, run without rights on loopback: one server a test process, one mailbox a test."""

import base64
import grp
import hmac
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from supportdesk.channels.email.imap_connection import Account
from tests.servers.certificates import Certificates, make_certificates

PASSWORD = "příliš-žluťoučký-kůň"

TOKEN_KEY = b"the token server's and the mail server's"

_TOKENS = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = sub
"""

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificates.server}
ssl_key = <{certificates.key}
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
first_valid_uid = 1
first_valid_gid = 1
auth_failure_delay = 0
auth_mechanisms = plain login xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service auth {{
  user = {user}
}}
service auth-worker {{
  user = {user}
}}
service stats {{
  chroot =
}}
"""


def make_access_token(user: str, *, seconds: int = 3600) -> str:
    """Make a token with which Dovecot lets `user` in for so long. Source: RFC 7519."""
    now = int(time.time())  # noqa: TID251 - Dovecot reads the wall clock
    claims = {"sub": user, "iat": now - 10, "nbf": now - 10, "exp": now + seconds}
    claims["jti"] = secrets.token_hex(4)
    head = {"alg": "HS256", "typ": "JWT"}
    text = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{_base64(hmac.digest(TOKEN_KEY, text.encode(), 'sha256'))}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class DovecotServer:
    """A server of our own in a folder; every user is let in with `PASSWORD`."""

    folder: Path
    port: int
    tls_port: int
    certificates: Certificates

    @property
    def configuration(self) -> Path:
        """The file that the server is started with."""
        return self.folder / "dovecot.conf"

    def start(self) -> None:
        """Start and return when connections are accepted."""
        self._run()

    def stop(self) -> None:
        """Stop and return when the server is gone."""
        self._run("stop")

    def _run(self, *arguments: str) -> None:
        is_root = os.geteuid() == 0
        subprocess.run(
            [_program(), "-c", self.configuration, *arguments],
            check=True,
            user=_uid() if is_root else None,
            group=_gid() if is_root else None,
            extra_groups=[] if is_root else None,
        )

    def new_mailbox(self) -> "Mailbox":
        """Create an empty mailbox of a new user."""
        user = f"business-{secrets.token_hex(4)}"
        account = Account("localhost", self.port, "none", user, PASSWORD)
        return Mailbox(self, account)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What a test does to a mailbox behind the product's back."""

    server: DovecotServer
    account: Account

    def over_tls(self) -> Account:
        """Give the same mailbox on the port that speaks TLS from the start."""
        return replace(self.account, port=self.server.tls_port, security="tls")

    @contextmanager
    def client(self, *, readonly: bool = False) -> Iterator[Any]:
        """Open the mailbox as another mail program would."""
        account = self.account
        with IMAPClient(account.host, account.port, ssl=False) as client:
            client.plain_login(account.username, PASSWORD)
            client.select_folder(account.folder, readonly=readonly)
            yield client

    def append(self, *mails: bytes, at: datetime | None = None) -> None:
        """Put mails into the folder; `at` becomes their INTERNALDATE."""
        with self.client() as client:
            for mail in mails:
                client.append(self.account.folder, mail, msg_time=at)

    def create(self, folder: str) -> "Mailbox":
        """Create a folder and give the mailbox with that folder selected."""
        with self.client() as client:
            client.create_folder(folder)
        return replace(self, account=replace(self.account, folder=folder))

    def recreate(self) -> None:
        """Delete the folder with its mails and create it anew, which gives a new UIDVALIDITY."""
        with self.client() as client:
            client.unselect_folder()
            client.delete_folder(self.account.folder)
            client.create_folder(self.account.folder)

    def change_uidvalidity(self) -> None:
        """Give the INBOX a new UIDVALIDITY while its mails keep their UIDs, as a restore may do."""
        maildir = self.server.folder / "mail" / self.account.username
        head, *mails = (maildir / "dovecot-uidlist").read_text(encoding="utf-8").splitlines()
        words = [f"V{int(word[1:]) + 1}" if word.startswith("V") else word for word in head.split()]
        (maildir / "dovecot-uidlist").write_text(
            "\n".join([" ".join(words), *mails, ""]), encoding="utf-8"
        )
        for index in maildir.glob("dovecot.index*"):
            index.unlink()

    def delete(self, *uids: int) -> None:
        """Remove mails for good."""
        with self.client() as client:
            client.delete_messages(list(uids))
            client.expunge()

    def flags(self) -> dict[int, tuple[bytes, ...]]:
        """Give the flags of every mail, by UID."""
        with self.client(readonly=True) as client:
            found = client.fetch(client.search(), ["FLAGS"])
        return {uid: item[b"FLAGS"] for uid, item in found.items()}


@contextmanager
def running_dovecot() -> Iterator[DovecotServer]:
    """Run a server in a folder of its own."""
    # Not in pytest's folder: that is closed to other users, and long for a socket's path.
    with tempfile.TemporaryDirectory(prefix="supportdesk-imap-") as folder:
        server = _configure(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[DovecotServer]:
    """Run a server for this test process."""
    with running_dovecot() as server:
        yield server


@pytest.fixture
def mailbox(dovecot: DovecotServer) -> Mailbox:
    """Give an empty mailbox of this test's own."""
    return dovecot.new_mailbox()


def _configure(folder: Path) -> DovecotServer:
    user, group = pwd.getpwuid(_uid()), grp.getgrgid(_gid())
    port, tls_port = _free_ports()
    server = DovecotServer(folder, port, tls_port, make_certificates(folder))
    server.configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            user=user.pw_name,
            group=group.gr_name,
            uid=user.pw_uid,
            gid=group.gr_gid,
            port=port,
            tls_port=tls_port,
            certificates=server.certificates,
            password=PASSWORD,
        ),
        encoding="utf-8",
    )
    key = folder / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True)
    key.write_text(base64.b64encode(TOKEN_KEY).decode(), encoding="ascii")
    (folder / "oauth2.conf").write_text(_TOKENS.format(folder=folder), encoding="ascii")
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user.pw_uid, group.gr_gid)
    return server


def _uid() -> int:
    # Dovecot lets nobody be root; then everything is done by the user who owns nothing.
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()


def _gid() -> int:
    return pwd.getpwnam("nobody").pw_gid if os.geteuid() == 0 else os.getegid()


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


def _program() -> str:
    program = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise RuntimeError("Dovecot is not installed here; `make test` installs or names it.")
    return program
