"""Every request has an id and one line in the log, and the line has no secret."""

import logging

import pytest

from supportdesk.web import create_web
from tests.web.conftest import Desk, token_of

HEADER = "X-Request-ID"


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == "supportdesk.web.observe"]


@pytest.fixture(autouse=True)
def _talkative(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="supportdesk")


def test_a_request_is_one_line_with_who_what_and_how_it_ended(
    quick_desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    jana = quick_desk.world.cast.jana
    answer = quick_desk.visit(jana).get("/search?q=nic&page=1")
    (line,) = lines(caplog)
    assert (
        vars(line).items()
        >= {
            "method": "GET",
            "route": "/search",
            "status": 200,
            "agent_id": jana.id,
        }.items()
    )
    assert line.__dict__["milliseconds"] > 0
    assert len(answer.headers[HEADER]) == 16


def test_each_request_has_its_own_id_and_a_visitor_cannot_choose_it(quick_desk: Desk) -> None:
    client = quick_desk.visit(None)
    ids = {client.get("/healthz", headers={HEADER: "chosen-id"}).headers[HEADER] for _ in range(3)}
    assert len(ids) == 3
    assert "chosen-id" not in ids


@pytest.mark.parametrize(
    ("given", "is_believed"),
    [("abc-123.def_456", True), ("short", False), ("x" * 65, False), ("a b c d e", False)],
)
def test_a_trusted_proxy_chooses_the_id(quick_desk: Desk, given: str, is_believed: bool) -> None:
    runtime = quick_desk.world.runtime
    settings = type(runtime.settings)(data_dir=runtime.settings.data_dir, trusted_proxies=1)
    app = create_web(
        type(runtime)(runtime.database, runtime.blobs, settings, runtime.clock, b"s" * 32)
    )
    answer = app.test_client().get("/healthz", headers={HEADER: given})
    assert (answer.headers[HEADER] == given) is is_believed


def test_no_line_holds_what_was_asked_for_or_typed(
    quick_desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    client = quick_desk.visit(None)
    token = token_of(client, "/log-in?next=/secret-place")
    client.post("/log-in", data={"username": "x", "password": "secret-word", "csrf_token": token})
    client.get("/files/secret-token")
    client.get("/secret-page?code=secret-code")
    assert len(lines(caplog)) == 4
    assert "secret" not in str([vars(line) for line in caplog.records])


def test_not_ready_once_the_end_is_near_but_still_answering(quick_desk: Desk) -> None:
    client = create_web(quick_desk.world.runtime, is_draining=lambda: True).test_client()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["problems"].keys() == {"draining"}
    assert client.get("/healthz").status_code == client.get("/log-in").status_code == 200
