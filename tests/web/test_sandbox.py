"""The mail sandbox: looking at what was sent, and answering in the customer's place."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import send_mail
from supportdesk.channels.email.sandbox import kept_mails, open_sandbox
from supportdesk.db.database import Database
from supportdesk.db.models import Message, Ticket
from supportdesk.db.work import Kind
from supportdesk.messages import Assurance
from tests.web.conftest import Desk, token_of
from tests.world import World, mail, make_world

CUSTOMER = "ekonom@kraj.example"


@pytest.fixture
def sandbox_desk(database: Database, tmp_path: Path) -> Desk:
    """Give a web with a sandbox that holds one acknowledgement."""
    world = make_world(database, tmp_path, mail_sandbox=True)
    world.arrives(mail(f"Eva <{CUSTOMER}>", "Prosím o <b>radu</b>."), at=world.clock.now)
    send_all(world)
    return Desk(world)


def send_all(world: World) -> None:
    folder = world.runtime.settings.sandbox_folder
    with open_sandbox("127.0.0.1", 0, folder, max_bytes=1_000_000) as relay:
        runtime: Runtime = replace(
            world.runtime,
            settings=replace(world.runtime.settings, smtp_host="127.0.0.1", smtp_port=relay.port),
        )
        for claim in claim_work(runtime, [Kind.SEND], limit=20, lease_seconds=60):
            send_mail(runtime, claim)


def kept_name(desk: Desk) -> str:
    return kept_mails(desk.world.runtime.settings.sandbox_folder)[0].name


def answer(client: FlaskClient, desk: Desk, **form: str) -> int:
    token = token_of(client)
    url = f"/sandbox/{kept_name(desk)}/answer"
    return client.post(url, data={"csrf_token": token, **form}).status_code


def test_list_and_mail_are_shown_to_staff(sandbox_desk: Desk) -> None:
    client = sandbox_desk.visit(sandbox_desk.world.cast.jana)
    assert CUSTOMER in client.get("/sandbox").text
    page = client.get(f"/sandbox/{kept_name(sandbox_desk)}").text
    assert "Message-ID" in page
    assert '/tickets/1"' in page
    assert 'href="/sandbox"' in client.get("/inbox/open").text


def test_html_of_a_mail_comes_with_the_policy_for_mail(sandbox_desk: Desk) -> None:
    client = sandbox_desk.visit(sandbox_desk.world.cast.jana)
    response = client.get(f"/sandbox/{kept_name(sandbox_desk)}/html")
    assert response.status_code == 200
    assert "script-src 'none'" in response.headers["Content-Security-Policy"]


def test_answer_lands_in_the_same_ticket_as_the_customers(sandbox_desk: Desk) -> None:
    client = sandbox_desk.visit(sandbox_desk.world.cast.jana)
    assert answer(client, sandbox_desk, sender=CUSTOMER, text="Ano, souhlasím.") == 303
    sandbox_desk.world.route()
    with sandbox_desk.world.runtime.database.read() as session:
        assert session.scalars(sa.select(Ticket.id)).all() == [1]
        last = session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert last.sender_address == CUSTOMER
    assert last.reply_text == "Ano, souhlasím."
    assert last.assurance is Assurance.L1
    assert last.automatic == "no"


def test_our_own_address_is_not_copied_when_the_answer_is_answered(sandbox_desk: Desk) -> None:
    client = sandbox_desk.visit(sandbox_desk.world.cast.jana)
    answer(client, sandbox_desk, sender=CUSTOMER, text="Ano, souhlasím.")
    sandbox_desk.world.route()
    page = client.get("/tickets/1").text
    assert CUSTOMER in page
    assert "business+t1" not in page


@pytest.mark.parametrize(
    "form",
    [
        {"sender": CUSTOMER, "text": "  "},
        {"sender": "cizi@posta.example", "text": "Ano."},
        {"text": "Ano."},
    ],
)
def test_unusable_answer_says_what_is_wrong_and_keeps_the_text(
    sandbox_desk: Desk, form: dict[str, str]
) -> None:
    client = sandbox_desk.visit(sandbox_desk.world.cast.jana)
    assert answer(client, sandbox_desk, **form) == 422


def test_administrator_without_content_does_not_see_it(sandbox_desk: Desk) -> None:
    client = sandbox_desk.visit(sandbox_desk.world.cast.administrator)
    assert client.get("/sandbox").status_code == 403


def test_unknown_mail_is_not_found(sandbox_desk: Desk) -> None:
    client = sandbox_desk.visit(sandbox_desk.world.cast.jana)
    assert client.get("/sandbox/none.eml").status_code == 404
    assert client.get("/sandbox/..%2F..%2Fsecret.key").status_code == 404


def test_without_the_setting_there_is_no_sandbox(quick_desk: Desk) -> None:
    client = quick_desk.visit(quick_desk.world.cast.jana)
    assert client.get("/sandbox").status_code == 404
    assert 'href="/sandbox"' not in client.get("/inbox/open").text
