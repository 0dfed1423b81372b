"""What the pages show, and what posting their forms does."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from supportdesk.db.models import (
    Author,
    LineState,
    Message,
    OutboxMail,
    OutboxState,
    RequestLine,
    StoredDecision,
    Ticket,
)
from supportdesk.db.queries.ticket_list import PAGE
from supportdesk.messages import Assurance
from supportdesk.tickets import Desk as TeamDesk
from supportdesk.tickets import State
from tests.factories import (
    NOON,
    make_deadline,
    make_hand_over,
    make_line,
    make_message,
    make_receipt,
    make_ticket,
)
from tests.web.conftest import Desk, token_of
from tests.world import mail


def post(client: FlaskClient, url: str, **form: object) -> TestResponse:
    return client.post(url, data={**form, "csrf_token": token_of(client)}, follow_redirects=True)


def arrived(desk: Desk, text: str = "Dobrý den, prosím o radu.", **headers: str) -> Ticket:
    """Have a mail of the region's economist come in, and give its ticket."""
    desk.world.arrives(mail("Eva <ekonom@kraj.example>", text, **headers), at=desk.world.clock.now)
    with desk.world.runtime.database.read() as session:
        return session.scalars(sa.select(Ticket).order_by(Ticket.id.desc()).limit(1)).one()


def last_message_id(desk: Desk, ticket: Ticket) -> int:
    with desk.world.runtime.database.read() as session:
        found = session.scalar(
            sa.select(sa.func.max(Message.id)).where(Message.ticket_id == ticket.id)
        )
    assert found is not None
    return found


@pytest.mark.parametrize(("dmarc", "is_suggested"), [("pass", True), ("fail", False)])
def test_only_a_proven_senders_copies_are_suggested(
    desk: Desk, dmarc: str, is_suggested: bool
) -> None:
    ticket = arrived(desk, dmarc=dmarc, Cc="kolega@kraj.example")
    page = desk.visit(desk.world.cast.jana).get(f"/tickets/{ticket.id}").text
    form = page.partition(f'action="/tickets/{ticket.id}/reply"')[2].partition("</form>")[0]
    assert ("kolega@kraj.example" in form) is is_suggested


def test_pages_follow_each_other_without_gap_or_repetition(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        for number in range(2 * PAGE + 3):  # several with the same instant
            make_ticket(
                session, subject=f"Věc-{number:02}-", created_at=NOON - timedelta(hours=number // 4)
            )
    client = desk.visit(desk.world.cast.olga)
    seen: list[str] = []
    url = "/inbox/open"
    for _ in range(3):
        page = client.get(url).text
        seen += [part[:2] for part in page.split("Věc-")[1:]]
        url = "/inbox/open" + page.partition('rel="next" href="')[2].partition('"')[0]
    assert len(seen) == len(set(seen)) == 2 * PAGE + 3
    assert url == "/inbox/open"


def test_counts_stop_at_a_hundred(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        for _ in range(101):
            make_ticket(session, desk=TeamDesk.POOL)
        make_ticket(session, desk=TeamDesk.TDMS)
    page = desk.visit(desk.world.cast.olga).get("/inbox/tdms").text
    assert page.count('<span class="count">100+</span>') == 2  # the pool and all open ones
    assert '<span class="count">1</span>' in page


def test_counts_tell_nothing_about_what_is_hidden(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        make_ticket(session, desk=TeamDesk.POOL)
    page = desk.visit(desk.world.cast.account_manager).get("/inbox/open").text
    assert '<span class="count">' not in page


def test_ticket_tells_who_asks_how_sure_we_are_and_who_serves(desk: Desk) -> None:
    ticket = arrived(desk)
    page = desk.visit(desk.world.cast.jana).get(f"/tickets/{ticket.id}").text
    for told in (
        "Eva Ekonomová",
        "Administrátor financí",
        "Adresa z evidence, potvrzená poštovním serverem odesílatele",
        "Kraj Modrá Hora",
        "Jana Nováková",
        "Petr Dvořák",
        "Karel Svoboda",
        "První odpověď",
    ):
        assert told in page


@pytest.mark.parametrize("path", ["/tickets/{}", "/tickets/{}/why"])
def test_reason_is_told_in_the_readers_language(desk: Desk, path: str) -> None:
    ticket = arrived(desk)
    client = desk.visit(desk.world.cast.jana)
    assert "Zákaznické centrum má otevřeno" in client.get(path.format(ticket.id)).text
    post(client, "/language", language="en")
    assert "The customer centre is open" in client.get(path.format(ticket.id)).text


def test_ticket_that_stayed_because_somebody_works_on_it_says_so(desk: Desk) -> None:
    ticket = arrived(desk)
    with desk.world.runtime.database.write() as session:
        session.execute(
            sa.update(StoredDecision)
            .where(StoredDecision.ticket_id == ticket.id)
            .values(kept_for_id=desk.world.cast.petr.id)
        )
    page = desk.visit(desk.world.cast.jana).get(f"/tickets/{ticket.id}/why").text
    assert "Na požadavku právě pracuje Petr Dvořák, proto tam zůstal." in page


def test_reply_goes_out_and_the_page_says_how_far_it_got(desk: Desk) -> None:
    ticket = arrived(desk)
    client = desk.visit(desk.world.cast.jana)
    page = post(
        client,
        f"/tickets/{ticket.id}/reply",
        text="Poradíme.",
        to="ekonom@kraj.example",
        last_seen_message_id=last_message_id(desk, ticket),
        then_state="waiting_customer",
    ).text
    assert "Odpověď je na cestě." in page
    assert "Čeká na odeslání" in page
    with desk.world.runtime.database.write() as session:
        session.execute(
            sa.update(OutboxMail).values(state=OutboxState.FAILED, problem="550 No such user")
        )
    page = client.get(f"/tickets/{ticket.id}").text
    assert "Odpověď nebyla doručena:" in page
    assert "550 No such user" in page


def test_reply_is_not_sent_past_a_newer_message_and_its_text_is_kept(desk: Desk) -> None:
    ticket = arrived(desk)
    seen = last_message_id(desk, ticket)
    with desk.world.runtime.database.write() as session:
        make_message(session, ticket, "Už se to vyřešilo, děkuji.")
    page = post(
        desk.visit(desk.world.cast.jana),
        f"/tickets/{ticket.id}/reply",
        text="Dlouhá a pečlivá odpověď.",
        to="nekdo@kraj.example",
        last_seen_message_id=seen,
        then_state="resolved",
    )
    assert page.status_code == 409
    assert "Dlouhá a pečlivá odpověď." in page.text
    assert 'value="nekdo@kraj.example"' in page.text
    assert "Už se to vyřešilo, děkuji." in page.text
    with desk.world.runtime.database.read() as session:
        sent = session.scalars(sa.select(Message).where(Message.author == Author.AGENT)).all()
    assert not sent


def test_form_of_an_old_page_is_refused_and_shows_the_present(desk: Desk) -> None:
    ticket = arrived(desk)
    client = desk.visit(desk.world.cast.jana)
    old = {"version": ticket.version, "state": "open"}
    assert post(client, f"/tickets/{ticket.id}/state", **old).status_code == 200
    again = post(client, f"/tickets/{ticket.id}/state", **old)
    assert again.status_code == 409
    assert 'role="alert"' in again.text


def test_quoted_history_is_folded_and_whole(desk: Desk) -> None:
    ticket = arrived(
        desk,
        "Ano, prosím.\n\nDne 23. 11. 2026 v 10:00 Jana napsal(a):\n> Máme to objednat?",
    )
    page = desk.visit(desk.world.cast.jana).get(f"/tickets/{ticket.id}").text
    assert "Ano, prosím." in page
    assert "Citovaná historie" in page
    assert "Máme to objednat?" in page


def test_reply_goes_to_the_sender_and_those_copied_never_to_ourselves(desk: Desk) -> None:
    ticket = arrived(desk, Cc="kolega@kraj.example, business@example.com")
    page = desk.visit(desk.world.cast.jana).get(f"/tickets/{ticket.id}").text
    assert 'value="ekonom@kraj.example"' in page
    assert 'value="kolega@kraj.example"' in page


def test_line_without_authority_is_not_carried_out_and_says_why(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        cast = desk.world.cast
        ticket = make_ticket(session, contact=cast.ekonom, organisation=cast.region)
        make_message(session, ticket, contact=cast.ekonom, assurance=Assurance.L1)
        line = make_line(session, ticket, "company_data", state=LineState.CONFIRMED)
    client = desk.visit(desk.world.cast.jana)
    answer = post(client, f"/tickets/{ticket.id}/lines/{line.id}/carry-out")
    assert answer.status_code == 403
    assert "musí schválit" in answer.text
    with desk.world.runtime.database.read() as session:
        stored = session.get_one(RequestLine, line.id)
    assert stored.state is LineState.AWAITING_APPROVAL


def test_stranger_is_found_and_named(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, desk=TeamDesk.POOL, needs_identification=True)
        make_message(session, ticket)
    client = desk.visit(desk.world.cast.olga)
    found = client.get(f"/tickets/{ticket.id}/sender?q=ekonom").text
    cast = desk.world.cast
    choice = f"{cast.ekonom.id}:{cast.region.id}"
    assert f'value="{choice}"' in found
    page = post(client, f"/tickets/{ticket.id}/sender", version=ticket.version, person=choice).text
    assert "Eva Ekonomová" in page
    assert client.get(f"/tickets/{ticket.id}/sender?q=%25").text.count('name="person"') == 0


def test_history_shows_every_request_of_the_organisation_and_of_the_contact(desk: Desk) -> None:
    cast = desk.world.cast
    with desk.world.runtime.database.write() as session:
        for subject, state in (("První věc", State.CLOSED), ("Druhá věc", State.OPEN)):
            make_ticket(
                session,
                subject=subject,
                state=state,
                contact=cast.ekonom,
                organisation=cast.region,
            )
    client = desk.visit(cast.jana)
    for path in (f"/customers/{cast.region.id}", f"/contacts/{cast.ekonom.id}"):
        page = client.get(path).text
        assert "První věc" in page
        assert "Druhá věc" in page
        assert "Administrátor financí" in page


def test_hand_over_leaves_the_list_when_it_is_acknowledged(desk: Desk) -> None:
    cast = desk.world.cast
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, subject="Noční výpadek", organisation=cast.region)
        hand_over = make_hand_over(session, ticket, cast.jana)
        hand_over.summary = {"received": 2, "replies": 1, "notes": 5, "agents": ["Olga Pokorná"]}
    client = desk.visit(cast.jana)
    page = client.get("/hand-overs").text
    assert "Noční výpadek" in page
    assert "přišly 2 zprávy, odešla 1 odpověď, 5 poznámek (Olga Pokorná)" in page
    after = post(client, f"/hand-overs/{hand_over.id}/acknowledge").text
    assert "Noční výpadek" not in after


def test_quarantined_request_can_be_read_kept_and_tried_again(desk: Desk) -> None:
    raw = b"Subject: \xff\xfe nejde \x00\r\nFrom: <x@y.example>\r\n\r\ntelo"
    with desk.world.runtime.database.write() as session:
        receipt = make_receipt(session)
        receipt.blob_key = desk.world.runtime.blobs.put(raw)
    client = desk.visit(desk.world.cast.olga)
    assert "20,000 parts" in client.get("/quarantine").text
    page = client.get(f"/quarantine/{receipt.id}").text
    assert "x@y.example" in page
    assert "telo" not in page
    kept = client.get(f"/quarantine/{receipt.id}/raw")
    assert kept.data == raw
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert "zkoušíme" in post(client, f"/quarantine/{receipt.id}/replay").text.casefold()
    assert client.get(f"/quarantine/{receipt.id}").status_code == 404


def test_request_is_not_discarded_without_a_reason(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        receipt = make_receipt(session)
        receipt.blob_key = desk.world.runtime.blobs.put(b"Subject: x\r\n\r\n")
    answer = post(desk.visit(desk.world.cast.olga), f"/quarantine/{receipt.id}/discard", reason=" ")
    assert answer.status_code == 422


def test_overdue_ticket_says_so_in_words(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, created_at=desk.world.clock.now - timedelta(days=5))
        make_deadline(session, ticket)
    client = desk.visit(desk.world.cast.jana)
    assert "3 dny po termínu" in client.get("/inbox/open").text
    assert "3 dny po termínu" in client.get(f"/tickets/{ticket.id}").text


def test_visitors_language_follows_the_settings_and_then_the_choice(desk: Desk) -> None:
    client = desk.app.test_client()
    assert 'lang="cs"' in client.get("/log-in").text
    client.post("/language", data={"language": "en", "csrf_token": token_of(client, "/log-in")})
    assert 'lang="en"' in client.get("/log-in").text
