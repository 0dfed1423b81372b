"""The demo region in a real browser: a server thread, and people who log in by typing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import make_server

from supportdesk.actions.runtime import Runtime
from supportdesk.actions.watch import watch
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.demo.load import PASSWORD, load_demo
from supportdesk.settings import Settings
from supportdesk.web import create_web
from tests.world import SetClock

MORNING = datetime(2026, 11, 24, 8, 20, tzinfo=UTC)
"""A Tuesday, 9:20 in Prague: the night has been handed back."""


def demo_runtime(database_url: str, folder: Path) -> Runtime:
    """Fill a migrated database with the demo region as it looks on a Tuesday morning."""
    runtime = Runtime(
        Database(open_engine(database_url)),
        BlobStore(folder / "blobs"),
        Settings(data_dir=folder),
        SetClock(MORNING),
        b"s" * 32,
    )
    load_demo(runtime)
    watch(runtime)  # a worker does, every minute
    return runtime


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve the application on a port of its own, and give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def demo_served(database_url: str, folder: Path) -> Iterator[str]:
    """Serve the demo region, and give its address."""
    with served(create_web(demo_runtime(database_url, folder))) as address:
        yield address


def log_in(page: Page, address: str, username: str, *, language: str = "cs") -> None:
    """Log in by typing, and speak the language."""
    page.goto(f"{address}/log-in")
    page.locator("#username").fill(username)
    page.locator("#password").fill(PASSWORD)
    page.locator("form.log-in button.filled").click()
    page.wait_for_url(lambda url: "/log-in" not in url)
    if page.locator("html").get_attribute("lang") != language:
        page.locator(".bar button[name=language]").click()
        page.wait_for_function("wanted => document.documentElement?.lang === wanted", arg=language)
