"""The web as real processes: it ends without losing a request, counts together, logs no secret."""

import http.client
import json
import re
import signal
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from supportdesk.actions.set_password import set_password
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Agent
from tests.faults.service import Service, free_ports, running
from tests.waiting import until
from tests.world import make_world

WEB = ("-m", "supportdesk.cli", "web")
PASSWORD = "Velmi-Tajne-Heslo-17"
SECRET_KEY = "klic-" + "x" * 40


@pytest.fixture
def web(sqlite_url: str, tmp_path: Path) -> Iterator[Service]:
    """Run a web with two processes on a centre's database."""
    database = Database(open_engine(sqlite_url))
    world = make_world(database, tmp_path / "world")
    with database.write() as session:
        session.get_one(Agent, world.cast.jana.id).username = "jana.test"
    set_password(world.runtime, None, world.cast.jana.id, PASSWORD)
    database.close()
    yield from serving(sqlite_url, tmp_path)


def serving(url: str, folder: Path, **settings: str) -> Iterator[Service]:
    (port,) = free_ports(1)
    service = Service(
        folder,
        url,
        smtp_port=1,
        arguments=WEB,
        metrics_port=str(port),
        secret_key=SECRET_KEY,
        log_level="debug",
        drain_seconds="2",
        **settings,
    )
    with running(service):
        until(lambda: status(service, "/readyz") == 200 or service.has_ended(), "the web is ready")
        assert not service.has_ended(), service.log
        yield service


def status(service: Service, path: str) -> int:
    with suppress(OSError):
        try:
            return get(service.web_port, path)[0]
        except urllib.error.HTTPError as error:
            return int(error.code)
    return 0


def get(port: int | str, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return int(answer.status), answer.read().decode()


def begin_upload(service: Service) -> http.client.HTTPConnection:
    """Begin a request whose body does not end yet."""
    connection = http.client.HTTPConnection("127.0.0.1", service.web_port, timeout=30)
    connection.putrequest("POST", "/log-in")
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.putheader("Content-Length", "20")
    connection.endheaders()
    connection.send(b"username=a")
    return connection


def test_told_to_end_it_is_not_ready_any_more_answers_on_and_finishes_what_it_has(
    web: Service,
) -> None:
    connection = begin_upload(web)
    assert web.process is not None
    web.process.send_signal(signal.SIGTERM)
    until(lambda: status(web, "/readyz") == 503, "it tells that it ends")
    assert status(web, "/healthz") == 200  # what comes before the balancer has noticed
    until(lambda: status(web, "/healthz") == 0, "it takes nothing new")
    assert not web.has_ended()
    connection.send(b"&password=")
    assert connection.getresponse().status == 400  # the form's own token is missing
    assert web.process.wait(30) == 0, web.log
    assert "Traceback" not in web.log


def test_told_twice_it_ends_now(web: Service) -> None:
    connection = begin_upload(web)
    assert web.process is not None
    web.process.send_signal(signal.SIGTERM)
    until(lambda: status(web, "/readyz") == 503, "it tells that it ends")
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(5) == 1
    connection.close()


def test_its_processes_count_together_on_a_port_of_their_own(web: Service) -> None:
    port = web.environ["SUPPORTDESK_METRICS_PORT"]

    def counted() -> int:
        text = get(port, "/")[1]
        found = re.findall(r'duration_seconds_count\{.*route="/healthz",status="200"\} (\S+)', text)
        return int(float(found[0])) if found else 0

    before = counted()
    for _ in range(40):
        assert status(web, "/healthz") == 200
    assert counted() == before + 40
    text = get(port, "/")[1]
    assert "supportdesk_database_up 1.0" in text
    assert "supportdesk_info{" in text
    assert status(web, "/metrics") == 404
    with socket.create_connection(("127.0.0.1", web.web_port)) as forger:
        forger.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert b" 302 " in forger.recv(100)


def test_a_metrics_port_that_is_taken_is_told_in_one_sentence(
    sqlite_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        service = Service(tmp_path, sqlite_url, smtp_port=1, arguments=WEB, metrics_port=port)
        with running(service):
            assert service.wait(60)
    assert f"metrics_port cannot be {port}" in service.log
    assert "Traceback" not in service.log


def test_nothing_secret_is_in_the_log_of_log_ins_and_of_failures(
    web: Service, sqlite_url: str
) -> None:
    jar: list[str] = []

    def ask(path: str, **form: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", web.web_port, timeout=30)
        headers = {"Authorization": "Bearer tajny-nosic-123", "Cookie": "; ".join(jar[-1:])}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urllib.parse.urlencode(form) if form else None
        connection.request("POST" if form else "GET", path, body, headers)
        answer = connection.getresponse()
        if cookie := answer.headers.get("Set-Cookie"):
            jar.append(cookie.partition(";")[0])
        return answer.read().decode()

    found = re.search(r'name="csrf_token" value="([^"]+)"', ask("/log-in?next=/tajny-cil"))
    assert found is not None
    ask("/log-in", username="jana.test", password=PASSWORD + "?", csrf_token=found[1])
    ask("/log-in", username="jana.test", password=PASSWORD, csrf_token=found[1])
    assert "Jana" in ask("/password")
    ask("/files/tajny-soubor-1234567")
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE login_session RENAME TO away")
    engine.dispose()
    ask("/inbox/open")  # breaks, with a statement and its parameters
    log = web.log
    assert web.stop() == 0
    entries = [json.loads(line) for line in log.splitlines()]
    assert {entry["route"] for entry in entries if entry["event"] == "request"} >= {
        "/log-in",
        "/files/<token>",
        "/inbox/<view>",
    }
    assert any("exception" in entry for entry in entries)
    secrets = [PASSWORD, SECRET_KEY, found[1], "tajny-", *(c.partition("=")[2] for c in jar)]
    assert [secret for secret in secrets if secret in log] == []
