"""A backlog: receipts that are stored, and nobody has looked at, become routed tickets."""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import centre
from bench.databases import Databases
from bench.figures import Figure
from bench.mails import make_mails
from bench.service import Service, Watch, prepared
from bench.size import Size
from supportdesk.actions.receive_mail import receive_mail


def measure(databases: Databases, size: Size) -> Iterator[Figure]:
    """Measure how fast a worker that starts works off what waits, at every size."""
    for tickets in size.sizes:
        rates = []
        for _ in range(size.repeats):
            with (
                tempfile.TemporaryDirectory(dir=databases.folder) as folder,
                databases.copy(tickets) as url,
                prepared(Path(folder), url) as service,
            ):
                _store(service, 2 * size.mails)
                rates.append(_work_off(service, 2 * size.mails))
        yield Figure(
            f"backlog: {databases.name}, {tickets:,} tickets",
            tuple(1 / rate for rate in rates),
            statistics.median(rates),
            "≥ 300/s",
        )


def _store(service: Service, count: int) -> None:
    runtime = service.open()
    for mail in make_mails(count, series="backlog"):
        receive_mail(
            runtime,
            mail.raw,
            mail_from=mail.sender,
            recipients=[centre.MAILBOX],
            received_at=runtime.clock(),
        )
    runtime.database.close()


def _work_off(service: Service, count: int) -> float:
    """Give the rate from the first ticket seen to the last, so that starting up does not count."""
    with Watch(service.url) as watch, service.working():
        watch.wait(count, seconds=60 + count / 5)
        moments = sorted(watch.seen.values())
    later = [moment for moment in moments if moment > moments[0]]
    return len(later) / (moments[-1] - moments[0]) if later else float("nan")
