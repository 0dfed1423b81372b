"""gunicorn with our settings: several processes, a port of its own for metrics, an orderly end."""

import logging
import mmap
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from prometheus_client.multiprocess import mark_process_dead

from supportdesk.actions.runtime import Runtime
from supportdesk.metrics import count_connections
from supportdesk.settings import Settings
from supportdesk.web import create_web
from supportdesk.web.metrics import by_port, metrics_app

log = logging.getLogger(__name__)

GRACE_SECONDS = 30
"""How long a request that is being answered when the end comes may still take."""


class Flag:
    """A yes or no that this process and those it forks share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def raise_(self) -> None:
        """Say yes, for good."""
        self._memory[0] = 1

    def is_up(self) -> bool:
        """Tell what was said."""
        return self._memory[0] == 1


class WebServer(BaseApplication):
    """The web's processes; the application is made in each of them, from a runtime of its own."""

    def __init__(self, settings: Settings, open_runtime: Callable[[], Runtime]) -> None:
        self._settings = settings
        self._open_runtime = open_runtime
        self._draining = Flag()
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn what our settings mean."""
        settings = self._settings
        places = [f"{settings.host}:{settings.port}"]
        if settings.metrics_port:
            places.append(f"{settings.metrics_host}:{settings.metrics_port}")
            self.cfg.set("child_exit", _forget)
        for name, value in {
            "bind": places,
            "worker_class": "gthread",
            "workers": settings.web_processes,
            "threads": settings.web_threads,
            "graceful_timeout": GRACE_SECONDS,
            "max_requests": 20_000,
            "max_requests_jitter": 5_000,
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": _OurLog,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application of one process."""
        runtime = self._open_runtime()
        pages = create_web(runtime, is_draining=self._draining.is_up)
        if not self._settings.metrics_port:
            return pages
        count_connections(runtime.database.engine)
        return by_port(pages, metrics_app(runtime), self._settings.metrics_port)

    def run(self) -> None:
        """Serve until a signal says stop."""
        _Arbiter(self, self._draining, self._settings.drain_seconds).run()


class _Arbiter(Arbiter):
    """Tells balancers first that it ends, and ends when they had time to notice."""

    def __init__(self, app: WebServer, draining: Flag, drain_seconds: int) -> None:
        self._draining = draining
        self._drain_seconds = drain_seconds
        super().__init__(app)

    def handle_term(self) -> None:
        """Go on answering for a while, though not ready any more; a second signal ends it now."""
        signal.signal(signal.SIGTERM, self._end_now)
        self._draining.raise_()
        deadline = time.monotonic() + self._drain_seconds
        while time.monotonic() < deadline:
            self.reap_workers()
            time.sleep(0.1)
        super().handle_term()

    def _end_now(self, _number: int, _frame: object) -> None:
        self.kill_workers(signal.SIGKILL)
        os._exit(1)


class _OurLog(Logger):
    """What gunicorn says goes the way of all our records."""

    def setup(self, cfg: Any) -> None:
        """Have no handlers of its own."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _forget(_server: Arbiter, process: Any) -> None:
    mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
