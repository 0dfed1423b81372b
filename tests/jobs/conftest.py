"""A running service without its processes."""

from pathlib import Path

import pytest

from supportdesk.db.database import Database
from tests.world import World, make_world


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    """Give a service with its cast, at noon of a working Tuesday."""
    return make_world(database, tmp_path)
