"""Listening for hints that there is work, beside looking for it every second."""

import logging
import threading
from collections.abc import Callable

from supportdesk.db.hints import listen
from supportdesk.errors import SettingsError

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class HintListener:
    """A thread that calls `heard` with the kind of work whenever some process asked for it."""

    def __init__(self, url: str, heard: Callable[[str], None]) -> None:
        self._url = url
        self._heard = heard
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener")
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Begin to listen; until it works, and whenever it does not, there are no hints."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                listen(self._url, self._hear, self._ending)
            except SettingsError as error:
                log.warning("%s", error)
                return
            except Exception as error:
                log.warning("Cannot listen for work now: %s", error)
                self._ending.wait(self._pause_seconds)
                self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _hear(self, kind: str) -> None:
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._heard(kind)
