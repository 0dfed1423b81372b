"""How the service holds while tickets pile up: pages, counts, search, and intake against none."""

import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flask.testing import FlaskClient

from bench import dataset, intake
from bench.databases import Databases
from bench.figures import Figure
from bench.language import common_searches, ordinary_searches
from bench.pages import CONSULTANT, WARM_UPS, Stopwatch, log_in, runtime_on
from bench.size import Size
from supportdesk.actions.runtime import Runtime
from supportdesk.db.queries.menu import count_menu
from supportdesk.db.queries.viewers import load_viewer
from supportdesk.routing.calendar import local_date
from supportdesk.web import create_web

DEEP = 40
"""Pages that are turned before paging is measured, if there are so many."""

_NEXT = re.compile(r'rel="next" href="(\?after=[^"]+)"')


def measure(databases: Databases, size: Size) -> Iterator[Figure]:
    """Measure a hundredth, a tenth and all of the tickets, and intake there and with none."""
    tickets = size.sizes[-1]
    empty = _intake(databases, 0, size)
    yield empty
    for count in dict.fromkeys((max(10, tickets // 100), max(10, tickets // 10), tickets)):
        with (
            tempfile.TemporaryDirectory(dir=databases.folder) as folder,
            databases.copy(count) as url,
        ):
            runtime = runtime_on(url, Path(folder))
            yield from _pages(runtime, f"{databases.name}, {count:,} tickets", count, size)
            runtime.database.close()
        filled = _intake(databases, count, size)
        slower = 1 - (filled.rate or 0) / (empty.rate or 1)
        yield replace(filled, aim=f"≤ 20 % slower than empty; is {100 * slower:.0f} %")


def _intake(databases: Databases, tickets: int, size: Size) -> Figure:
    """Measure the flood alone."""
    figures = intake.measure(databases, replace(size, sizes=(tickets,)))
    flood = next(figures)
    figures.close()
    return flood


def _pages(runtime: Runtime, where: str, tickets: int, size: Size) -> Iterator[Figure]:
    app = create_web(runtime)
    stopwatch = Stopwatch(app.wsgi_app)
    app.wsgi_app = stopwatch  # type: ignore[method-assign]
    client = app.test_client()
    log_in(runtime, client)
    numbers = range(1, tickets + 1, max(1, tickets // size.pages))
    deep = _turn_pages(client)
    for name, addresses, aim in (
        ("first inbox page", ["/inbox/open"] * size.pages, "≤ 25 ms"),
        ("inbox, many pages further", [deep] * size.pages, "≤ 25 ms"),
        ("ticket page", [f"/tickets/{one}" for one in numbers], "≤ 25 ms"),
        ("search, ordinary words", _searches(ordinary_searches(size.pages)), "≤ 60 ms"),
        ("search, very common words", _searches(common_searches(size.pages)), "≤ 300 ms"),
    ):
        for address in [*addresses[:WARM_UPS], *addresses]:
            answer = client.get(address)
            assert answer.status_code == 200, f"{address} answers {answer.status}"
        times = tuple(stopwatch.seconds[-len(addresses) :])
        yield Figure(f"{name}: {where}", times, None, aim)
    yield Figure(f"badge counts: {where}", _count_badges(runtime, size.pages), None, "≤ 25 ms")


def _turn_pages(client: FlaskClient) -> str:
    address = "/inbox/open"
    for _ in range(DEEP):
        following = _NEXT.search(client.get(address).text)
        if following is None:
            break
        address = f"/inbox/open{following[1]}"
    return address


def _searches(wanted: list[str]) -> list[str]:
    return [f"/search?q={one}" for one in wanted]


def _count_badges(runtime: Runtime, times: int) -> tuple[float, ...]:
    taken = []
    today = local_date(dataset.NOW)
    with runtime.database.read() as session:
        viewer = load_viewer(session, CONSULTANT, today=today)
        assert viewer is not None
        for _ in range(times):
            began = time.perf_counter()
            count_menu(session, viewer)
            taken.append(time.perf_counter() - began)
    return tuple(taken)
