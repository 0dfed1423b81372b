"""Looking whether everything that was kept is there, whole and fits together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from supportdesk.actions.keys import unseal
from supportdesk.actions.runtime import Runtime
from supportdesk.db.blobs import Blobs
from supportdesk.db.models import Mailbox, MailboxGrant
from supportdesk.db.queries.upkeep import blob_keys, broken_references, count_rows, find_pause
from supportdesk.errors import NotFound, SettingsError

Say = Callable[[str], None]
_TOLD_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found; `problems` in plain words, empty when all is well.

    `orphans` are files that nothing points to: left by requests that were refused at the last
    moment, or of rows that are just being written.
    """

    problems: tuple[str, ...]
    rows: dict[str, int]
    blobs: int
    orphans: int
    is_paused: bool


def examine(runtime: Runtime, *, quick: bool, say: Say) -> Examined:
    """Look at the database, its references, every stored file and the secret key.

    `quick` only looks whether the files are there and does not read them.
    """
    with runtime.database.read() as session:
        connection = session.connection()
        say("Looking at the database …")
        problems = list(_database_problems(connection))
        problems += _unreadable_passwords(runtime, connection)
        wanted = blob_keys(connection)
        rows = count_rows(connection)
        is_paused = find_pause(session) is not None
    there = set(runtime.blobs.keys())
    say(f"Looking at {len(wanted)} files …")
    problems += [f"The stored file {key} is missing." for key in sorted(wanted - there)]
    if not quick:
        problems += _damaged(runtime.blobs, sorted(wanted & there), say)
    return Examined(
        problems=tuple(problems),
        rows=rows,
        blobs=len(wanted),
        orphans=len(there - wanted),
        is_paused=is_paused,
    )


def _database_problems(connection: sa.Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        for (said,) in connection.exec_driver_sql("PRAGMA integrity_check"):
            if said != "ok":
                yield f"The database file is damaged: {said}."
    for constraint, count in broken_references(connection).items():
        yield f"{count} rows point to what does not exist ({constraint})."


def _unreadable_passwords(runtime: Runtime, connection: sa.Connection) -> Iterator[str]:
    of_mailbox = MailboxGrant.mailbox_id == Mailbox.id
    passwords = sa.select(Mailbox.address, Mailbox.imap_password)
    tokens = sa.select(Mailbox.address, MailboxGrant.refresh_token).join(MailboxGrant, of_mailbox)
    for address, sealed in connection.execute(sa.union_all(passwords, tokens)):
        try:
            unseal(runtime.secret_key, sealed)
        except SettingsError:
            yield f"The password of mailbox {address} was sealed with another secret key."


def _damaged(blobs: Blobs, keys: list[str], say: Say) -> Iterator[str]:
    for number, key in enumerate(keys, 1):
        try:
            blobs.get(key)
        except NotFound:
            yield f"The stored file {key} is damaged or missing."
        if number % _TOLD_EVERY == 0:
            say(f"{number} of {len(keys)}")
