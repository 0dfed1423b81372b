"""A real Chromium, and what every page has to keep: no errors, no strangers, reachable controls."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebError, sync_playwright

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
SMALLEST_CONTROL_PX = 24

_ARGUMENTS = [
    "--no-sandbox",  # Chromium's own sandbox does not start as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


# A module's, not a session's: while Playwright runs, no other test can use asyncio in the thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run a headless Chromium for the tests of one module."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_program(), args=_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def complaints() -> list[str]:
    """Collect what `page` saw go wrong; a test that expects a complaint checks and clears it."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """Open a page; a console error, script error or request to a stranger fails the test."""

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text} ({message.location['url']})")

    def see(request: Request) -> None:
        if not _is_ours(request.url):
            complaints.append(f"request to a stranger: {request.url}")

    def catch(error: WebError) -> None:
        complaints.append(f"script error: {error.error.message}")

    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, timezone_id="Europe/Prague"
    )
    context.set_default_timeout(60_000)
    context.on("console", hear)
    context.on("request", see)
    context.on("weberror", catch)
    opened = context.new_page()
    yield opened
    opened.evaluate("0")  # a round trip: what the page has already said arrives before it
    context.close()
    if complaints:
        pytest.fail("The page complained:\n" + "\n".join(complaints), pytrace=False)


def check_accessibility(page: Page) -> None:
    """Assert that axe finds nothing wrong with the page as it is drawn now."""
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


def assert_controls_fit(page: Page) -> None:
    """Assert that controls are drawn, inside the page's width, and large enough to hit.

    Links inside running text may be lower than the rest, as WCAG 2.5.8 allows.
    """
    result = page.evaluate(_MEASURE_CONTROLS, SMALLEST_CONTROL_PX)
    assert result["seen"] > 0, f"{page.url}: no control was drawn"
    assert not result["wrong"], f"{page.url}:\n" + "\n".join(result["wrong"])


def shoot(page: Page, name: str) -> Path:
    """Keep a picture of the whole page as build/screenshots/NAME.png."""
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def _program() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    raise RuntimeError("Chromium is not installed here; `make test` installs or names it.")


def _is_ours(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"data", "blob", "about"} or parts.hostname in {"127.0.0.1", "localhost"}


# What is hidden for everybody but screen readers has no size to measure.
_MEASURE_CONTROLS = """(smallest) => {
    const width = document.documentElement.clientWidth;
    const wrong = [];
    if (document.documentElement.scrollWidth > width) {
        wrong.push(`the page is ${document.documentElement.scrollWidth} px wide in ${width} px`);
    }
    const controls = [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]"
    )].filter((control) => control.checkVisibility({visibilityProperty: true})
        && !control.closest(".visually-hidden, .visually-hidden-focusable"));
    for (const control of controls) {
        const box = control.getBoundingClientRect();
        const name = control.outerHTML.slice(0, 120);
        if (box.left < 0 || box.right > width) {
            wrong.push(`sticks out (${box.left} to ${box.right} of ${width} px): ${name}`);
        }
        const inText = control.tagName === "A" && getComputedStyle(control).display === "inline";
        if (!inText && (box.width < smallest || box.height < smallest)) {
            wrong.push(`is only ${box.width} x ${box.height} px: ${name}`);
        }
    }
    return {seen: controls.length, wrong};
}"""
