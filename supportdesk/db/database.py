"""The two ways to use the database: reading, and writing in one transaction."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from supportdesk.db.engine import WRITES
from supportdesk.db.together import Part, Together


class Database:
    """An open database. Everybody may read; only actions write."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._reader = sessionmaker(
            engine.execution_options(postgresql_readonly=True),
            autoflush=False,
            expire_on_commit=False,
        )
        self._writer = sessionmaker(
            engine.execution_options(**{WRITES: True}), expire_on_commit=False
        )
        # SQLite has one writer at a time, and whoever finds it busy sleeps up to 100 ms before
        # asking again. The threads of one process wait for each other without sleeping.
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._turn = threading.Lock() if self._is_sqlite else nullcontext()
        self._together = Together(self.write)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session for questions: what would change something is refused or rolled back."""
        with self._reader() as session:
            yield session
            if not self._is_sqlite:
                # There is nothing to keep, but a rollback makes psycopg forget what it prepared.
                with suppress(sa.exc.SQLAlchemyError):
                    session.commit()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session that commits at the end of the block, or rolls back on any error."""
        with self._turn, self._writer.begin() as session:
            yield session

    def write_together(self, part: Part) -> None:
        """Do `part` in a transaction that other threads may share; return after its commit."""
        self._together.do(part)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
