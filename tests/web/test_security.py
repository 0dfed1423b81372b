"""What every answer carries, and what strangers' content may not do."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import request

from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import Message, StoredAttachment
from supportdesk.web import create_web
from supportdesk.web.security import MAX_FORM_BYTES
from tests.factories import make_message, make_ticket
from tests.web.conftest import Desk, token_of
from tests.world import make_world

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def store_file(desk: Desk, content: bytes, content_type: str, filename: str = "a.bin") -> str:
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, organisation=desk.world.cast.region)
        message = make_message(session, ticket)
        file = StoredAttachment(
            message_id=message.id,
            token=f"token{message.id}",
            filename=filename,
            content_type=content_type,
            size_bytes=len(content),
            blob_key=desk.world.runtime.blobs.put(content),
            content_id="logo@mail",
        )
        session.add(file)
        return file.token


def store_html(desk: Desk, html: str) -> int:
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, organisation=desk.world.cast.region)
        message = make_message(session, ticket)
        message.html = html
        return message.id


@pytest.mark.parametrize(
    "path",
    ["/log-in", "/inbox/open", "/nothing-here", "/healthz", "/search?q=x", "/settings/agents"],
)
def test_every_answer_carries_the_headers(quick_desk: Desk, path: str) -> None:
    headers = quick_desk.visit(quick_desk.world.cast.jana).get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_pages_have_no_inline_scripts_and_styles(quick_desk: Desk) -> None:
    with quick_desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, organisation=quick_desk.world.cast.region)
        make_message(session, ticket)
    client = quick_desk.visit(quick_desk.world.cast.jana)
    for path in ("/inbox/open", f"/tickets/{ticket.id}", "/hand-overs", "/quarantine", "/password"):
        page = client.get(path).text
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick=" not in page
        assert "<script>" not in page


def test_text_of_strangers_is_text(quick_desk: Desk) -> None:
    evil = '"><script>alert(1)</script> {{ 7*7 }} https://a.example/"onmouseover="alert(1)'
    with quick_desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, organisation=quick_desk.world.cast.region, subject=evil)
        ticket.preview = evil
        make_message(session, ticket, evil)
    client = quick_desk.visit(quick_desk.world.cast.jana)
    for path in ("/inbox/open", f"/tickets/{ticket.id}"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert 'onmouseover="' not in page
        assert "{{ 7*7 }}" in page


@pytest.mark.parametrize(
    ("content", "content_type", "is_shown"),
    [
        (PNG, "image/png", True),
        (b"GIF89a...", "image/gif", True),
        (b"<svg onload=alert(1)>", "image/svg+xml", False),
        (b"<script>alert(1)</script>", "text/html", False),
        (b"<script>alert(1)</script>", "image/png", False),
        (b"%PDF-1.7", "application/pdf", False),
        (PNG, "text/html", False),
    ],
)
def test_only_true_pictures_are_shown_all_else_is_kept(
    quick_desk: Desk, content: bytes, content_type: str, is_shown: bool
) -> None:
    token = store_file(quick_desk, content, content_type)
    response = quick_desk.visit(quick_desk.world.cast.jana).get(f"/files/{token}?show=1")
    assert response.data == content
    assert response.headers["Content-Disposition"].startswith(
        "inline" if is_shown else "attachment"
    )
    assert response.mimetype == (content_type if is_shown else "application/octet-stream")
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_file_is_kept_unless_a_picture_is_asked_for(quick_desk: Desk) -> None:
    token = store_file(quick_desk, PNG, "image/png")
    response = quick_desk.visit(quick_desk.world.cast.jana).get(f"/files/{token}")
    assert response.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "filename",
    ["../../etc/passwd", "a\r\nSet-Cookie: x=1", 'a"; filename="b', "výpis\u202efdp.exe", "\x00"],
)
def test_no_file_name_leaves_its_header(quick_desk: Desk, filename: str) -> None:
    token = store_file(quick_desk, PNG, "image/png", filename.replace("\x00", ""))
    response = quick_desk.visit(quick_desk.world.cast.jana).get(f"/files/{token}")
    header = response.headers["Content-Disposition"]
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers or "x=1" not in response.headers["Set-Cookie"]
    assert not set(header) & set("\r\n\\\u202e")
    assert header.count('"') == 2


def test_html_mail_is_made_harmless_again_when_shown(quick_desk: Desk) -> None:
    message_id = store_html(
        quick_desk,
        "<p>Dobrý den<script>alert(1)</script></p><img src='https://track.example/x.png'>"
        "<a href='javascript:alert(1)'>odkaz</a><form action='/log-out'><button>x</button></form>",
    )
    response = quick_desk.visit(quick_desk.world.cast.jana).get(f"/messages/{message_id}/html")
    policy = response.headers["Content-Security-Policy"]
    assert "Dobrý den" in response.text
    for danger in ("<script", "track.example", "javascript:", "<form", "<button"):
        assert danger not in response.text
    assert policy.startswith("default-src 'none'; script-src 'none'; img-src 'self';")
    assert "form-action 'none'" in policy


def test_pictures_of_a_mail_come_from_that_mail_only(quick_desk: Desk) -> None:
    token = store_file(quick_desk, PNG, "image/png")
    database = quick_desk.world.runtime.database
    with database.write() as session:
        message = session.scalars(
            sa.select(Message).join(StoredAttachment).where(StoredAttachment.token == token)
        ).one()
        message.html = '<p><img src="cid:logo@mail"><img src="cid:other@mail"></p>'
    page = quick_desk.visit(quick_desk.world.cast.jana).get(f"/messages/{message.id}/html").text
    assert f'src="/files/{token}?show=1"' in page
    assert "cid:" not in page


def test_frame_of_a_mail_never_runs_scripts(quick_desk: Desk) -> None:
    message_id = store_html(quick_desk, "<p>Dobrý den</p>")
    with quick_desk.world.runtime.database.read() as session:
        ticket_id = session.scalar(sa.select(Message.ticket_id).where(Message.id == message_id))
    page = quick_desk.visit(quick_desk.world.cast.jana).get(f"/tickets/{ticket_id}").text
    assert "<iframe" in page
    assert "allow-scripts" not in page


def test_form_that_is_too_large_is_refused_in_words(quick_desk: Desk) -> None:
    client = quick_desk.visit(quick_desk.world.cast.jana)
    token = token_of(client)
    response = client.post("/status", data={"csrf_token": token, "status": "x" * MAX_FORM_BYTES})
    assert response.status_code == 413
    assert "příliš velké" in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/tickets/99999999999999999999",
        "/search?before=99999999999999999999999",
        "/inbox/open?after=x",
        "/inbox/open?after=99999999999999999999999-1",
        "/inbox/nonsense",
        "/files/%00",
    ],
)
def test_nonsense_in_an_address_is_never_our_fault(quick_desk: Desk, path: str) -> None:
    response = quick_desk.visit(quick_desk.world.cast.jana).get(path)
    assert response.status_code in {404, 422}


@pytest.mark.parametrize(("proxies", "known_as"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_a_forwarded_address_is_believed_only_from_a_trusted_proxy(
    sqlite_url: str, tmp_path: Path, proxies: int, known_as: str
) -> None:
    database = Database(open_engine(sqlite_url))
    world = make_world(database, tmp_path, trusted_proxies=proxies)
    client = create_web(world.runtime).test_client()
    with client:
        client.get("/log-in", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
        assert request.remote_addr == known_as
    database.close()
