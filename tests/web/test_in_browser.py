"""A day at the inbox in a real Chromium: by keyboard, in both themes, at every width."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import upgrade
from tests.servers.chromium import assert_controls_fit, check_accessibility
from tests.web.browser import demo_served, log_in

PAGES = {
    "jana.novakova": (
        "/inbox/mine",
        "/inbox/done",
        "/tickets/25",
        "/tickets/25/why",
        "/customers/1",
        "/contacts/1",
        "/hand-overs",
        "/quarantine",
        "/search",
        "/search?q=faktur",
        "/search?q=neexistuje",
        "/password",
        "/nothing-here",
    ),
    "adam.riha": (
        "/settings/agents",
        "/settings/agents/new",
        "/settings/mailboxes",
        "/settings/mailboxes/new",
        "/settings/mailboxes/1",
    ),
    "vera.mala": ("/operations", "/ledger", "/suppressed"),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the demo region for all tests of this module."""
    folder: Path = tmp_path_factory.mktemp("demo")
    url = f"sqlite:///{folder / 'demo.sqlite3'}"
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    with demo_served(url, folder) as served_at:
        yield served_at


@pytest.mark.parametrize("look", [f"{t} {w}" for t in ("light", "dark") for w in (1440, 1024, 390)])
@pytest.mark.parametrize("username", list(PAGES))
def test_every_page_is_accessible_and_fits(
    page: Page, complaints: list[str], address: str, username: str, look: str
) -> None:
    theme, _space, pixels = look.partition(" ")
    width = int(pixels)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900 if width > 500 else 844})
    page.goto(f"{address}/log-in")
    check_accessibility(page)
    assert_controls_fit(page)
    log_in(page, address, username, language="cs" if theme == "light" else "en")
    for path in PAGES[username]:
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        check_accessibility(page)
        assert_controls_fit(page)
    complaints[:] = [each for each in complaints if "/nothing-here" not in each]


def test_a_slash_searches_and_what_was_found_opens_beside_the_list(
    page: Page, address: str
) -> None:
    log_in(page, address, "jana.novakova")
    page.goto(f"{address}/inbox/mine")
    page.keyboard.press("/")
    page.keyboard.type("FAKTUR")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=FAKTUR")
    assert page.locator("mark").first.inner_text().startswith("faktu")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ticket")
    assert page.locator("#list mark").count()
    page.reload()
    page.wait_for_selector("#list mark")  # the list is what it was


def test_reply_and_resolve_without_touching_the_mouse(page: Page, address: str) -> None:
    log_in(page, address, "jana.novakova")
    page.goto(f"{address}/inbox/mine")
    page.keyboard.press("j")
    subject = page.locator(".row-link:focus .subject").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("#ticket h1")).to_have_text(subject)
    expect(page.locator(".row-link[aria-current] .subject")).to_have_text(subject)
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("Dobrý den, už se tím zabývám.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".message.ours .words").last).to_have_text("Dobrý den, už se tím zabývám.")
    expect(page.locator("#toasts")).to_contain_text("na cestě")
    expect(page.locator("#reply-text")).to_have_value("")
    page.keyboard.press("e")
    expect(page.locator(".facts")).to_contain_text("Vyřešeno")
    expect(page.locator("#list")).not_to_contain_text(subject)


def test_what_is_being_written_survives_a_lost_page(page: Page, address: str) -> None:
    log_in(page, address, "jana.novakova")
    page.goto(f"{address}/inbox/customers")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#ticket h1")).to_be_visible()
    page.keyboard.press("n")
    page.locator("#note-text").fill("Zavolat po obědě.")
    page.locator("#note-text").blur()
    page.reload()
    expect(page.locator("#note-text")).to_have_value("Zavolat po obědě.")
    page.locator("form.write-note button").click()
    expect(page.locator(".message.note .words").last).to_have_text("Zavolat po obědě.")
    page.reload()
    expect(page.locator("#note-text")).to_have_value("")


def test_hand_over_is_acknowledged_with_one_key(page: Page, address: str) -> None:
    log_in(page, address, "jana.novakova")
    page.goto(f"{address}/hand-overs")
    before = page.locator("[data-step]").count()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("[data-step]")).to_have_count(before - 1)


def test_single_keys_can_be_switched_off(page: Page, address: str) -> None:
    log_in(page, address, "jana.novakova")
    page.goto(f"{address}/inbox/mine")
    page.keyboard.press("?")
    page.locator("#keyboard input").check()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator(".row-link:focus")).to_have_count(0)


def test_everything_works_without_script(page: Page, address: str) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{address}/log-in")
    plain.locator("#username").fill("vera.mala")
    plain.locator("#password").fill("severohora-demo")
    plain.locator("form.log-in button.filled").click()
    plain.goto(f"{address}/inbox/open")
    plain.locator(".row-link").first.click()
    plain.locator("label[for=tab-note]").click()
    plain.locator("#note-text").fill("Bez skriptu.")
    plain.locator("form.write-note button").click()
    expect(plain.locator(".message.note").last).to_contain_text("Bez skriptu.")
    context.close()


def test_mail_is_shown_in_a_frame_as_high_as_the_mail(page: Page, address: str) -> None:
    log_in(page, address, "vera.mala")
    for number in range(1, 36):
        page.goto(f"{address}/tickets/{number}")
        summary = page.locator("details:has(iframe.mail) summary").first
        if summary.count():
            break
    summary.click()
    frame = page.frame_locator("iframe.mail").first
    expect(frame.locator("body")).not_to_be_empty()
    box = page.locator("iframe.mail").first.bounding_box()
    inner = frame.locator("html").evaluate("html => html.scrollHeight")
    assert box is not None
    assert box["height"] >= inner


def test_theme_that_was_chosen_stays(page: Page, address: str) -> None:
    page.goto(f"{address}/log-in")
    page.locator("[data-does=theme]").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_language_switch_speaks_english_from_now_on(page: Page, address: str) -> None:
    page.goto(f"{address}/log-in")
    page.locator("button[name=language]").click()
    expect(page.locator("h1")).to_have_text("Log in")
    expect(page).to_have_url(re.compile(r"/log-in\??$"))
