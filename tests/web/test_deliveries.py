"""What pages tell of mails that came back, and of addresses that get no automatic mail."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from supportdesk.db.models import Author, DeliveryReport, OutboxMail, OutboxState, StoredAttachment
from supportdesk.messages import Automatic, ReportKind
from tests.factories import NOON, make_message, make_suppression, make_ticket
from tests.web.conftest import Desk, token_of


def ticket_with_report(desk: Desk, kind: ReportKind) -> int:
    cast = desk.world.cast
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, contact=cast.ekonom, organisation=cast.region)
        make_message(session, ticket, contact=cast.ekonom)
        ours = make_message(session, ticket, "Výpis posílám.", author=Author.AGENT)
        session.add(
            OutboxMail(
                message_id=ours.id,
                envelope_from="business@example.com",
                recipients=["ekonom@kraj.example"],
                state=OutboxState.SENT,
                queued_at=NOON,
                sent_at=NOON,
            )
        )
        report = make_message(session, ticket, "I am sorry to inform you.")
        report.automatic = Automatic.BOUNCE
        session.add(
            DeliveryReport(
                message_id=ours.id,
                report_id=report.id,
                recipient="ekonom@kraj.example",
                kind=kind,
                status="5.1.1",
                detail="550 No such user",
                at=NOON + timedelta(minutes=1),
            )
        )
        return ticket.id


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (ReportKind.FAILED, "Na adresu ekonom@kraj.example se nepodařilo doručit"),
        (ReportKind.DELAYED, "Doručení na adresu ekonom@kraj.example se zdrželo"),
        (ReportKind.DELIVERED, "Doručeno na adresu ekonom@kraj.example"),
        (ReportKind.READ, "Otevřel(a) ekonom@kraj.example"),
        (ReportKind.COMPLAINT, "ekonom@kraj.example zprávu označil za spam"),
    ],
)
def test_a_report_stands_with_our_mail_and_is_no_message_of_its_own(
    quick_desk: Desk, kind: ReportKind, sentence: str
) -> None:
    ticket_id = ticket_with_report(quick_desk, kind)
    page = quick_desk.visit(quick_desk.world.cast.jana).get(f"/tickets/{ticket_id}").text
    assert f"{sentence}: 550 No such user (5.1.1)" in page
    assert "I am sorry to inform you." in page
    assert page.count('class="message theirs"') == 1


def test_why_a_reply_came_back_is_told_once(quick_desk: Desk) -> None:
    ticket_id = ticket_with_report(quick_desk, ReportKind.FAILED)
    with quick_desk.world.runtime.database.write() as session:
        sent = session.scalars(sa.select(OutboxMail)).one()
        sent.state, sent.problem = OutboxState.FAILED, "The mailbox is gone."
    page = quick_desk.visit(quick_desk.world.cast.jana).get(f"/tickets/{ticket_id}").text
    ours = page.partition('class="message ours"')[2].partition("</li>")[0]
    assert "550 No such user" in ours
    assert "The mailbox is gone." not in ours


def test_a_reply_may_be_sent_although_a_report_came_meanwhile(quick_desk: Desk) -> None:
    ticket_id = ticket_with_report(quick_desk, ReportKind.FAILED)
    client = quick_desk.visit(quick_desk.world.cast.jana)
    page = client.get(f"/tickets/{ticket_id}").text
    last_seen = page.partition('name="last_seen_message_id" value="')[2].partition('"')[0]
    form = {
        "text": "Zkusím to znovu.",
        "to": "ekonom@kraj.example",
        "last_seen_message_id": last_seen,
        "then_state": "open",
        "csrf_token": token_of(client),
    }
    assert client.post(f"/tickets/{ticket_id}/reply", data=form).status_code == 303


def test_a_suppressed_address_is_told_where_somebody_writes_to_it_and_can_be_lifted(
    quick_desk: Desk,
) -> None:
    cast = quick_desk.world.cast
    with quick_desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, contact=cast.ekonom, organisation=cast.region)
        make_message(session, ticket, contact=cast.ekonom).sender_address = "ekonom@kraj.example"
        entry = make_suppression(session, ticket, "ekonom@kraj.example")
    client = quick_desk.visit(cast.jana)
    told = "E-mail na adresu ekonom@kraj.example se vrátil"
    places = [f"/tickets/{ticket.id}", f"/contacts/{cast.ekonom.id}", "/suppressed"]
    assert all(told in client.get(place).text for place in places)
    form = {"csrf_token": token_of(client), "back": places[1]}
    answer = client.post(f"/suppressed/{entry.id}/lift", data=form)
    assert (answer.status_code, answer.location) == (303, places[1])
    assert not any(told in client.get(place).text for place in places)
    assert client.post(f"/suppressed/{entry.id}/lift", data=form).status_code == 409


INVITATION = {
    "title": "Předání SIM",
    "starts": "2026-11-25T10:00:00",
    "ends": "2026-11-25T11:00:00",
    "zone": "Europe/Prague",
    "organiser": "Jan Novák",
    "is_cancelled": False,
}


@pytest.mark.parametrize(
    ("content_type", "invitation", "told"),
    [
        ("application/pkcs7-mime", None, "Celý zašifrovaný nebo podepsaný (S/MIME)"),
        ("application/pgp-encrypted", None, "Zašifrováno (PGP)"),
        ("application/pkcs7-signature", None, "Elektronicky podepsáno"),
        ("application/ms-tnef", None, "winmail.dat"),
        (
            "text/calendar",
            INVITATION,
            (
                "Pozvánka na schůzku: Předání SIM, 25. 11. 2026, 10:00 – 11:00"
                " (Europe/Prague), Jan Novák"
            ),
        ),
        (
            "text/calendar",
            INVITATION | {"ends": "2026-11-26T11:00:00"},
            "25. 11. 2026, 10:00 – 26. 11. 2026, 11:00",
        ),
        ("text/calendar", INVITATION | {"is_cancelled": True}, "Zrušená schůzka: Předání SIM"),
    ],
)
def test_what_we_do_not_open_is_told_in_one_line(
    quick_desk: Desk, content_type: str, invitation: dict[str, object] | None, told: str
) -> None:
    cast = quick_desk.world.cast
    with quick_desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, contact=cast.ekonom, organisation=cast.region)
        message = make_message(session, ticket, contact=cast.ekonom)
        session.add(
            StoredAttachment(
                message_id=message.id,
                token="token",
                filename="part",
                content_type=content_type,
                size_bytes=7,
                blob_key="0" * 64,
                invitation=invitation,
            )
        )
    assert told in quick_desk.visit(cast.jana).get(f"/tickets/{ticket.id}").text
