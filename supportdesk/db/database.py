"""The two ways to use the database: reading, and writing in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from supportdesk.db.engine import WRITES


class Database:
    """An open database. Everybody may read; only actions write."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._reader = sessionmaker(engine, autoflush=False)
        self._writer = sessionmaker(
            engine.execution_options(**{WRITES: True}), expire_on_commit=False
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session whose transaction is rolled back at the end."""
        with self._reader() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session that commits at the end of the block, or rolls back on any error."""
        with self._writer.begin() as session:
            yield session

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
