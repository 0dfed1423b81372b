"""The two ways to use the database: reading, and writing in one transaction."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from supportdesk.db.engine import WRITES
from supportdesk.db.together import Part, Together

PATIENCE_SECONDS = 30.0
"""How long a thread waits for its turn to write; then the asker hears "busy" and comes again."""


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
        self._turn = threading.Lock()
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
        with self._its_turn(), self._writer.begin() as session:
            yield session

    def write_together(self, part: Part) -> None:
        """Do `part` in a transaction that other threads may share; return after its commit."""
        self._together.do(part)

    @contextmanager
    def _its_turn(self) -> Iterator[None]:
        """Wait until no other thread writes, where the database takes one writer at a time.

        Raises:
            sqlalchemy.exc.TimeoutError: the others take too long.
        """
        if not self._is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=PATIENCE_SECONDS):
            raise sa.exc.TimeoutError(f"Other threads wrote for {PATIENCE_SECONDS:g} seconds.")
        try:
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
