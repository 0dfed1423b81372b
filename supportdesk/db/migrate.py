"""Bringing the schema up to date or back, and telling whether this code can work with it.

docs/migrations.md has the rules that a migration keeps; a test reads every migration for them.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from supportdesk.db.bulk import table_of
from supportdesk.db.engine import WRITES
from supportdesk.db.models import Base, Phase, SchemaStep
from supportdesk.db.search_index import is_described
from supportdesk.errors import Conflict, NotFound, SettingsError

_ONLY_MIGRATOR = 7_207_311_205  # the number by which our advisory lock is known
_PATIENCE_SECONDS = 600  # for another migrator, or for SQLite's writers
_LOCK_TRIES = 30
_NO_LOCK = "55P03"  # lock_not_available

Before = Callable[[str], None]
"""Told the revision at which a SQLite file is, while nobody else writes to it."""


def upgrade(
    engine: sa.Engine,
    to: str = "head",
    *,
    before: Before | None = None,
    further: Path | None = None,
) -> None:
    """Migrate the schema to the newest revision; one that is there already stays as it is.

    On SQLite it is done whole or not at all. On PostgreSQL each migration is; one that was cut
    short between its steps is taken up again by the next run. `further` is a folder with migrations
    that follow ours.

    Raises:
        Conflict: others hold the database too long, or a migration loses rows; nothing is lost.
    """
    config = _config(further)
    _migrate(
        engine,
        lambda connection: _run(command.upgrade, config, connection, to),
        lambda found: _steps(config, to, found),
        before,
    )


def downgrade(
    engine: sa.Engine, to: str, *, before: Before | None = None, further: Path | None = None
) -> None:
    """Take the schema back to revision `to`.

    Raises:
        Conflict: a migration on the way cannot be taken back; the text says why. Nothing changed.
    """
    config = _config(further)

    def steps(found: str | None) -> list[Script]:
        if to not in known_revisions(config):
            raise NotFound("There is no revision {revision}.", revision=to)
        if not found:
            return []
        going = _steps(config, found, to)
        for one in going:
            if reason := _of(one, "no_way_back", ""):
                raise Conflict(
                    "Revision {revision} cannot be taken back: {reason} Nothing was changed;"
                    " restore the backup that was made before it instead.",
                    revision=one.revision,
                    reason=reason,
                )
        return going

    _migrate(
        engine,
        lambda connection: _run(command.downgrade, config, connection, to),
        steps,
        before,
        goes_back=True,
    )


def current_revision(engine: sa.Engine) -> str | None:
    """Tell the revision that the database is at, None for an empty one."""
    with engine.connect() as connection:
        return revision_of(connection)


def head_revision() -> str | None:
    """Tell the revision that this code expects."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def known_revisions(config: Config | None = None) -> frozenset[str]:
    """Give all revisions that this code can migrate from."""
    scripts = ScriptDirectory.from_config(config or _config())
    return frozenset(one.revision for one in scripts.walk_revisions())


def schema_problem(engine: sa.Engine) -> SettingsError | None:
    """Say why this code cannot work with the schema, None when it can.

    It works with the schema that it knows, and with a newer one to which only things were added:
    so the database is migrated while the version before still serves.
    """
    found, expected = current_revision(engine), head_revision()
    if found == expected:
        return None
    if found is None or found in known_revisions():
        return SettingsError(
            "The database is at revision {found}, this version needs {expected};"
            " run `supportdesk migrate` first.",
            found=found or "none",
            expected=expected,
        )
    if _only_added(engine, found, expected):
        return None
    return SettingsError(
        "The database is at revision {found}, with which this version cannot work;"
        " run the version that migrated it, or a newer one.",
        found=found,
    )


def differences(engine: sa.Engine) -> list[object]:
    """List what the migrated schema and the models disagree about."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": is_described}
        )
        return list(compare_metadata(context, Base.metadata))


def note_step(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Write into the database what a migration did to it; Alembic calls this after each."""
    script, connection = step.up_revision, ctx.connection
    assert isinstance(script, Script)  # noqa: S101 - ours are files
    assert connection is not None  # noqa: S101 - and we migrate over a connection
    if not sa.inspect(connection).has_table(SchemaStep.__tablename__):
        return  # before the migration that makes it
    steps = table_of(SchemaStep)
    connection.execute(sa.delete(steps).where(steps.c.revision == script.revision))
    if step.is_upgrade:
        row = {
            "revision": script.revision,
            "follows": script.down_revision,
            "phase": _of(script, "phase", Phase.CONTRACT),
        }
        connection.execute(sa.insert(steps), row)


def _only_added(engine: sa.Engine, found: str, expected: str | None) -> bool:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(SchemaStep.__tablename__):
            return False
        rows = connection.execute(
            sa.select(SchemaStep.revision, SchemaStep.follows).where(
                SchemaStep.phase == Phase.EXPAND
            )
        )
        added = {row.revision: row.follows for row in rows}
    at: str | None = found
    while at in added and at != expected:
        at = added.pop(at)
    return at == expected


def _config(further: Path | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "supportdesk.migrations:")
    if further:
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"supportdesk.migrations:versions\n{further}")
    return config


def _run(
    go: Callable[[Config, str], None], config: Config, connection: sa.Connection, to: str
) -> None:
    config.attributes["connection"] = connection
    go(config, to)


def _steps(config: Config, newer: str, older: str | None) -> list[Script]:
    """Give the migrations after `older` up to `newer`."""
    try:
        return list(ScriptDirectory.from_config(config).iterate_revisions(newer, older or "base"))
    except CommandError as error:
        raise Conflict("The migrations cannot be followed: {reason}.", reason=error) from error


def _of(script: Script, name: str, default: Any) -> Any:
    return getattr(script.module, name, default)


def revision_of(connection: sa.Connection) -> str | None:
    """Tell the revision that a connection sees, None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def _migrate(
    engine: sa.Engine,
    run: Callable[[sa.Connection], None],
    steps: Callable[[str | None], Sequence[Script]],
    before: Before | None,
    *,
    goes_back: bool = False,
) -> None:
    if engine.dialect.name == "sqlite":
        _migrate_sqlite(engine, run, steps, before, goes_back=goes_back)
    else:
        _migrate_postgresql(engine, run, steps)


def _migrate_sqlite(
    engine: sa.Engine,
    run: Callable[[sa.Connection], None],
    steps: Callable[[str | None], Sequence[Script]],
    before: Before | None,
    *,
    goes_back: bool,
) -> None:
    with engine.execution_options(**{WRITES: True}).connect() as connection:
        connection.detach()  # what is set here goes away with it
        # A batch migration drops and re-creates tables: with foreign keys on, ON DELETE would
        # empty their children. The pragma does nothing inside a transaction.
        _set_pragma(connection, "foreign_keys=OFF")
        _set_pragma(connection, f"busy_timeout={_PATIENCE_SECONDS * 1000}")
        with _as_only_writer(connection):
            found = revision_of(connection)
            going = steps(found)
            if not going:
                return
            if before and found:
                before(found)
            rows = _count_rows(connection)
            run(connection)
            _check_references(connection)
            changed = {name for one in going for name in _of(one, "changes_rows_of", ())}
            _check_rows(rows, _count_rows(connection), changed, may_drop=goes_back)


@contextmanager
def _as_only_writer(connection: sa.Connection) -> Iterator[None]:
    try:
        transaction = connection.begin()
    except sa.exc.OperationalError as error:
        raise Conflict(
            "Somebody else has been writing to the database for {minutes} minutes; stop the"
            " service and repeat. Nothing was changed.",
            minutes=_PATIENCE_SECONDS // 60,
        ) from error
    try:
        with transaction:
            yield
    except sa.exc.OperationalError as error:
        raise Conflict(
            "The migration was not possible: {reason}. Nothing was changed.", reason=error.orig
        ) from error


def _set_pragma(connection: sa.Connection, pragma: str) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.execute(f"PRAGMA {pragma}")


def _check_references(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise Conflict(
            "The migration would break {count} references between rows; nothing was changed.",
            count=len(broken),
        )


def _count_rows(connection: sa.Connection) -> dict[str, int]:
    """Count the rows of every ordinary table; what a search index keeps for itself is not ours."""
    tables = connection.exec_driver_sql("PRAGMA table_list").fetchall()
    names = [one.name for one in tables if one.type == "table" and one.schema == "main"]
    return {
        name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
        for name in names
        if not name.startswith(("sqlite_", "alembic_"))
    }


def _check_rows(
    was: Mapping[str, int], now: Mapping[str, int], changed: set[str], *, may_drop: bool
) -> None:
    for table, rows in was.items():
        left = now.get(table)
        if table in {*changed, SchemaStep.__tablename__} or (left is None and may_drop):
            continue
        if left != rows:
            raise Conflict(
                "The migration would leave {left} of {rows} rows in the table {table};"
                " nothing was changed.",
                left=left or 0,
                rows=rows,
                table=table,
            )


def _migrate_postgresql(
    engine: sa.Engine,
    run: Callable[[sa.Connection], None],
    steps: Callable[[str | None], Sequence[Script]],
) -> None:
    with _only_migrator(engine), engine.connect() as connection:
        going = steps(revision_of(connection))
        connection.rollback()
        sa.event.listen(connection, "begin", _wait_shortly_for_locks)
        for attempt in range(1, _LOCK_TRIES + 1) if going else ():
            try:
                run(connection)
            except sa.exc.OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != _NO_LOCK:
                    raise
                if attempt == _LOCK_TRIES:
                    raise _too_busy() from error
                connection.rollback()
                time.sleep(min(5.0, 0.25 * attempt))  # let those go on who queue behind us
            else:
                return


def _wait_shortly_for_locks(connection: sa.Connection) -> None:
    # Whoever waits for a table's lock holds up everybody who comes after, readers as well.
    # LOCAL: behind a pooler the session is somebody else's next time.
    connection.exec_driver_sql(
        "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5min';"
        " SET LOCAL idle_in_transaction_session_timeout = '10min'"
    )


def _too_busy() -> Conflict:
    return Conflict(
        "The tables were in use at each of {tries} attempts to change them. Look for long"
        " transactions in pg_stat_activity, and repeat; what was migrated stays.",
        tries=_LOCK_TRIES,
    )


@contextmanager
def _only_migrator(engine: sa.Engine) -> Iterator[None]:
    """Hold, in a transaction of its own, the lock that one migrator has at a time.

    It is asked for again and again: a statement that waits for it would hold a snapshot, and
    CREATE INDEX CONCURRENTLY waits for snapshots.
    """
    with engine.execution_options(isolation_level="READ COMMITTED").connect() as connection:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_ONLY_MIGRATOR))):
            connection.rollback()
            if time.monotonic() > deadline:
                raise Conflict(
                    "Another `supportdesk migrate` has been at work for {minutes} minutes;"
                    " let it end, and repeat.",
                    minutes=_PATIENCE_SECONDS // 60,
                )
            time.sleep(0.2)
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield
