"""Alive without the database; ready only with everything that work needs."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from supportdesk.actions.watch import watch
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from tests.web.conftest import Desk, token_of
from tests.world import make_world


def problems_of(answer: TestResponse) -> dict[str, str]:
    assert answer.json is not None
    problems: dict[str, str] = answer.json["problems"]
    return problems


def test_ready_when_all_is_well(desk: Desk) -> None:
    answer = desk.app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ready", "seconds_since_watch": None}


def test_tells_how_long_ago_a_worker_looked_after_the_service(desk: Desk) -> None:
    watch(desk.world.runtime)
    desk.world.clock.now += timedelta(seconds=75)
    answer = desk.app.test_client().get("/readyz")
    assert answer.json == {"status": "ready", "seconds_since_watch": 75}


def test_alive_but_not_ready_without_its_database(quick_desk: Desk) -> None:
    engine = quick_desk.world.runtime.database.engine
    engine.dispose()
    Path(str(engine.url.database)).unlink()
    Path(str(engine.url.database)).mkdir()
    client = quick_desk.app.test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "database" in problems_of(answer)


def test_not_ready_on_an_old_schema(quick_desk: Desk) -> None:
    with quick_desk.world.runtime.database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '2026_11_22_ground'"))
    answer = quick_desk.app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert "run `supportdesk migrate`" in problems_of(answer)["database"]


def test_not_ready_without_room(quick_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["supportdesk.web.health"], "LEAST_FREE_PERCENT", 100)
    assert "free" in problems_of(quick_desk.app.test_client().get("/readyz"))["disk"]


def test_not_ready_when_its_folder_is_gone(sqlite_url: str, tmp_path: Path) -> None:
    web = Desk(make_world(Database(open_engine(sqlite_url)), tmp_path / "gone"))
    problems = problems_of(web.app.test_client().get("/readyz"))
    assert problems.keys() == {"data_dir", "disk"}


def test_locked_database_is_busy_not_broken(quick_desk: Desk) -> None:
    client = quick_desk.visit(quick_desk.world.cast.jana)
    token = token_of(client)
    engine = quick_desk.world.runtime.database.engine
    _wait_only(engine, milliseconds=50)
    other_process = Database(open_engine(str(engine.url)))
    with other_process.write() as session:
        session.execute(sa.text("SELECT 1"))  # the lock comes with the first statement
        answer = client.post("/status", data={"status": "away", "csrf_token": token})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "Nic se nezměnilo" in answer.text


def _wait_only(engine: sa.Engine, *, milliseconds: int) -> None:
    @sa.event.listens_for(engine, "checkout")
    def shorten(connection: object, *_: object) -> None:
        connection.execute(f"PRAGMA busy_timeout={milliseconds}")  # type: ignore[attr-defined]
