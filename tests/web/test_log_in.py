"""The door: who gets in, for how long, and what guessing costs."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from supportdesk.actions.agents import AgentDetails, update_agent
from supportdesk.actions.passwords import hash_password
from supportdesk.actions.set_password import set_password
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Agent, AuditEntry, LoginSession
from supportdesk.web.gate import own_path
from tests.web.conftest import Desk, token_of
from tests.world import make_world

PASSWORD = "zelené okno u lesa"
HASHED = hash_password(PASSWORD)


def give_password(desk: Desk, agent: Agent) -> None:
    with desk.world.runtime.database.write() as session:
        session.execute(sa.update(Agent).where(Agent.id == agent.id).values(password_hash=HASHED))


def log_in(
    client: FlaskClient, username: str, password: str = PASSWORD, **fields: str
) -> TestResponse:
    form = {"username": username, "password": password, **fields}
    return client.post("/log-in", data={"csrf_token": token_of(client, "/log-in"), **form})


@pytest.fixture
def jana(desk: Desk) -> Agent:
    give_password(desk, desk.world.cast.jana)
    return desk.world.cast.jana


def test_right_password_opens_the_inbox(desk: Desk, jana: Agent) -> None:
    client = desk.app.test_client()
    assert log_in(client, jana.username).location == "/"
    assert client.get("/inbox/mine").status_code == 200


def test_user_name_may_be_typed_in_capitals_and_with_spaces(desk: Desk, jana: Agent) -> None:
    assert log_in(desk.app.test_client(), f" {jana.username.upper()} ").status_code == 302


@pytest.mark.parametrize("username", ["nobody", "' OR 1=1 --", ""])
def test_unknown_name_and_wrong_password_look_the_same(
    desk: Desk, jana: Agent, username: str
) -> None:
    unknown = log_in(desk.app.test_client(), username, "wrong")
    wrong = log_in(desk.app.test_client(), jana.username, "wrong")
    assert unknown.status_code == wrong.status_code == 401
    assert "nesouhlasí" in unknown.text
    assert "nesouhlasí" in wrong.text


def test_agent_without_a_password_cannot_log_in(desk: Desk) -> None:
    assert log_in(desk.app.test_client(), desk.world.cast.petr.username, "").status_code == 401


def test_only_the_hash_of_the_token_is_stored(desk: Desk, jana: Agent) -> None:
    client = desk.app.test_client()
    log_in(client, jana.username)
    with client.session_transaction() as cookie:
        token = cookie["token"]
    with desk.world.runtime.database.read() as session:
        stored = session.scalars(sa.select(LoginSession.token_hash)).one()
    assert len(stored) == 64
    assert token not in stored


def test_log_in_begins_with_a_new_session(desk: Desk, jana: Agent) -> None:
    client = desk.visit(jana)
    with client.session_transaction() as cookie:
        before = dict(cookie)
    log_in(desk.app.test_client(), jana.username)
    client.post("/log-out", data={"csrf_token": token_of(client)})
    log_in(client, jana.username)
    with client.session_transaction() as cookie:
        assert cookie["token"] != before["token"]


def test_copied_cookie_opens_nothing_after_log_out(desk: Desk, jana: Agent) -> None:
    client = desk.app.test_client()
    log_in(client, jana.username)
    thief = desk.app.test_client()
    cookie = client.get_cookie("supportdesk")
    assert cookie is not None
    client.post("/log-out", data={"csrf_token": token_of(client)})
    thief.set_cookie("supportdesk", cookie.value)
    assert thief.get("/inbox/mine").location == "/log-in?next=/inbox/mine"


def test_session_ends_when_nobody_uses_it(desk: Desk) -> None:
    client = desk.visit(desk.world.cast.jana)
    idle = timedelta(minutes=desk.world.runtime.settings.session_idle_minutes)
    for _ in range(3):  # being used keeps it
        desk.world.clock.now += idle - timedelta(minutes=1)
        assert client.get("/inbox/mine").status_code == 200
    desk.world.clock.now += idle
    assert client.get("/inbox/mine").status_code == 302


def test_session_ends_after_its_longest_time_however_busy(desk: Desk) -> None:
    client = desk.visit(desk.world.cast.jana)
    settings = desk.world.runtime.settings
    ends_at = desk.world.clock.now + timedelta(hours=settings.session_hours)
    while desk.world.clock.now + timedelta(hours=6) < ends_at:
        desk.world.clock.now += timedelta(hours=6)
        assert client.get("/inbox/mine").status_code == 200
    desk.world.clock.now = ends_at
    assert client.get("/inbox/mine").status_code == 302


def test_who_leaves_is_logged_out(desk: Desk) -> None:
    olga = desk.world.cast.olga
    client = desk.visit(olga)
    assert client.get("/inbox/pool").status_code == 200
    details = AgentDetails(olga.username, olga.name)
    update_agent(desk.world.runtime, None, olga.id, details, is_active=False)
    assert client.get("/inbox/pool").status_code == 302


def test_new_password_ends_every_session(desk: Desk, jana: Agent) -> None:
    client = desk.visit(jana)
    set_password(desk.world.runtime, None, jana.id, "modré okno u lesa")
    assert client.get("/inbox/mine").status_code == 302


def test_guessing_at_one_account_is_stopped_and_others_get_in(desk: Desk, jana: Agent) -> None:
    give_password(desk, desk.world.cast.petr)
    client = desk.app.test_client()
    assert [log_in(client, jana.username, "x").status_code for _ in range(11)] == [401] * 10 + [429]
    refused = log_in(client, jana.username)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert "čtvrt hodiny" in refused.text
    assert log_in(client, desk.world.cast.petr.username).status_code == 302


def test_guessing_from_one_address_is_stopped(quick_desk: Desk) -> None:
    client = quick_desk.app.test_client()
    statuses = [log_in(client, f"somebody{n}", "x").status_code for n in range(51)]
    assert statuses == [401] * 50 + [429]


def test_waiting_opens_the_door_again(desk: Desk, jana: Agent) -> None:
    client = desk.app.test_client()
    for _ in range(11):
        log_in(client, jana.username, "x")
    desk.world.clock.now += timedelta(minutes=15)
    assert log_in(client, jana.username).status_code == 302


def test_attempts_are_written_to_the_audit_log_without_what_was_typed(
    desk: Desk, jana: Agent
) -> None:
    log_in(desk.app.test_client(), "moje-tajné-heslo", "x")
    log_in(desk.app.test_client(), jana.username)
    with desk.world.runtime.database.read() as session:
        entries = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in entries] == ["log_in_failed", "log_in"]
    assert "moje-tajné-heslo" not in str([vars(entry) for entry in entries])


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "///evil.example",
        "javascript:alert(1)",
        "/\tevil.example",
        "\\/evil.example",
        "evil.example",
        "/a\nb",
        "/ evil.example",
    ],
)
def test_log_in_never_leads_to_another_site(desk: Desk, jana: Agent, wanted: str) -> None:
    assert own_path(wanted) is None
    assert log_in(desk.app.test_client(), jana.username, next=wanted).location == "/"


def test_log_in_leads_back_to_where_one_was(desk: Desk, jana: Agent) -> None:
    client = desk.app.test_client()
    assert client.get("/inbox/open?after=1-2").location == "/log-in?next=/inbox/open%3Fafter%3D1-2"
    assert log_in(client, jana.username, next="/inbox/open?after=1-2").location.endswith(
        "after=1-2"
    )


def test_over_https_the_cookie_is_bound_to_host_and_https(sqlite_url: str, tmp_path: Path) -> None:
    world = make_world(
        Database(open_engine(sqlite_url)), tmp_path, public_url="https://desk.example.org"
    )
    page = Desk(world).app.test_client().get("/log-in", base_url="https://desk.example.org")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-supportdesk=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_another_host_name_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    world = make_world(
        Database(open_engine(sqlite_url)), tmp_path, public_url="https://desk.example.org"
    )
    client = Desk(world).app.test_client()
    assert client.get("/log-in", base_url="https://evil.example").status_code == 400
