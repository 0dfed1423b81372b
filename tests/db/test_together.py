"""Small transactions of several threads become one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.together import Part, Together


class Ledger:
    """A database of one table that counts its transactions; the first waits for `go`."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.transactions = 0
        self.begun = threading.Event()
        self.go = threading.Event()

    @contextmanager
    def write(self) -> Iterator[Session]:
        self.transactions += 1
        self.begun.set()
        assert self.go.wait(10)
        written: list[str] = []
        yield cast(Session, written)
        self.kept += written


def _writes(word: str) -> Part:
    return lambda session: cast(list[str], session).append(word)


def _fails(session: Session) -> None:
    cast(list[str], session).append("nothing of this stays")
    raise ValueError("this part is wrong")


def _do_at_once(ledger: Ledger, parts: list[Part]) -> list[BaseException | None]:
    """Have the first part begin a transaction, the others come meanwhile, and then let it go on."""
    together = Together(ledger.write)
    with ThreadPoolExecutor(len(parts)) as threads:
        first = threads.submit(together.do, parts[0])
        assert ledger.begun.wait(10)
        others = [threads.submit(together.do, part) for part in parts[1:]]
        while len(together._waiting) < len(parts):
            threading.Event().wait(0.001)
        ledger.go.set()
        return [future.exception(10) for future in (first, *others)]


def test_who_comes_while_a_transaction_waits_its_turn_goes_along_with_it() -> None:
    ledger = Ledger()
    errors = _do_at_once(ledger, [_writes("a"), _writes("b"), _writes("c")])
    assert errors == [None, None, None]
    assert sorted(ledger.kept) == ["a", "b", "c"]
    assert ledger.transactions == 1


def test_a_part_that_fails_harms_no_other() -> None:
    ledger = Ledger()
    errors = _do_at_once(ledger, [_writes("a"), _fails, _writes("c")])
    assert [type(error) for error in errors] == [type(None), ValueError, type(None)]
    assert sorted(ledger.kept) == ["a", "c"]


def test_nobody_is_told_that_something_is_kept_when_the_commit_fails() -> None:
    @contextmanager
    def broken() -> Iterator[Session]:
        yield cast(Session, [])
        raise sa.exc.OperationalError("COMMIT", None, Exception("disk full"))

    with pytest.raises(sa.exc.OperationalError):
        Together(broken).do(_writes("a"))
