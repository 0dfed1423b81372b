"""A web on a database of the test's own, and visitors who are logged in without typing."""

import re
import secrets
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from supportdesk.actions.log_in import hash_of
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Agent, LoginSession
from supportdesk.web import create_web
from supportdesk.web.gate import TOKEN
from tests.world import World, make_world


class Desk:
    """A running web with its world, and clients for whoever visits."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app: Flask = create_web(world.runtime)

    def visit(self, agent: Agent | None) -> FlaskClient:
        """Give a client: of a visitor for None, else logged in as the agent."""
        client = self.app.test_client()
        if agent is None:
            return client
        token = secrets.token_urlsafe(32)
        now = self.world.clock.now
        with self.world.runtime.database.write() as session:
            session.add(
                LoginSession(
                    token_hash=hash_of(token), agent_id=agent.id, created_at=now, seen_at=now
                )
            )
        with client.session_transaction() as cookie:
            cookie[TOKEN] = token
        return client


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    """Give a web; the test runs once on each kind of database."""
    return Desk(make_world(database, tmp_path))


@pytest.fixture
def quick_desk(sqlite_url: str, tmp_path: Path) -> Desk:
    """Give a web on SQLite, where the kind of database does not matter."""
    return Desk(make_world(Database(open_engine(sqlite_url)), tmp_path))


def token_of(client: FlaskClient, page: str = "/password") -> str:
    """Take the form token from a page, as a browser does by showing it."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found[1]
