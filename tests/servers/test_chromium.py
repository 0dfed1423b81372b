"""The watch over pages does its work: what it must report, it reports."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Page

from tests.servers.chromium import assert_controls_fit, check_accessibility, shoot

GOOD = """<main><h1>Fronta</h1><p>Viz <a href="/">kalendář</a>, tam je svátek.</p>
<button style="width:8rem;height:2rem">Vyřešit</button></main>"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve pages whose body is what the test put into `Pages.bodies`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Pages(BaseHTTPRequestHandler):
    """Answers every path with the body that was put there, or with 404."""

    bodies: dict[str, str] = {}  # noqa: RUF012 - shared by the requests on purpose

    def do_GET(self) -> None:
        body = self.bodies.get(self.path)
        page = f"<!doctype html><html lang=cs><title>Zkouška</title><body>{body}"
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


def visit(page: Page, address: str, body: str) -> None:
    Pages.bodies = {"/": body, "/favicon.ico": "-"}
    page.goto(address + "/")
    page.evaluate("0")  # a round trip: what the page has said so far arrives before it


def test_good_page_passes_every_check(page: Page, address: str) -> None:
    visit(page, address, GOOD)
    assert page.get_by_role("heading").inner_text() == "Fronta"
    check_accessibility(page)
    assert_controls_fit(page)
    assert shoot(page, "watch").stat().st_size > 0


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<script>console.error('rozbité')</script>", "console: rozbité"),
        ("<script>chybí()</script>", "script error: chybí is not defined"),
        ("<img alt='' src='http://example.org/x.png'>", "stranger: http://example.org/x.png"),
        ("<script src='/nic.js'></script>", "404"),
    ],
)
def test_what_goes_wrong_on_a_page_is_a_complaint(
    page: Page, address: str, complaints: list[str], body: str, complaint: str
) -> None:
    visit(page, address, body)
    assert any(complaint in heard for heard in complaints), complaints
    complaints.clear()


def test_unheeded_complaint_fails_the_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    pytester.makeconftest("pytest_plugins = ['tests.servers.chromium']")
    pytester.makepyfile(
        """
        def test_nobody_looks(page):
            page.set_content("<script>console.error('rozbité')</script>")
        """
    )
    outcome = pytester.runpytest_subprocess("-p", "no:xdist", "-p", "no:cacheprovider")
    outcome.assert_outcomes(passed=1, errors=1)
    outcome.stdout.fnmatch_lines(["*console: rozbité*"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<p>Nic tu není.</p>", "no control was drawn"),
        ("<button style='position:absolute;left:1400px;width:99px;height:30px'>A</button>", "out"),
        ("<input aria-label=A type=checkbox style='width:16px;height:16px'>", "is only 16 x 16 px"),
        ("<button style='width:99px'>A</button><p style='width:2000px'>B</p>", "2000|wide"),
    ],
)
def test_controls_that_cannot_be_hit_are_named(
    page: Page, address: str, body: str, reason: str
) -> None:
    visit(page, address, body)
    with pytest.raises(AssertionError, match=reason):
        assert_controls_fit(page)


def test_field_without_a_label_is_an_accessibility_violation(page: Page, address: str) -> None:
    visit(page, address, GOOD + "<input style='height:2rem'>")
    with pytest.raises(AssertionError, match="label"):
        check_accessibility(page)
