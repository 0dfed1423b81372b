"""`email deliver` keeps its exit codes: 0 only after the commit, 75 for "try again later"."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from supportdesk.cli import main
from supportdesk.db.database import Database
from supportdesk.db.models import Mailbox, Receipt, Ticket
from supportdesk.jobs.worker import work_off
from tests.faults.service import Service
from tests.world import World, mail, make_world

EKONOM = "ekonom@kraj.example"
RAW = mail(EKONOM, Message_ID="<once@kraj.example>")
TEMPORARY = 75


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return make_world(database, tmp_path / "data")


@pytest.fixture
def service(world: World, database_url: str, tmp_path: Path) -> Service:
    """Give the settings under which commands run on the same database and blobs."""
    return Service(tmp_path, database_url, smtp_port=1)


def run(service: Service, *arguments: str, stdin: bytes = b"") -> Result:
    """Run one of our commands in this process: starting one takes seconds."""
    environ = dict.fromkeys(name for name in os.environ if name.startswith("SUPPORTDESK_"))
    return CliRunner().invoke(main, arguments, input=stdin, env=environ | service.environ)


def receipts(world: World) -> list[Receipt]:
    with world.runtime.database.read() as session:
        return list(session.scalars(sa.select(Receipt)))


def test_delivered_is_kept_and_the_same_mail_again_is_the_same_receipt(
    service: Service, world: World
) -> None:
    for _ in range(2):
        done = service.run("email", "deliver", "--from", EKONOM, stdin=RAW)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (receipt,) = receipts(world)
    assert receipt.envelope == {"from": EKONOM, "to": ["business@example.com"]}
    assert world.runtime.blobs.get(receipt.blob_key) == RAW


def test_delivered_from_a_file_is_the_same_mail(
    service: Service, world: World, tmp_path: Path
) -> None:
    (tmp_path / "mail.eml").write_bytes(RAW)
    assert run(service, "email", "deliver", str(tmp_path / "mail.eml")).exit_code == 0
    assert run(service, "email", "deliver", "-", stdin=RAW).exit_code == 0
    assert len(receipts(world)) == 1


def test_a_mail_for_nobody_is_not_said_to_be_stored(service: Service, world: World) -> None:
    done = run(service, "email", "deliver", "--to", "nobody@example.com", stdin=RAW)
    assert done.exit_code == TEMPORARY
    assert "nobody@example.com" in done.stderr
    assert receipts(world) == []


def test_without_mailboxes_the_sender_is_asked_to_try_again(service: Service, world: World) -> None:
    with world.runtime.database.write() as session:
        session.execute(sa.update(Mailbox).values(is_active=False))
    done = run(service, "email", "deliver", stdin=RAW)
    assert done.exit_code == TEMPORARY
    assert "an administrator has to add one" in done.stderr


def no_disk(service: Service) -> None:
    (service.folder / "data").mkdir()
    (service.folder / "data" / "blobs").write_text("in the way")


def no_database(service: Service) -> None:
    service.environ["SUPPORTDESK_DATABASE_URL"] = "postgresql+psycopg://nobody@127.0.0.1:1/none"


def an_older_database(service: Service) -> None:
    service.environ["SUPPORTDESK_DATABASE_URL"] = f"sqlite:///{service.folder / 'empty.sqlite3'}"


def a_bad_setting(service: Service) -> None:
    service.environ["SUPPORTDESK_DOOR_PORT"] = "door"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (no_disk, "blobs"),
        (no_database, "connection"),
        (an_older_database, "supportdesk migrate"),
        (a_bad_setting, "SUPPORTDESK_DOOR_PORT"),
    ],
)
def test_whatever_stands_in_the_way_is_temporary_and_told(
    service: Service, world: World, fault: Callable[[Service], None], reason: str
) -> None:
    fault(service)
    done = run(service, "email", "deliver", stdin=RAW)
    assert done.exit_code == TEMPORARY
    assert done.stderr.startswith("Not stored, try again later: ")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert receipts(world) == []


def test_a_locked_database_is_temporary(sqlite_url: str, tmp_path: Path) -> None:
    service = Service(tmp_path, sqlite_url, smtp_port=1)
    path = sqlite_url.removeprefix("sqlite:///")
    make_mailbox = (
        "INSERT INTO mailbox (address, name, is_active, imap_port, imap_security, imap_username,"
        " imap_password, imap_folder, last_uid) VALUES ('business@example.com', '', 1, 993, 'tls',"
        " '', '', 'INBOX', 0)"
    )
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute(make_mailbox)
        other.execute("BEGIN IMMEDIATE")
        done = run(service, "email", "deliver", stdin=RAW)
        other.execute("ROLLBACK")
    assert done.exit_code == TEMPORARY
    assert "locked" in done.stderr
    assert run(service, "email", "deliver", stdin=RAW).exit_code == 0


def test_explain_says_why_a_ticket_is_where_it_is(service: Service, world: World) -> None:
    assert run(service, "email", "deliver", stdin=RAW).exit_code == 0
    work_off(world.runtime, world.parser)
    with world.runtime.database.read() as session:
        ticket_id = session.scalar(sa.select(Ticket.id))
    done = run(service, "explain", str(ticket_id), "--language", "en")
    assert done.exit_code == 0
    told = done.stdout
    assert "R6: consultant" in told
    assert "Jana Nováková" in told
    as_json = run(service, "explain", str(ticket_id), "--json")
    assert as_json.stdout.startswith('{"decided_at": "')


def test_explain_of_a_ticket_that_is_not_there_says_so(service: Service) -> None:
    done = run(service, "explain", "4711")
    assert done.exit_code == 1
    assert "No decision about a ticket 4711 is stored." in done.stderr
