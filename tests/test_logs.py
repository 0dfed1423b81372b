"""Lines of the log: complete, one object each, and without anything that nobody may read."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from supportdesk.logs import REMOVED, Redaction, formatter, set_up_logs
from supportdesk.settings import Settings

SECRET = "Tajne-Heslo.42"
SETTINGS = Settings(
    secret_key="k" * 40 + SECRET,
    smtp_password="relay-" + SECRET,
    database_url="postgresql+psycopg://desk:db-" + SECRET + "@localhost/desk",
)


@contextmanager
def lines_of(name: str = "supportdesk.somewhere", *, as_json: bool = True) -> Iterator[Any]:
    """Give a logger, and what it wrote."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter(SETTINGS, as_json=as_json))
    log = logging.getLogger(name)
    log.addHandler(handler)
    before, log.level = log.level, logging.DEBUG
    try:
        yield log, written
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def test_a_record_becomes_one_object_with_the_ids_of_what_is_done() -> None:
    with lines_of() as (log, written), bound_contextvars(request_id="r1", work_id=7):
        log.warning("Mailbox %s\nfailed", "a@b.example", extra={"status": 503})
    entry = json.loads(written.getvalue())
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "event": "Mailbox a@b.example\nfailed",
        "level": "warning",
        "logger": "supportdesk.somewhere",
        "request_id": "r1",
        "work_id": 7,
        "status": 503,
    }


def test_an_exception_stays_within_its_line() -> None:
    with lines_of() as (log, written):
        try:
            raise OSError("disk is full")
        except OSError:
            log.exception("Could not keep it.")
    (line,) = written.getvalue().splitlines()
    assert "disk is full" in json.loads(line)["exception"]


def test_a_terminal_gets_text() -> None:
    with lines_of(as_json=False) as (log, written):
        log.info("Stopping.")
    assert "Stopping." in written.getvalue()
    assert "{" not in written.getvalue()


def test_what_strangers_write_is_no_line_of_its_own_and_steers_no_terminal() -> None:
    forged = "x\n2026-11-24T11:00:00Z [error] Alarm\r\x1b[2J\x9b31m\u2028\u202e"
    with lines_of(as_json=False) as (log, written):
        log.warning("Mail of %s", forged, extra={"sender": forged})
        try:
            raise ValueError(forged)
        except ValueError:
            log.exception("Mail of %s", forged)
    told = written.getvalue()
    assert all(sign.isprintable() or sign == "\n" for sign in told)
    begin = ("[warning", "[error", "    ")
    assert all(line.startswith(begin) for line in told.splitlines())
    assert sum(not line.startswith("    ") for line in told.splitlines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"log-in with password: '{SECRET}' refused",
        f"{{'refresh_token': '{SECRET}', 'scope': 'mail'}}",
        f'{{"client_secret": "{SECRET}"}}',
        f"Authorization: Bearer {SECRET}",
        f"AUTHENTICATE XOAUTH2 {SECRET}",
        f"Cookie: supportdesk={SECRET}; language=cs",
        f"Set-Cookie: supportdesk={SECRET}",
        f"postgresql://desk:{SECRET}@localhost/desk cannot be reached",
        f"GET /reset/{SECRET}aaaaaaaa failed",
        f"/files/{SECRET}aaaaaaaa",
        f"duplicate key\nDETAIL:  Key (username)=({SECRET}) already exists.\n[SQL: INSERT]",
        f"null value\nDETAIL:  Failing row contains (1, {SECRET},\n{SECRET}).",
        f"smtp said {SETTINGS.smtp_password}",
        f"{SETTINGS.secret_key} is short",
    ],
)
def test_a_text_with_a_secret_is_written_without_it(text: str) -> None:
    with lines_of() as (log, written):
        log.error("%s", text)
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("It failed.")
    assert SECRET not in written.getvalue()
    assert REMOVED in written.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "imap_password",
        "secret_key",
        "csrf_token",
        "cookie",
        "Authorization",
        "body",
        "text",
    ],
)
def test_a_field_is_judged_by_its_name(name: str) -> None:
    clean = Redaction([])(None, "", {"event": "x", name: SECRET, "inner": {name: [SECRET]}})
    assert SECRET not in str(clean)


@pytest.mark.parametrize(
    "text",
    [
        "The lease on route work ran out before it was finished.",
        "Mailbox 3 is not polled; give it an IMAP host first.",
        "Context of ticket 7 is here; subtext: none",
    ],
)
def test_an_ordinary_sentence_stays_as_it_is(text: str) -> None:
    assert Redaction(["never"]).clean_text(text) == text


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_cleaning_never_fails(text: str, fields: dict[str, Any]) -> None:
    assert Redaction([SECRET])(None, "", {**fields, "event": text})["event"] is not None


def test_libraries_say_warnings_only_whatever_the_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, ours = logging.getLogger(), logging.getLogger("supportdesk")
    before = root.handlers[:], root.level, ours.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    try:
        set_up_logs(Settings(data_dir=tmp_path, log_level="debug"))
        logging.getLogger("sqlalchemy.engine").info("SELECT everything")
        logging.getLogger("imapclient").debug("LOGIN me")
        logging.getLogger("alembic").warning("Old.")
        logging.getLogger("supportdesk.web").debug("New.")
    finally:
        root.handlers[:], root.level, ours.level = before
        logging.captureWarnings(False)
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == [
        "Old.",
        "New.",
    ]
