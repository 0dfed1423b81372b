"""One service on several machines: processes with data directories of their own, one PostgreSQL."""

import http.cookiejar
import re
import signal
import smtplib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.set_password import find_agent, set_password
from supportdesk.clock import system_clock
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import (
    Author,
    Leadership,
    Message,
    OutboxMail,
    OutboxState,
    Ticket,
)
from tests.faults.service import Service, running
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgresql import PostgresqlServer
from tests.servers.s3 import S3Server
from tests.servers.smtp import SmtpReceiver
from tests.waiting import until
from tests.world import World, mail, make_world

EKONOM, BUSINESS = "ekonom@kraj.example", "business@example.com"
COMMAND = ("-m", "supportdesk.cli")
SECRET = "s" * 32
PASSWORD = "na dlouhou cestu"


@pytest.fixture
def world(postgresql_url: str, tmp_path: Path) -> Iterator[World]:
    """Give a centre on PostgreSQL that lives now."""
    database = Database(open_engine(postgresql_url))
    made = make_world(database, tmp_path)
    yield replace(made, runtime=replace(made.runtime, clock=system_clock))
    database.close()


@pytest.fixture
def pooled_url(postgresql_url: str, pgbouncer: PgBouncer) -> str:
    """Give the address of the test's database through PgBouncer."""
    return pgbouncer.url(postgresql_url)


def machine(folder: Path, command: str, url: str, relay: SmtpReceiver, **settings: str) -> Service:
    folder.mkdir()
    return Service(
        folder,
        url,
        smtp_port=relay.port,
        arguments=(*COMMAND, command),
        secret_key=SECRET,
        web_processes="1",
        parse_processes="1",
        **settings,
    )


class Browser:
    """Somebody at a web, with her cookies; other webs of the service know her as well."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def get(self, web: Service, path: str) -> str:
        """Give the text of a page."""
        return self._ask(f"http://127.0.0.1:{web.web_port}{path}", None)

    def post(self, web: Service, path: str, page: str, **values: str) -> str:
        """Send a form as `page` shows it."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        form = urllib.parse.urlencode({"csrf_token": token[1], **values}).encode()
        return self._ask(f"http://127.0.0.1:{web.web_port}{path}", form)

    def _ask(self, address: str, form: bytes | None) -> str:
        with self._opener.open(address, form, timeout=60) as answer:
            return str(answer.read().decode())


def status(web: Service, path: str) -> int:
    """Give the status of an answer, 0 when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web.web_port}{path}", timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_a_mail_through_one_machines_door_is_routed_answered_seen_and_sent_by_others(
    world: World,
    pooled_url: str,
    s3: S3Server,
    smtp_receiver: SmtpReceiver,
    tmp_path: Path,
) -> None:
    database = world.runtime.database
    direct_url = database.engine.url.render_as_string()
    jana = find_agent(world.runtime, world.cast.jana.username)
    set_password(world.runtime, None, jana, PASSWORD)
    shared = {"blob_store": f"s3://{s3.bucket}/desk", "listen_database_url": direct_url}

    def start(command: str, number: int, **settings: str) -> Service:
        made = machine(
            tmp_path / f"{command}{number}",
            command,
            pooled_url,
            smtp_receiver,
            **shared,
            **settings,
        )
        made.environ |= s3.environ
        return parts.enter_context(running(made))

    with ExitStack() as parts:
        webs = [start("web", number) for number in range(2)]
        workers = [start("worker", number, door_port="0") for number in range(2)]
        intake = start("intake", 0)
        intake.wait_for_door()
        for web in webs:
            until(lambda web=web: status(web, "/readyz") == 200, f"the web is ready\n{web.log}")  # type: ignore[misc]
        with intake.lmtp() as door:
            door.sendmail(EKONOM, [BUSINESS], mail(EKONOM, "Prosím o výpis."))
        until(lambda: len(smtp_receiver.mails) == 1, "it is routed and acknowledged")
        with database.read() as session:
            ticket_id = session.scalar(sa.select(Ticket.id))
        browser = Browser()
        browser.post(
            webs[0],
            "/log-in",
            browser.get(webs[0], "/log-in"),
            username=world.cast.jana.username,
            password=PASSWORD,
        )
        page = browser.get(webs[0], f"/tickets/{ticket_id}")
        assert "Prosím o výpis." in page
        seen = re.search(r'name="last_seen_message_id" value="(\d+)"', page)
        assert seen is not None
        browser.post(
            webs[0],
            f"/tickets/{ticket_id}/reply",
            page,
            to=EKONOM,
            cc="",
            text="Výpis posílám.",
            then_state="waiting_customer",
            last_seen_message_id=seen[1],
        )
        assert "Výpis posílám." in browser.get(webs[1], f"/tickets/{ticket_id}")
        until(lambda: len(smtp_receiver.mails) == 2, "the reply is sent")
        until(lambda: all_sent(database), "all is written down")
        for one in (*webs, *workers, intake):
            assert one.stop() == 0, one.log
            assert "Traceback" not in one.log
    assert len(smtp_receiver.mails) == 2
    assert not list(tmp_path.glob("*/data/blobs"))


def all_sent(database: Database) -> bool:
    with database.read() as session:
        written = session.scalars(sa.select(Message.id).where(Message.author != Author.CUSTOMER))
        states = session.scalars(sa.select(OutboxMail.state)).all()
        return len(written.all()) == len(states) and set(states) == {OutboxState.SENT}


def leader(database: Database) -> tuple[int, int]:
    """Give the process that leads the schedule, and its term."""
    with database.read() as session:
        found = session.scalars(
            sa.select(Leadership).where(Leadership.ends_at > sa.func.clock_timestamp())
        ).first()
    return (0, 0) if found is None else (int(found.holder.split(":")[1]), found.term)


def test_when_the_leading_worker_is_killed_another_leads(
    world: World, postgresql_url: str, smtp_receiver: SmtpReceiver, tmp_path: Path
) -> None:
    database = world.runtime.database
    with ExitStack() as parts:
        workers = [
            parts.enter_context(
                running(
                    machine(tmp_path / f"worker{number}", "worker", postgresql_url, smtp_receiver)
                )
            )
            for number in range(3)
        ]
        for worker in workers:
            worker.wait_for_door()
        first, term = leader(database)
        (led,) = [one for one in workers if one.process and one.process.pid == first]
        led.kill()
        until(lambda: leader(database)[1] == term + 1, "another leads")
        second, _ = leader(database)
        (leads,) = [one for one in workers if one.process and one.process.pid == second]
        assert leads is not led
        assert leads.stop() == 0
        until(lambda: leader(database)[1] == term + 2, "the last leads", seconds=10)


def test_a_database_that_comes_late_and_crashes_is_waited_for(
    world: World,
    postgresql: PostgresqlServer,
    postgresql_url: str,
    smtp_receiver: SmtpReceiver,
    tmp_path: Path,
) -> None:
    web = machine(tmp_path / "web", "web", postgresql_url, smtp_receiver)
    worker = machine(tmp_path / "worker", "worker", postgresql_url, smtp_receiver)
    world.runtime.database.close()
    postgresql.stop()  # the test's server keeps nothing of the last moment when it crashes
    try:
        with running(web), running(worker):
            until(lambda: status(web, "/healthz") == 200, f"the web lives\n{web.log}")
            assert status(web, "/readyz") == 503
            assert status(web, "/log-in") in {200, 503}
            assert not worker.is_door_open()
            postgresql.start()
            worker.wait_for_door()
            until(lambda: status(web, "/readyz") == 200, "the web is ready")
            postgresql.stop("immediate")
            with pytest.raises(smtplib.SMTPException) as refused, worker.lmtp() as door:
                door.sendmail(EKONOM, [BUSINESS], mail(EKONOM))
            assert "451" in str(refused.value)
            assert status(web, "/readyz") == 503
            postgresql.start()
            until(lambda: status(web, "/readyz") == 200, "the web is ready again")
            with worker.lmtp() as door:
                door.sendmail(EKONOM, [BUSINESS], mail(EKONOM))
            until(lambda: len(smtp_receiver.mails) == 1, "it is routed and acknowledged")
            assert worker.stop(signal.SIGTERM) == 0, worker.log
    finally:
        with suppress(Exception):
            postgresql.start()
