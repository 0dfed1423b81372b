"""Mail made to get where it does not belong, to vanish, or to break what comes after it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa

from supportdesk.actions.classify_ticket import set_topic
from supportdesk.actions.keys import instance_id
from supportdesk.actions.receipts import replay_receipt
from supportdesk.actions.receive_mail import Fetched, receive_fetched, receive_mail
from supportdesk.actions.reply import reply
from supportdesk.channels.email.automatic import INSTANCE_HEADER
from supportdesk.db.models import Author, Message, OutboxMail, Receipt, ReceiptState, Ticket
from supportdesk.messages import Automatic
from supportdesk.routing.facts import TopicKind
from tests.staff import viewer_of
from tests.world import World, mail

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
EKONOM = "Eva Ekonomová <ekonom@kraj.example>"


def tickets(world: World) -> Sequence[Ticket]:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(Ticket).order_by(Ticket.id)).all()


def messages(world: World, author: Author = Author.CUSTOMER) -> Sequence[Message]:
    with world.runtime.database.read() as session:
        return session.scalars(
            sa.select(Message).where(Message.author == author).order_by(Message.id)
        ).all()


def receipts(world: World) -> Sequence[Receipt]:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(Receipt).order_by(Receipt.id)).all()


def stranger(subject: str, **headers: str) -> bytes:
    return mail("mallory@jinde.example", subject=subject, dmarc="none", **headers)


def let_through(world: World) -> None:
    """Have a person take the last mail out of quarantine."""
    jana = viewer_of(world.runtime, world.cast.jana)
    replay_receipt(world.runtime, jana, receipts(world)[-1].id)
    world.route()


def own_mark(world: World) -> dict[str, str]:
    return {INSTANCE_HEADER.replace("-", "_"): instance_id(world.runtime.secret_key)}


def test_a_forged_bounce_does_not_get_into_a_ticket_by_its_number(world: World) -> None:
    world.arrives(mail(EKONOM), at=NOON)
    (ticket,) = tickets(world)
    forged = stranger(f"Undelivered: Re: [#{ticket.id}]", X_Failed_Recipients="a@b.example")
    world.arrives(forged, at=LATER)
    assert len(messages(world)) == 1
    let_through(world)
    assert messages(world)[0].ticket_id == ticket.id
    assert messages(world)[1].automatic is Automatic.BOUNCE
    assert messages(world)[1].ticket_id != ticket.id
    assert tickets(world)[1].possibly_about_id == ticket.id


def test_a_forged_bounce_does_not_get_into_a_ticket_by_a_customers_message_id(
    world: World,
) -> None:
    world.arrives(mail(EKONOM, Message_ID="<known@customer.example>"), at=NOON)
    forged = stranger(
        "Undelivered", X_Failed_Recipients="a@b.example", In_Reply_To="<known@customer.example>"
    )
    world.arrives(forged, at=LATER)
    assert len(messages(world)) == 1
    let_through(world)
    assert len(tickets(world)) == 2


def test_a_bounce_of_our_own_mail_gets_into_its_ticket(world: World) -> None:
    world.arrives(mail(EKONOM), at=NOON)
    (ours,) = messages(world, Author.SYSTEM)
    bounce = mail(
        "MAILER-DAEMON@mx.example", subject="Undelivered", In_Reply_To=str(ours.rfc_message_id)
    )
    world.arrives(bounce, at=LATER)
    assert [one.ticket_id for one in messages(world)] == [ours.ticket_id] * 2


def test_our_mark_does_not_let_a_stranger_into_a_ticket_nor_make_a_mail_vanish(
    world: World,
) -> None:
    world.arrives(mail(EKONOM), at=NOON)
    (ticket,) = tickets(world)
    world.arrives(stranger(f"Re: [#{ticket.id}]", **own_mark(world)), at=LATER)
    assert len(messages(world)) == 1
    assert receipts(world)[1].state is ReceiptState.QUARANTINED


def test_our_own_mail_that_comes_back_is_filed_in_its_ticket(world: World) -> None:
    world.arrives(mail(EKONOM), at=NOON)
    (ours,) = messages(world, Author.SYSTEM)
    back = mail(
        "business@example.com", subject="Přijato", Message_ID=str(ours.rfc_message_id),
        **own_mark(world),
    )  # fmt: skip
    world.arrives(back, at=LATER)
    assert messages(world)[1].ticket_id == ours.ticket_id
    assert messages(world)[1].automatic is Automatic.LOOP


def test_mails_without_a_sender_do_not_join_each_others_tickets(world: World) -> None:
    nobody = b"To: business@example.com\r\nSubject: %s\r\n\r\nDobr\xc3\xbd den"
    world.arrives(nobody % b"Prvn\xc3\xad", at=NOON)
    world.arrives(nobody % b"Druh\xc3\xbd [#%d]" % tickets(world)[0].id, at=LATER)
    assert len(tickets(world)) == 2


def test_a_proven_sender_with_an_endless_address_is_routed_and_acknowledged(world: World) -> None:
    world.arrives(mail(f"{'x' * 200}@jinde.example"), at=NOON)
    assert receipts(world)[0].state is ReceiptState.PROCESSED
    with world.runtime.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(OutboxMail)) == 1


def test_a_message_id_too_large_for_an_index_does_not_keep_a_mail_out(world: World) -> None:
    noise = Random(7)  # noqa: S311 - not for secrets
    letters = "".join(chr(noise.randrange(0x4E00, 0x9FFF)) for _ in range(990))
    raw = mail(EKONOM, Message_ID="<x@y>").replace(b"<x@y>", f"<{letters}@y>".encode())
    world.arrives(raw, at=NOON)
    assert receipts(world)[0].state is ReceiptState.PROCESSED


def test_a_message_id_beyond_ascii_does_not_keep_the_answers_in(world: World) -> None:
    raw = mail(EKONOM, Message_ID="<x@y>").replace(b"<x@y>", "<1@počítač-jana>".encode())
    world.arrives(raw, at=NOON)
    (message,) = messages(world)
    reply(
        world.runtime, viewer_of(world.runtime, world.cast.jana), message.ticket_id,
        text="Dobrý den", to=["ekonom@kraj.example"], last_seen_message_id=message.id,
    )  # fmt: skip
    for ours in (*messages(world, Author.SYSTEM), *messages(world, Author.AGENT)):
        assert (ours.in_reply_to, ours.references) == (None, [])


def test_a_theft_is_not_outshouted_by_the_next_mail_of_the_same_batch(world: World) -> None:
    world.arrives(mail(EKONOM), at=NOON)
    first = messages(world, Author.SYSTEM)[0]
    jana = viewer_of(world.runtime, world.cast.jana)
    reply(
        world.runtime, jana, first.ticket_id,
        text="Dobrý den", to=["ekonom@kraj.example"], last_seen_message_id=first.id,
    )  # fmt: skip
    second = messages(world, Author.AGENT)[0]
    world.clock.now = LATER
    for ours, text in ((first, "Ukradli mi telefon, zablokujte SIM!"), (second, "Děkuji.")):
        raw = mail(EKONOM, text, subject="Odpověď", In_Reply_To=str(ours.rfc_message_id))
        receive_mail(
            world.runtime, raw, mail_from="", recipients=["business@example.com"], received_at=LATER
        )
    world.route()
    (ticket,) = tickets(world)
    assert ticket.priority == 1


def test_what_staff_say_a_ticket_is_about_stays(world: World) -> None:
    world.arrives(mail(EKONOM), at=NOON)
    (ticket,) = tickets(world)
    jana = viewer_of(world.runtime, world.cast.jana)
    set_topic(world.runtime, jana, ticket.id, TopicKind.BUSINESS, version=ticket.version)
    raw = mail(EKONOM, "Nejde nám internet, VPN ani data.", subject=f"Re: [#{ticket.id}]")
    world.arrives(raw, at=LATER)
    assert [one.topic for one in tickets(world)] == [TopicKind.BUSINESS]


@pytest.mark.parametrize("year", [1, 1900, 1970, 9990])
def test_a_strange_date_of_receipt_keeps_no_mail_out(world: World, year: int) -> None:
    raw = mail(EKONOM)
    found = Fetched(
        world.cast.mailbox.id, 1, 1, raw, datetime(year, 6, 1, tzinfo=UTC), len(raw), False
    )
    receive_fetched(world.runtime, found)
    world.route()
    assert receipts(world)[0].state is ReceiptState.PROCESSED


def test_two_requests_of_a_device_without_clock_and_message_id_are_two(world: World) -> None:
    for subject in (b"Sken 1", b"Sken 2"):
        world.arrives(b"From: ekonom@kraj.example\r\nSubject: %s\r\n\r\n" % subject, at=NOON)
    assert [one.subject for one in tickets(world)] == ["Sken 1", "Sken 2"]
