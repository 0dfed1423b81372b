"""Filling tables with very many rows at once; commits at the end of each block."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from supportdesk.db.bulk import table_of
from supportdesk.db.models import Base

Row = Mapping[str, Any]
Put = Callable[[type[Base], Sequence[Row]], None]


@contextmanager
def loading(engine: sa.Engine) -> Iterator[Put]:
    """Give a function that puts rows into a table; foreign keys are taken on trust.

    All rows of one call have the same keys; what they leave out gets the model's default.
    """
    is_postgresql = engine.dialect.name == "postgresql"
    put_prepared = _copy if is_postgresql else _insert
    fairy = engine.raw_connection()
    raw: Any = fairy.driver_connection

    def put(model: type[Base], rows: Sequence[Row]) -> None:
        if rows:
            put_prepared(raw, *_prepared(engine.dialect, table_of(model), rows))

    try:
        if is_postgresql:
            raw.execute("SET session_replication_role = replica")
        else:
            raw.execute("PRAGMA foreign_keys = OFF")
            raw.execute("BEGIN IMMEDIATE")
        yield put
        raw.commit()
    finally:
        fairy.invalidate()  # its settings are for loading only
    _settle(engine)


def _prepared(
    dialect: sa.Dialect, table: sa.Table, rows: Sequence[Row]
) -> tuple[str, list[str], Iterator[tuple[Any, ...]]]:
    """Give table and column names as SQL writes them, and the rows as the driver takes them."""
    columns = [column for column in table.columns if column.name in rows[0] or column.default]
    quote = dialect.identifier_preparer.quote
    fields = [(column.name, _default(column), _converter(column, dialect)) for column in columns]
    prepared = (
        tuple(convert(row.get(name, default)) for name, default, convert in fields) for row in rows
    )
    return quote(table.name), [quote(column.name) for column in columns], prepared


def _default(column: sa.Column[Any]) -> Any:
    default: Any = column.default
    if default is None:
        return None
    return default.arg(None) if default.is_callable else default.arg


def _converter(column: sa.Column[Any], dialect: sa.Dialect) -> Callable[[Any], Any]:
    processor = column.type.dialect_impl(dialect).bind_processor(dialect)
    return processor or (lambda value: value)


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
