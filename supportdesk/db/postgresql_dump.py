"""PostgreSQL's own programs for whole databases: pg_dump and pg_restore."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from psycopg.conninfo import make_conninfo

from supportdesk.errors import Conflict

_VERSION_ROW = re.compile(r" TABLE DATA \S+ alembic_version ")


def dump(connection: sa.Connection, target: Path) -> None:
    """Write the database as `connection`, in a REPEATABLE READ transaction, sees it.

    Raises:
        Conflict: pg_dump is not installed, older than the server, or failed.
    """
    snapshot = connection.scalar(sa.select(sa.func.pg_export_snapshot()))
    server = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10_000
    _run(
        _program("pg_dump", server),
        [f"--snapshot={snapshot}", "--format=custom", f"--file={target}"],
        connection.engine,
    )
    with target.open("rb+") as file:
        os.fsync(file.fileno())


def restore(engine: sa.Engine, source: Path) -> None:
    """Fill an empty database, whole or not at all, but for its revision.

    Without a revision no process of ours takes it for a database that is ready.

    Raises:
        Conflict: pg_restore is not installed, older than the server, or failed.
    """
    with engine.connect() as connection:
        server = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10_000
    program = _program("pg_restore", server)
    listed = _run(program, ["--list", str(source)], None)
    chosen = source.with_name(f".{source.name}.{os.getpid()}.list")
    lines = [line for line in listed.splitlines() if not _VERSION_ROW.search(line)]
    chosen.write_text("\n".join(lines), encoding="utf-8")
    try:
        arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        _run(program, [*arguments, f"--use-list={chosen}", str(source)], engine)
    finally:
        chosen.unlink()


def _program(name: str, server: int) -> Path:
    found = {_major(path): path for path in _candidates(name)}
    if not found:
        raise Conflict(
            "{program} is not installed here; install PostgreSQL's client programs"
            " (Debian, Ubuntu: apt-get install postgresql-client).",
            program=name,
        )
    newest = max(found)
    if newest < server:
        raise Conflict(
            "{program} is of version {found}, the server of {server}; install client programs that"
            " are not older than the server.",
            program=name,
            found=newest,
            server=server,
        )
    return found[newest]


def _candidates(name: str) -> Iterator[Path]:
    yield from Path("/usr/lib/postgresql").glob(f"*/bin/{name}")  # Debian's, side by side
    elsewhere = shutil.which(name)
    if elsewhere:
        yield Path(elsewhere)


def _major(program: Path) -> int:
    said = _run(program, ["--version"], None)
    numbers = re.search(r"(\d+)", said)
    return int(numbers[1]) if numbers else 0


def _run(program: Path, arguments: list[str], engine: sa.Engine | None) -> str:
    environ = dict(os.environ)
    if engine is not None:
        given = engine.url.translate_connect_args(database="dbname", username="user")
        given |= engine.url.query
        password = given.pop("password", None)
        if password:
            environ["PGPASSWORD"] = password  # the arguments are for everybody to see
        arguments = [f"--dbname={make_conninfo(**given)}", *arguments]
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own, found above
        [program, *arguments], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Conflict(
            "{program} failed: {reason}.",
            program=program.name,
            reason=" ".join(done.stderr.split())[-500:].rstrip("."),
        )
    return done.stdout
