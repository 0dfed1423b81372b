"""What Prometheus reads: what this web counts, and what the database knows at that moment."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from supportdesk import __version__
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.watch import free_percent
from supportdesk.db.migrate import current_revision
from supportdesk.db.queries import operations
from supportdesk.db.queries.mailboxes import list_mailboxes
from supportdesk.db.queries.quarantine import count_quarantined
from supportdesk.db.work import Kind

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEPT_SECONDS = 5.0
"""Whoever asks more often hears the same again: a scraper must not become a load."""

PATIENCE_MS = 2000


def metrics_app(runtime: Runtime) -> "WSGIApplication":
    """Make the application that answers on the metrics port."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(DatabaseCollector(runtime))
    application: WSGIApplication = make_wsgi_app(registry)
    return application


def by_port(
    pages: "WSGIApplication", metrics: "WSGIApplication", metrics_port: int
) -> "WSGIApplication":
    """Answer with `metrics` on its own port and with the pages on every other.

    The port is the listening socket's, not what the asker claims.
    """

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        chosen = metrics if environ["SERVER_PORT"] == str(metrics_port) else pages
        return chosen(environ, start_response)

    return answer


class DatabaseCollector(Collector):
    """Asks the database when it is asked itself, and keeps the answer for a few seconds."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._answer: list[Metric] = []
        self._asked_at = float("-inf")

    def collect(self) -> Iterable[Metric]:
        """Give the gauges; when the database does not answer, only that it does not."""
        with self._lock:
            if time.monotonic() - self._asked_at > KEPT_SECONDS:
                self._answer = list(self._ask())
                self._asked_at = time.monotonic()
            return self._answer

    def describe(self) -> Iterable[Metric]:
        """Say nothing when it is registered: the database may be away then."""
        return []

    def _ask(self) -> Iterator[Metric]:
        yield self._disk()
        try:
            with self._runtime.database.read() as session:
                if session.get_bind().dialect.name == "postgresql":
                    session.execute(sa.text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
                answer = [*self._work(session), *self._mail(session), *self._state(session)]
            yield from answer
            is_up = 1
        except sa.exc.SQLAlchemyError:
            is_up = 0
        yield gauge("database_up", "Whether the database answers.", is_up)

    def _disk(self) -> Metric:
        free = free_percent(self._runtime.settings.data_dir) / 100
        return gauge("disk_free_ratio", "Free share of the disk with the data directory.", free)

    def _work(self, session: Session) -> Iterator[Metric]:
        now = self._runtime.clock()
        due = operations.due_work(session, now=now)
        count = labelled("work_due", "Work that is due and that nobody holds.", "kind")
        oldest = labelled("work_oldest_due_seconds", "How long the oldest due work waits.", "kind")
        dead = labelled("work_dead", "Work given up that nobody looked at yet.", "kind")
        given_up = operations.dead_work(session)
        for kind in Kind:
            waiting = due.get(kind, operations.Waiting(0, None))
            count.add_metric([kind], waiting.count)
            oldest.add_metric([kind], waiting.seconds(now))
            dead.add_metric([kind], given_up.get(kind, 0))
        yield from (count, oldest, dead)

    def _mail(self, session: Session) -> Iterator[Metric]:
        now = self._runtime.clock()
        waiting = operations.waiting_mail(session)
        yield gauge("outbox_waiting", "Mails on their way out.", waiting.count)
        yield gauge(
            "outbox_oldest_seconds", "How long the oldest of them waits.", waiting.seconds(now)
        )
        yield gauge(
            "outbox_failed", "Mails given up and not sent again.", operations.failed_mail(session)
        )
        quarantined = session.scalar(sa.select(count_quarantined())) or 0
        yield gauge("quarantine_waiting", "Requests that could not be read.", quarantined)
        success = labelled(
            "mailbox_last_success_timestamp_seconds",
            "When a polled mailbox was last read; 0 for never.",
            "mailbox",
        )
        for mailbox in list_mailboxes(session):
            if mailbox.is_active and mailbox.imap_host:
                at = mailbox.last_success_at
                success.add_metric([mailbox.address], at.timestamp() if at else 0)
        yield success

    def _state(self, session: Session) -> Iterator[Metric]:
        alarms = labelled("alarm_active", "An alarm that lasts.", "alarm")
        for key in operations.open_alarm_keys(session):
            alarms.add_metric([key], 1)
        yield alarms
        last = operations.watched_at(session)
        yield gauge(
            "watch_last_timestamp_seconds",
            "When a worker last looked after the service; 0 for never.",
            last.timestamp() if last else 0,
        )
        info = GaugeMetricFamily(
            "supportdesk_info",
            "What runs here.",
            labels=["version", "schema_revision"],
        )
        revision = current_revision(self._runtime.database.engine) or ""
        info.add_metric([__version__, revision], 1)
        yield info


def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    """Make a gauge with one value."""
    return GaugeMetricFamily(f"supportdesk_{name}", meaning, value=value)


def labelled(name: str, meaning: str, label: str) -> GaugeMetricFamily:
    """Make a gauge with a value for each of something."""
    return GaugeMetricFamily(f"supportdesk_{name}", meaning, labels=[label])
