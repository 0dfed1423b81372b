"""Bringing the schema up to date, and telling whether it is."""

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from supportdesk.db.engine import WRITES
from supportdesk.db.models import Base


def upgrade(engine: sa.Engine) -> None:
    """Migrate the schema to the newest revision; a schema that is there already stays as it is."""
    with engine.execution_options(**{WRITES: True}).connect() as connection:
        if engine.dialect.name == "sqlite":
            # A batch migration drops and re-creates tables: with foreign keys on, ON DELETE
            # would empty their children. The pragma does nothing inside a transaction.
            _set_sqlite_foreign_keys(connection, on=False)
        try:
            with connection.begin():
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                _check_sqlite_foreign_keys(connection)
        finally:
            if engine.dialect.name == "sqlite":
                _set_sqlite_foreign_keys(connection, on=True)


def current_revision(engine: sa.Engine) -> str | None:
    """Tell the revision that the database is at, None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """Tell the revision that this code expects."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def differences(engine: sa.Engine) -> list[object]:
    """List what the migrated schema and the models disagree about."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "supportdesk.migrations:")
    return config


def _set_sqlite_foreign_keys(connection: sa.Connection, *, on: bool) -> None:
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101 - a checked-out connection always has one
    raw.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def _check_sqlite_foreign_keys(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"The migration would break {len(broken)} references; nothing changed.")
