"""Small transactions of several threads in one: flushing it to disk is most of what they cost."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy.orm import Session

Part = Callable[[Session], None]
"""What one thread writes; it may run twice, and is rolled back once then."""


@dataclass(slots=True, eq=False)
class _Asked:
    part: Part
    is_answered: bool = False
    error: Exception | None = None

    def answer(self, error: Exception | None = None) -> None:
        self.is_answered, self.error = True, error


class Together:
    """Whoever comes while a transaction waits its turn goes along with it.

    Where one part fails, each is done by itself, so that one harms no other.
    """

    def __init__(self, write: Callable[[], AbstractContextManager[Session]]) -> None:
        self._write = write
        self._turn = threading.Lock()
        self._waiting: list[_Asked] = []

    def do(self, part: Part) -> None:
        """Return after the commit of `part`, or raise what it raised."""
        asked = _Asked(part)
        self._waiting.append(asked)
        with self._turn:
            if not asked.is_answered:
                self._commit_with(asked)
        if asked.error is not None:
            raise asked.error

    def _commit_with(self, first: _Asked) -> None:
        taken = [first]
        try:
            with self._write() as session:
                taken += self._others(first)
                for one in taken:
                    one.part(session)
        except Exception as error:
            if len(taken) == 1:
                first.answer(error)
            else:
                self._commit_each(taken)
        else:
            for one in taken:
                one.answer()

    def _others(self, first: _Asked) -> list[_Asked]:
        waiting, self._waiting = self._waiting, []
        return [one for one in waiting if one is not first and not one.is_answered]

    def _commit_each(self, taken: list[_Asked]) -> None:
        for one in taken:
            try:
                with self._write() as session:
                    one.part(session)
            except Exception as error:
                one.answer(error)
            else:
                one.answer()
