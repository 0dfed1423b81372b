"""Server time of the pages that consultants look at all day, taken inside WSGI."""

import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flask.testing import FlaskClient

from bench import centre, dataset
from bench.databases import Databases
from bench.figures import Figure
from bench.machine import time_of_work
from bench.size import Size
from supportdesk.actions.log_in import hash_of
from supportdesk.actions.runtime import Runtime
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import LoginSession
from supportdesk.db.queries.ticket_list import View
from supportdesk.settings import Settings
from supportdesk.web import create_web
from supportdesk.web.gate import TOKEN

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONSULTANT = centre.CONSULTANTS[0]
VIEWS = (View.MINE, View.CUSTOMERS, View.CENTRE, View.POOL, View.OPEN, View.DONE)
WARM_UPS = 5


class Stopwatch:
    """Times every answer of a WSGI application, from the call to the last byte of the body."""

    def __init__(self, application: "WSGIApplication") -> None:
        self.seconds: list[float] = []
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        began = time.perf_counter()
        body = b"".join(self._application(environ, start_response))
        self.seconds.append(time.perf_counter() - began)
        return [body]


def measure(databases: Databases, size: Size) -> Iterator[Figure]:
    """Measure lists of 25 rows and ticket pages, warm, as a consultant, at every size but none."""
    for tickets in filter(None, size.sizes):
        with (
            tempfile.TemporaryDirectory(dir=databases.folder) as folder,
            databases.copy(tickets) as url,
        ):
            yield from _measure(
                f"{databases.name}, {tickets:,} tickets", url, folder, tickets, size
            )


def _measure(where: str, url: str, folder: str, tickets: int, size: Size) -> Iterator[Figure]:
    runtime = runtime_on(url, Path(folder))
    app = create_web(runtime)
    stopwatch = Stopwatch(app.wsgi_app)
    app.wsgi_app = stopwatch  # type: ignore[method-assign]
    client = app.test_client()
    log_in(runtime, client)
    work: list[float] = []
    for view in VIEWS:
        times = _times(client, stopwatch, [f"/inbox/{view}"] * size.pages, work)
        yield Figure(f"list {view}: {where}", times, None, "≤ 12 ms")
    step = max(1, tickets // size.pages)
    addresses = [f"/tickets/{number}" for number in range(1, tickets + 1, step)]
    times = _times(client, stopwatch, addresses, work)
    yield Figure(f"ticket page: {where}", times, None, "≤ 7 ms")
    yield Figure("  the fixed piece of Python meanwhile", tuple(work))
    runtime.database.close()


def _times(
    client: FlaskClient, stopwatch: Stopwatch, addresses: list[str], work: list[float]
) -> tuple[float, ...]:
    for address in [*addresses[:WARM_UPS], *addresses]:
        answer = client.get(address)
        assert answer.status_code == 200, f"{address} answers {answer.status}"
        work.append(time_of_work())  # how fast the machine is just now
    times = tuple(stopwatch.seconds[-len(addresses) :])
    stopwatch.seconds.clear()
    return times


def runtime_on(url: str, folder: Path) -> Runtime:
    """Open the service's parts at the end of the data set's history."""
    return Runtime(
        Database(open_engine(url)),
        BlobStore(folder / "blobs"),
        Settings(data_dir=folder),
        _at_the_end_of_history,
        secrets.token_bytes(32),
    )


def _at_the_end_of_history() -> datetime:
    return dataset.NOW


def log_in(runtime: Runtime, client: FlaskClient) -> None:
    """Log a consultant in."""
    token = secrets.token_urlsafe(32)
    now = runtime.clock()
    with runtime.database.write() as session:
        session.add(
            LoginSession(
                token_hash=hash_of(token), agent_id=CONSULTANT, created_at=now, seen_at=now
            )
        )
    with client.session_transaction() as cookie:
        cookie[TOKEN] = token
