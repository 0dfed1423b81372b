"""Filling tables with very many rows at once; commits at the end of each block."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from supportdesk.db.bulk import table_of
from supportdesk.db.models import Author, Base, Message
from supportdesk.db.search_index import as_text, as_tsvector, words_of

Row = Mapping[str, Any]
Put = Callable[[type[Base], Sequence[Row]], None]


@contextmanager
def loading(engine: sa.Engine) -> Iterator[Put]:
    """Give a function that puts rows into a table; foreign keys are taken on trust.

    All rows of one call have the same keys; what they leave out gets the model's default. Indexes
    are made at the end. Whoever is interrupted has to begin with an empty database again.
    """
    is_postgresql = engine.dialect.name == "postgresql"
    put_prepared = _copy if is_postgresql else _insert
    fairy = engine.raw_connection()
    raw: Any = fairy.driver_connection

    def put(model: type[Base], rows: Sequence[Row]) -> None:
        if rows:
            put_prepared(raw, *_prepared(engine.dialect, table_of(model), rows))
            if model is Message:
                put_prepared(raw, *_words(rows, is_postgresql=is_postgresql))

    try:
        for setting in _POSTGRESQL if is_postgresql else _SQLITE:
            raw.execute(setting)
        indexes = raw.execute(_POSTGRESQL_INDEXES if is_postgresql else _SQLITE_INDEXES).fetchall()
        for name, _ in indexes:
            raw.execute(f"DROP INDEX {name}")
        yield put
        for _, definition in indexes:
            raw.execute(definition)
        raw.commit()
    finally:
        fairy.invalidate()  # its settings are for loading only
    _settle(engine)


_POSTGRESQL = (
    "SET session_replication_role = replica",
    "SET maintenance_work_mem = '1GB'",
)
_POSTGRESQL_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
_SQLITE = (
    "PRAGMA foreign_keys = OFF",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -1000000",
    "BEGIN IMMEDIATE",
)
_SQLITE_INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"


def _words(
    rows: Sequence[Row], *, is_postgresql: bool
) -> tuple[str, list[str], Iterator[tuple[Any, ...]]]:
    """Give what search knows of messages, as `_prepared` gives their rows."""
    write = as_tsvector if is_postgresql else as_text
    words = ((row["id"], write(words_of(row))) for row in rows if row["author"] != Author.SYSTEM)
    return "message_search", ["message_id" if is_postgresql else "rowid", "words"], words


def _prepared(
    dialect: sa.Dialect, table: sa.Table, rows: Sequence[Row]
) -> tuple[str, list[str], Iterator[tuple[Any, ...]]]:
    """Give table and column names as SQL writes them, and the rows as the driver takes them."""
    columns = [column for column in table.columns if column.name in rows[0] or column.default]
    quote = dialect.identifier_preparer.quote
    fields = [(column.name, _default(column), _converter(column, dialect)) for column in columns]
    prepared = (
        tuple([convert(row.get(name, default)) for name, default, convert in fields])
        for row in rows
    )
    return quote(table.name), [quote(column.name) for column in columns], prepared


def _default(column: sa.Column[Any]) -> Any:
    default: Any = column.default
    if default is None:
        return None
    return default.arg(None) if default.is_callable else default.arg


def _converter(column: sa.Column[Any], dialect: sa.Dialect) -> Callable[[Any], Any]:
    processor = column.type.dialect_impl(dialect).bind_processor(dialect)
    if processor is None:
        return lambda value: value
    return _once_each(processor) if isinstance(column.type, sa.JSON) else processor


def _once_each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Convert a dict that many rows share but once."""
    known: dict[int, tuple[Any, Any]] = {}

    def converted(value: Any) -> Any:
        found = known.get(id(value))
        if found is None:
            found = (value, convert(value))  # what is kept keeps its identity
            if len(known) < _MOST_SHARED:
                known[id(value)] = found
        return found[1]

    return converted


_MOST_SHARED = 1000


def _insert(raw: Any, table: str, columns: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(columns))
    raw.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608


def _copy(raw: Any, table: str, columns: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    with raw.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _settle(engine: sa.Engine) -> None:
    """Have new rows numbered after those loaded, and let the planner know what is there."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            for table in Base.metadata.sorted_tables:
                if "id" in table.columns:
                    connection.exec_driver_sql(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'),"  # noqa: S608
                        f" (SELECT max(id) FROM {table.name}))"
                    )
            connection.exec_driver_sql("VACUUM ANALYZE")
        else:
            connection.exec_driver_sql("ANALYZE")
