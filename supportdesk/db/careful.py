"""Steps of migrations that are safe on a busy PostgreSQL, and do the same on SQLite.

On PostgreSQL each step commits by itself and none keeps readers or writers from a table for long;
all can be done again after they were cut short. So a migration has either these or changes of its
own (docs/migrations.md). On SQLite everything is in one transaction anyway.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


def create_index(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Index a table that is in use; what an attempt that was cut short left behind goes first."""
    condition = sa.text(where) if where else None
    if not _on_postgresql():
        op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition)
        return
    with op.get_context().autocommit_block():
        if _is_unfinished(name):
            op.drop_index(name, postgresql_concurrently=True)
        op.create_index(
            name,
            table,
            list(columns),
            unique=unique,
            postgresql_where=condition,
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def drop_index(name: str, table: str) -> None:
    """Drop an index of a table that is in use."""
    if not _on_postgresql():
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, postgresql_concurrently=True, if_exists=True)


def add_check(name: str, table: str, condition: str) -> None:
    """Have a condition hold for all rows: for new ones at once, then the others are looked at."""
    if _on_postgresql():
        _add_unchecked(name, table, f"CHECK ({condition})")
    else:
        with op.batch_alter_table(table) as batch:
            batch.create_check_constraint(op.f(name), sa.text(condition))


def add_foreign_key(name: str, table: str, column: str, parent: str) -> None:
    """Have a column refer to the id of `parent`, in the same two steps."""
    if _on_postgresql():
        _add_unchecked(name, table, f'FOREIGN KEY ("{column}") REFERENCES "{parent}" (id)')
    else:
        with op.batch_alter_table(table) as batch:
            batch.create_foreign_key(op.f(name), parent, [column], ["id"])


def update_in_batches(statement: str, table: str, *, size: int = 5_000) -> None:
    """Run `statement` for one range of ids after another, `id >= :first AND id < :after`.

    It must do no harm when it is run for the same ids again.
    """
    if not _on_postgresql():
        _update_ranges(statement, table, size)
        return
    with op.get_context().autocommit_block():
        _update_ranges(statement, table, size)


def _update_ranges(statement: str, table: str, size: int) -> None:
    of_table = sa.table(table, sa.column("id"))
    ends = sa.select(sa.func.min(of_table.c.id), sa.func.max(of_table.c.id))
    first, last = op.get_bind().execute(ends).one()
    if first is None:
        return
    for start in range(first, last + 1, size):
        op.get_bind().execute(sa.text(statement), {"first": start, "after": start + size})


def _add_unchecked(name: str, table: str, constraint: str) -> None:
    known = op.get_bind().scalar(
        sa.text("SELECT 1 FROM pg_constraint WHERE conname = :name"), {"name": name}
    )
    if not known:
        op.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {constraint} NOT VALID')
    # Committed by the block: looking at the rows keeps nobody from the table then.
    with op.get_context().autocommit_block():
        op.execute(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"')


def _is_unfinished(index: str) -> bool:
    found = op.get_bind().scalar(
        sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"),
        {"name": index},
    )
    return bool(found)


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
