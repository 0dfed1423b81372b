"""The read session of a web request, by Flask-SQLAlchemy on the engine that everybody shares."""

from typing import Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy

from supportdesk.db.base import Base


class RequestDatabase(SQLAlchemy):
    """Give every request a session of its own; it is rolled back when the request ends.

    Our own declarative base stays as it is: Flask-SQLAlchemy would copy it, and SQLAlchemy 2.1
    refuses copies of a base with its own type map. Its metadata is all that is needed here.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._shared_engine = engine
        super().__init__(metadata=Base.metadata, session_options={"autoflush": False})

    def _make_engine(self, *_: Any) -> sa.Engine:
        return self._shared_engine
