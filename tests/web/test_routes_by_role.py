# ruff: noqa: E501 - a table is read along its rows
"""Every route, every method, every role: one table of what they get.

A route that is missing from the table fails the test. What is somebody else's does not exist: 404.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy.orm import Session

from supportdesk.db.models import Agent, LineState, StoredAttachment, Ticket
from supportdesk.tickets import Desk as TeamDesk
from supportdesk.tickets import State
from tests.factories import (
    Cast,
    make_dead_work,
    make_hand_over,
    make_line,
    make_message,
    make_organisation,
    make_receipt,
    make_suppression,
    make_ticket,
)
from tests.web.conftest import Desk, token_of

COLUMNS = (
    "visitor",
    "consultant",
    "pool",
    "tdms_own",
    "tdms_foreign",
    "manager_own",
    "manager_foreign",
    "supervisor",
    "administrator",
)


@dataclass
class Scene:
    """One ticket with all that hangs on it, made anew for every request."""

    session: Session
    desk: Desk
    ticket: Ticket
    cast: Cast

    def url(self, pattern: str) -> str:
        """Fill in what the address needs."""
        wanted: dict[str, Callable[[], object]] = {
            "ticket": lambda: self.ticket.id,
            "proposed": lambda: make_line(self.session, self.ticket, "question").id,
            "confirmed": lambda: (
                make_line(self.session, self.ticket, "question", state=LineState.CONFIRMED).id
            ),
            "hand_over": self._hand_over,
            "receipt": self._receipt,
            "dead": lambda: make_dead_work(self.session).id,
            "suppression": lambda: make_suppression(self.session, self.ticket).id,
            "organisation": lambda: self.ticket.organisation_id,
            "contact": lambda: self.ticket.contact_id,
            "html": self._html,
            "file": self._file,
            "agent": lambda: self.cast.petr.id,
            "mailbox": lambda: self.cast.mailbox.id,
            "version": lambda: str(self.desk.app.static_url_path).rpartition("/")[2],
        }
        for name, make in wanted.items():
            if f"<{name}>" in pattern:
                pattern = pattern.replace(f"<{name}>", str(make()))
        return pattern

    def _hand_over(self) -> int:
        return make_hand_over(self.session, self.ticket, self.cast.jana).id

    def _receipt(self) -> int:
        receipt = make_receipt(self.session)
        receipt.blob_key = self.desk.world.runtime.blobs.put(b"Subject: x\r\n\r\n")
        return receipt.id

    def _html(self) -> int:
        message = make_message(self.session, self.ticket)
        message.html = "<p>Dobrý den</p>"
        return message.id

    def _file(self) -> str:
        message = make_message(self.session, self.ticket)
        token = f"token-{message.id}"
        key = self.desk.world.runtime.blobs.put(b"content")
        self.session.add(
            StoredAttachment(
                message_id=message.id,
                token=token,
                filename="výpis.pdf",
                content_type="application/pdf",
                size_bytes=7,
                blob_key=key,
            )
        )
        return token


V = {"version": "1"}
Row = tuple[str, str, dict[str, str], tuple[int, ...]]
# fmt: off
#                                                                     vis  con  poo  tOwn tFor mOwn mFor sup  adm
TABLE: tuple[Row, ...] = (
    ("GET", "/healthz", {},                                          (200, 200, 200, 200, 200, 200, 200, 200, 200)),
    ("GET", "/readyz", {},                                           (200, 200, 200, 200, 200, 200, 200, 200, 200)),
    ("GET", "/icons/<version>.svg", {},                              (200, 200, 200, 200, 200, 200, 200, 200, 200)),
    ("GET", "/bootstrap/<version>.css", {},                          (200, 200, 200, 200, 200, 200, 200, 200, 200)),
    ("GET", "/static/<version>/supportdesk.css", {},                 (200, 200, 200, 200, 200, 200, 200, 200, 200)),
    ("GET", "/log-in", {},                                           (200, 302, 302, 302, 302, 302, 302, 302, 302)),
    ("POST", "/log-in", {"username": "x", "password": "y"},          (401, 401, 401, 401, 401, 401, 401, 401, 401)),
    ("POST", "/log-out", {},                                         (302, 302, 302, 302, 302, 302, 302, 302, 302)),
    ("POST", "/language", {"language": "en"},                        (303, 303, 303, 303, 303, 303, 303, 303, 303)),
    ("POST", "/status", {"status": "away"},                          (302, 303, 303, 303, 303, 303, 303, 303, 303)),
    ("GET", "/password", {},                                         (302, 200, 200, 200, 200, 200, 200, 200, 200)),
    ("POST", "/password", {"password": "x", "current_password": "y"},(302, 403, 403, 403, 403, 403, 403, 403, 403)),
    ("GET", "/", {},                                                 (302, 302, 302, 302, 302, 302, 302, 302, 302)),
    ("GET", "/inbox/open", {},                                       (302, 200, 200, 200, 200, 200, 200, 200, 403)),
    ("GET", "/search?q=<ticket>", {},                                (302, 200, 200, 200, 200, 200, 200, 200, 403)),
    ("GET", "/search?q=%23<ticket>", {},                             (302, 302, 302, 302, 200, 302, 200, 302, 403)),
    ("GET", "/tickets/<ticket>", {},                                 (302, 200, 200, 200, 404, 200, 404, 200, 403)),
    ("GET", "/tickets/<ticket>/why", {},                             (302, 200, 200, 200, 404, 200, 404, 200, 403)),
    ("GET", "/tickets/<ticket>/sender", {},                          (302, 200, 200, 200, 404, 403, 404, 200, 403)),
    ("POST", "/tickets/<ticket>/reply", {"text": "Dobrý den", "to": "a@b.example", "last_seen_message_id": "0", "then_state": "open"},
                                                                     (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/note", {"text": "Pozor"},            (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/take", V | {"reason": "Umím to"},    (302, 303, 303, 303, 404, 422, 404, 422, 403)),
    ("POST", "/tickets/<ticket>/assign", V | {"target": "pool", "reason": "Noc"},
                                                                     (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/state", V | {"state": "resolved"},   (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/topic", V | {"topic": "business"},   (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/priority", V | {"priority": "2"},    (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/sender", V | {"person": "1:1"},      (302, 422, 422, 422, 404, 403, 404, 422, 403)),
    ("POST", "/tickets/<ticket>/messages/<html>/send-again", {},     (302, 409, 409, 409, 404, 403, 404, 409, 403)),
    ("POST", "/tickets/<ticket>/replying", {},                       (302, 200, 200, 200, 404, 403, 404, 200, 403)),
    ("POST", "/tickets/<ticket>/lines", {"activity": "question"},    (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/lines/<proposed>/confirm", {},       (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/lines/<proposed>/dismiss", {},       (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("POST", "/tickets/<ticket>/lines/<confirmed>/carry-out", {},    (302, 303, 303, 303, 404, 403, 404, 303, 403)),
    ("GET", "/customers/<organisation>", {},                         (302, 200, 200, 200, 404, 200, 404, 200, 403)),
    ("GET", "/contacts/<contact>", {},                               (302, 200, 200, 200, 404, 200, 404, 200, 403)),
    ("GET", "/messages/<html>/html", {},                             (302, 200, 200, 200, 404, 200, 404, 200, 403)),
    ("GET", "/files/<file>", {},                                     (302, 200, 200, 200, 404, 200, 404, 200, 403)),
    ("GET", "/hand-overs", {},                                       (302, 200, 200, 200, 200, 403, 403, 200, 403)),
    ("POST", "/hand-overs/<hand_over>/acknowledge", {},              (302, 303, 403, 403, 404, 403, 403, 303, 403)),
    ("GET", "/quarantine", {},                                       (302, 200, 200, 403, 403, 403, 403, 200, 403)),
    ("GET", "/quarantine/<receipt>", {},                             (302, 200, 200, 403, 403, 403, 403, 200, 403)),
    ("GET", "/quarantine/<receipt>/raw", {},                         (302, 200, 200, 403, 403, 403, 403, 200, 403)),
    ("POST", "/quarantine/<receipt>/replay", {},                     (302, 303, 303, 403, 403, 403, 403, 303, 403)),
    ("POST", "/quarantine/<receipt>/discard", {"reason": "Spam"},    (302, 403, 303, 403, 403, 403, 403, 303, 403)),
    ("GET", "/operations", {},                                       (302, 403, 403, 403, 403, 403, 403, 200, 200)),
    ("GET", "/ledger", {},                                           (302, 403, 403, 403, 403, 403, 403, 200, 200)),
    ("POST", "/ledger/mailboxes/<mailbox>/read-again", {},           (302, 403, 403, 403, 403, 403, 403, 409, 409)),
    ("POST", "/ledger/<receipt>/route-again", {},                    (302, 403, 403, 403, 403, 403, 403, 409, 409)),
    ("GET", "/suppressed", {},                                       (302, 200, 200, 403, 403, 403, 403, 200, 403)),
    ("POST", "/suppressed/<suppression>/lift", {},                   (302, 303, 303, 403, 403, 403, 403, 303, 403)),
    ("POST", "/operations/work/<dead>/replay", {},                   (302, 403, 403, 403, 403, 403, 403, 303, 303)),
    ("POST", "/operations/work/close/replay-all", {},                (302, 403, 403, 403, 403, 403, 403, 303, 303)),
    ("POST", "/operations/work/<dead>/discard", {"reason": "Hotovo"},(302, 403, 403, 403, 403, 403, 403, 303, 303)),
    ("POST", "/operations/release", {},                              (302, 403, 403, 403, 403, 403, 403, 403, 409)),
    ("GET", "/settings/agents", {},                                  (302, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("GET", "/settings/agents/new", {},                              (302, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("POST", "/settings/agents/new", {"username": "iva.nova", "name": "Iva Nová", "language": "cs"},
                                                                     (302, 403, 403, 403, 403, 403, 403, 403, 303)),
    ("GET", "/settings/agents/<agent>", {},                          (302, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("POST", "/settings/agents/<agent>", {"username": "petr.d", "name": "Petr D.", "language": "cs", "is_active": "on"},
                                                                     (302, 403, 403, 403, 403, 403, 403, 403, 303)),
    ("POST", "/settings/agents/<agent>/password", {"password": "modré okno u lesa"},
                                                                     (302, 403, 403, 403, 403, 403, 403, 403, 303)),
    ("GET", "/settings/mailboxes", {},                               (302, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("GET", "/settings/mailboxes/new", {},                           (302, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("POST", "/settings/mailboxes/new", {"address": "nova@example.com", "imap_port": "993", "imap_security": "tls"},
                                                                     (302, 403, 403, 403, 403, 403, 403, 403, 303)),
    ("GET", "/settings/mailboxes/<mailbox>", {},                     (302, 403, 403, 403, 403, 403, 403, 403, 200)),
    ("POST", "/settings/mailboxes/<mailbox>", {"address": "business@example.com", "imap_port": "993", "imap_security": "tls", "is_active": "on"},
                                                                     (302, 403, 403, 403, 403, 403, 403, 403, 303)),
    ("POST", "/settings/mailboxes/<mailbox>/poll", {},               (302, 403, 403, 403, 403, 403, 403, 403, 409)),
    ("POST", "/settings/mailboxes/<mailbox>/oauth", {"token_url": "https://login.example.com/token", "client_id": "x", "refresh_token": "y"},
                                                                     (302, 403, 403, 403, 403, 403, 403, 403, 303)),
    # There is a sandbox in demos only; elsewhere it does not exist (test_sandbox.py).
    ("GET", "/sandbox", {},                                          (302, 404, 404, 404, 404, 404, 404, 404, 403)),
    ("GET", "/sandbox/mail.eml", {},                                 (302, 404, 404, 404, 404, 404, 404, 404, 403)),
    ("GET", "/sandbox/mail.eml/html", {},                            (302, 404, 404, 404, 404, 404, 404, 404, 403)),
    ("POST", "/sandbox/mail.eml/answer", {"text": "Ano"},            (302, 404, 404, 404, 404, 404, 404, 404, 403)),
)
# fmt: on


def agent_of(column: str, cast: Cast) -> Agent | None:
    return {
        "visitor": None,
        "consultant": cast.jana,
        "pool": cast.olga,
        "tdms_own": cast.tomas,
        "tdms_foreign": cast.tomas,
        "manager_own": cast.account_manager,
        "manager_foreign": cast.account_manager,
        "supervisor": cast.supervisor,
        "administrator": cast.administrator,
    }[column]


def make_scene(session: Session, desk: Desk, column: str) -> Scene:
    cast = desk.world.cast
    organisation, contact = cast.region, cast.ekonom
    team = TeamDesk.TDMS if column == "tdms_own" else TeamDesk.CUSTOMER_CENTRE
    if column.endswith("foreign"):
        organisation = make_organisation(session, "Cizí město")
        contact = cast.reditel
    ticket = make_ticket(
        session,
        organisation=organisation,
        contact=contact,
        owner=cast.jana,
        desk=team,
        state=State.OPEN,
    )
    return Scene(session, desk, ticket, cast)


@pytest.mark.parametrize("row", TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_every_role_gets_what_the_table_says(quick_desk: Desk, row: Row) -> None:
    method, pattern, form, expected = row
    got = {}
    for column in COLUMNS:
        with quick_desk.world.runtime.database.write() as session:
            url = make_scene(session, quick_desk, column).url(pattern)
        client = quick_desk.visit(agent_of(column, quick_desk.world.cast))
        if method == "POST":
            token = token_of(client, "/log-in" if column == "visitor" else "/password")
            response = client.post(url, data={**form, "csrf_token": token})
        else:
            response = client.get(url)
        got[column] = response.status_code
    assert got == dict(zip(COLUMNS, expected, strict=True))


def test_every_route_stands_in_the_table(quick_desk: Desk) -> None:
    adapter = quick_desk.app.url_map.bind("localhost")
    with quick_desk.world.runtime.database.write() as session:
        scene = make_scene(session, quick_desk, "consultant")
        told = {
            (method, adapter.match(scene.url(pattern).partition("?")[0], method)[0])
            for method, pattern, _form, _expected in TABLE
        }
    there = {
        (method, rule.endpoint)
        for rule in quick_desk.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert told == there


@pytest.mark.parametrize("row", [row for row in TABLE if row[0] == "POST"], ids=lambda row: row[1])
def test_no_form_without_its_token(quick_desk: Desk, row: Row) -> None:
    _method, pattern, form, _expected = row
    with quick_desk.world.runtime.database.write() as session:
        url = make_scene(session, quick_desk, "supervisor").url(pattern)
    client = quick_desk.visit(quick_desk.world.cast.supervisor)
    assert client.post(url, data=form).status_code == 400
    assert client.post(url, data={**form, "csrf_token": "forged"}).status_code == 400
