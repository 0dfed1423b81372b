"""What becomes of received mail: the ticket, its desk and owner, and what is never done."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from supportdesk.actions.receive_mail import receive_mail
from supportdesk.db.database import Database
from supportdesk.db.models import (
    Absence,
    Author,
    Base,
    Deadline,
    HandOver,
    Message,
    MessageMailbox,
    OutboxMail,
    Receipt,
    ReceiptState,
    RequestLine,
    StoredAttachment,
    StoredDecision,
    Ticket,
    Work,
)
from supportdesk.messages import Assurance, Automatic
from supportdesk.routing.decide import decide
from supportdesk.routing.facts import Facts, TopicKind
from supportdesk.tickets import Desk, State
from tests.factories import make_contact, make_mailbox
from tests.world import World, mail, make_world

TUESDAY_NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
TUESDAY_NIGHT = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
WEDNESDAY_OPENING = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
EKONOM = "Eva Ekonomová <ekonom@kraj.example>"
TECHNIK = "Ivan Technický <technik@kraj.example>"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return make_world(database, tmp_path)


def rows(world: World, model: type[Base]) -> list[sa.Row[tuple[object, ...]]]:
    table = model.__table__
    with world.runtime.database.read() as session:
        return list(session.execute(sa.select(table).order_by(*table.primary_key)))


def the_ticket(world: World) -> sa.Row[tuple[object, ...]]:
    (ticket,) = rows(world, Ticket)
    return ticket


@pytest.mark.parametrize(
    ("at", "desk", "handled_by"),
    [
        (datetime(2026, 11, 24, 14, 59, 59, tzinfo=UTC), Desk.CUSTOMER_CENTRE, "jana"),
        (datetime(2026, 11, 24, 15, 0, 0, tzinfo=UTC), Desk.POOL, "olga"),
        (datetime(2026, 11, 17, 9, 0, tzinfo=UTC), Desk.POOL, "olga"),  # a public holiday
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), Desk.POOL, "olga"),  # the clock goes back
    ],
)
def test_the_desk_depends_on_the_minute_and_the_owner_does_not(
    world: World, at: datetime, desk: Desk, handled_by: str
) -> None:
    world.arrives(mail(EKONOM), at=at)
    ticket = the_ticket(world)
    assert ticket.desk is desk
    assert ticket.handler_id == getattr(world.cast, handled_by).id
    assert ticket.owner_id == world.cast.jana.id
    assert ticket.organisation_id == world.cast.region.id
    assert not ticket.needs_identification


def test_a_technical_contact_gets_to_tdms_at_night(world: World) -> None:
    world.arrives(mail(TECHNIK, "Nejde nám VPN."), at=TUESDAY_NIGHT)
    ticket = the_ticket(world)
    assert (ticket.desk, ticket.priority) == (Desk.TDMS, 2)
    assert ticket.owner_id == world.cast.jana.id


def test_a_stranger_lands_in_triage_without_an_owner_and_without_an_answer(world: World) -> None:
    world.arrives(mail("nikdo@jinde.example", dmarc="none"), at=TUESDAY_NOON)
    ticket = the_ticket(world)
    assert (ticket.desk, ticket.needs_identification) == (Desk.POOL, True)
    assert ticket.owner_id is None
    assert rows(world, OutboxMail) == []


def test_a_lost_sim_is_priority_one_whoever_writes(world: World) -> None:
    stolen = mail("nikdo@jinde.example", "Ukradli mi telefon, zablokujte SIM.", dmarc="none")
    world.arrives(stolen, at=TUESDAY_NIGHT)
    ticket = the_ticket(world)
    assert (ticket.priority, ticket.topic) == (1, TopicKind.BLOCK)


def test_an_absent_consultant_is_replaced_by_the_deputy_and_keeps_the_ticket(world: World) -> None:
    with world.runtime.database.write() as session:
        session.add(
            Absence(
                agent_id=world.cast.jana.id,
                starts_at=TUESDAY_NOON - timedelta(days=1),
                ends_at=TUESDAY_NOON + timedelta(days=1),
            )
        )
    world.arrives(mail(EKONOM), at=TUESDAY_NOON)
    ticket = the_ticket(world)
    assert (ticket.handler_id, ticket.owner_id) == (world.cast.petr.id, world.cast.jana.id)


def test_a_proven_sender_on_file_has_level_one_and_a_forged_one_none(world: World) -> None:
    world.arrives(mail(EKONOM), at=TUESDAY_NOON)
    world.arrives(mail(EKONOM, dmarc="fail"), at=TUESDAY_NOON)
    received = [m for m in rows(world, Message) if m.author is Author.CUSTOMER]
    assert [message.assurance for message in received] == [Assurance.L1, Assurance.L0]


def test_the_same_mail_twice_is_one_receipt(world: World) -> None:
    raw = mail(EKONOM)
    for _ in range(2):
        world.arrives(raw, at=TUESDAY_NOON)
    assert len(rows(world, Receipt)) == 1
    assert len(rows(world, Ticket)) == 1


def test_a_mail_to_two_of_our_mailboxes_is_one_ticket_that_both_got(world: World) -> None:
    with world.runtime.database.write() as session:
        make_mailbox(session, "technika@example.com", topic="technical")
    both = ["business@example.com", "technika@example.com"]
    world.arrives(mail(EKONOM), to=both, at=TUESDAY_NOON)
    assert len(rows(world, Ticket)) == 1
    assert len(rows(world, MessageMailbox)) == 2
    assert {receipt.state for receipt in rows(world, Receipt)} == {ReceiptState.PROCESSED}


def test_one_message_id_with_other_content_is_another_request(world: World) -> None:
    for text in ("První.", "Druhá."):
        world.arrives(mail(EKONOM, text, Message_ID="<same@customer.example>"), at=TUESDAY_NOON)
    assert len(rows(world, Ticket)) == 2


def test_a_new_request_is_acknowledged_once_without_echoing_it(world: World) -> None:
    raw = mail(EKONOM, "Tajné heslo.", subject="Prodejte mi pilulky")
    world.arrives(raw, at=TUESDAY_NIGHT)
    (answer,) = [m for m in rows(world, Message) if m.author is Author.SYSTEM]
    assert answer.recipients == ["ekonom@kraj.example"]
    assert str(the_ticket(world).id) in answer.text
    assert "Jana Nováková" in answer.text
    assert "ve středu 25. 11. 2026 v 8:00" in answer.text
    assert "pilulky" not in answer.subject + answer.text
    assert "heslo" not in answer.text


def test_acknowledgements_stop_at_the_cap_but_tickets_do_not(
    database: Database, tmp_path: Path
) -> None:
    world = make_world(database, tmp_path, acknowledge_per_address_a_day=2)
    for number in range(4):
        world.arrives(mail(EKONOM, f"Dotaz {number}"), at=TUESDAY_NOON)
    assert len(rows(world, Ticket)) == 4
    assert len(rows(world, OutboxMail)) == 2


def test_a_follow_up_at_night_is_shown_to_the_pool_and_the_owner_stays(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    again = mail(EKONOM, "Ještě něco.", In_Reply_To="<first@customer.example>")
    world.arrives(again, at=TUESDAY_NIGHT)
    ticket = the_ticket(world)
    assert (ticket.desk, ticket.owner_id) == (Desk.POOL, world.cast.jana.id)
    assert ticket.state is State.NEW  # nobody has looked at it yet
    assert [decision.rule for decision in rows(world, StoredDecision)] == ["R6", "R7"]


def test_a_thank_you_on_a_loss_ticket_is_no_loss_again_and_the_topic_stays(world: World) -> None:
    stolen = mail(EKONOM, "Ukradli mi telefon.", Message_ID="<first@customer.example>")
    world.arrives(stolen, at=TUESDAY_NOON)
    thanks = mail(EKONOM, "Děkuji.", subject="Re: Dotaz", In_Reply_To="<first@customer.example>")
    world.arrives(thanks, at=TUESDAY_NIGHT)
    assert [decision.rule for decision in rows(world, StoredDecision)] == ["R3", "R7"]
    assert (the_ticket(world).topic, the_ticket(world).priority) == (TopicKind.BLOCK, 1)


def test_words_of_loss_beat_what_staff_said_of_earlier_messages(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    with world.runtime.database.write() as session:
        judged = session.get_one(Ticket, the_ticket(world).id)
        judged.topic, judged.is_topic_by_staff = TopicKind.BUSINESS, True
    stolen = mail(EKONOM, "Ukradli mi SIM.", In_Reply_To="<first@customer.example>")
    world.arrives(stolen, at=TUESDAY_NIGHT)
    ticket = the_ticket(world)
    assert (ticket.topic, ticket.is_topic_by_staff, ticket.priority) == (TopicKind.BLOCK, False, 1)


def test_whoever_is_working_on_a_ticket_keeps_it(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    with world.runtime.database.write() as session:
        ticket = session.get_one(Ticket, the_ticket(world).id)
        ticket.last_staff_message_at = TUESDAY_NIGHT - timedelta(minutes=29)
    again = mail(EKONOM, "Ještě něco.", In_Reply_To="<first@customer.example>")
    world.arrives(again, at=TUESDAY_NIGHT)
    assert the_ticket(world).desk is Desk.CUSTOMER_CENTRE
    assert rows(world, StoredDecision)[-1].kept_for_id == world.cast.jana.id


@pytest.mark.parametrize("outsider", ["cizi@jinde.example", "nikdo@kraj.example"])
def test_an_outsider_who_knows_the_number_gets_a_new_ticket(world: World, outsider: str) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    first = the_ticket(world).id
    forged = mail(
        outsider,
        subject=f"Re: Dotaz [#{first}]",
        In_Reply_To="<first@customer.example>",
        dmarc="none",
    )
    world.arrives(forged, at=TUESDAY_NOON)
    tickets = rows(world, Ticket)
    assert len(tickets) == 2
    assert tickets[1].possibly_about_id == first


def test_a_proven_colleague_may_join_the_ticket(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    world.arrives(mail(TECHNIK, In_Reply_To="<first@customer.example>"), at=TUESDAY_NOON)
    assert len(rows(world, Ticket)) == 1


def test_an_out_of_office_answer_is_filed_and_changes_nothing(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    with world.runtime.database.write() as session:
        session.get_one(Ticket, the_ticket(world).id).state = State.RESOLVED
    before = the_ticket(world)
    sent = len(rows(world, OutboxMail))
    away = mail(
        EKONOM,
        "Jsem mimo kancelář.",
        In_Reply_To="<first@customer.example>",
        Auto_Submitted="auto-replied",
    )
    world.arrives(away, at=TUESDAY_NIGHT)
    assert the_ticket(world) == before
    assert rows(world, Message)[-1].automatic is Automatic.REPLY
    assert len(rows(world, OutboxMail)) == sent


def test_automatic_mail_of_its_own_is_kept_with_the_lowest_priority(world: World) -> None:
    world.arrives(mail(EKONOM, Auto_Submitted="auto-generated"), at=TUESDAY_NOON)
    assert the_ticket(world).priority == 4
    assert rows(world, Deadline) == []
    assert rows(world, OutboxMail) == []


def test_the_subject_of_a_reply_is_not_judged_again(world: World) -> None:
    lost = mail(
        EKONOM, "Prosím o radu.", subject="Ztracený telefon", Message_ID="<first@kraj.example>"
    )
    world.arrives(lost, at=TUESDAY_NOON)
    thanks = mail(
        EKONOM, "Děkuji.", subject="Re: Ztracený telefon", In_Reply_To="<first@kraj.example>"
    )
    world.arrives(thanks, at=TUESDAY_NOON + timedelta(days=1))
    assert [one.rule for one in rows(world, StoredDecision)] == ["R3", "R6"]
    assert len(rows(world, RequestLine)) == 1


def test_a_message_reopens_a_resolved_ticket(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    with world.runtime.database.write() as session:
        resolved = session.get_one(Ticket, the_ticket(world).id)
        resolved.state, resolved.resolved_at = State.RESOLVED, TUESDAY_NOON
    world.arrives(mail(EKONOM, In_Reply_To="<first@customer.example>"), at=TUESDAY_NOON)
    ticket = the_ticket(world)
    assert (ticket.state, ticket.resolved_at) == (State.OPEN, None)


def test_a_message_to_a_closed_ticket_opens_a_new_one_that_follows_it(world: World) -> None:
    world.arrives(mail(EKONOM, Message_ID="<first@customer.example>"), at=TUESDAY_NOON)
    first = the_ticket(world).id
    with world.runtime.database.write() as session:
        session.get_one(Ticket, first).state = State.CLOSED
    world.arrives(mail(EKONOM, In_Reply_To="<first@customer.example>"), at=TUESDAY_NOON)
    assert rows(world, Ticket)[-1].follows_id == first


def test_two_answers_of_one_thread_in_one_batch_stay_together(world: World) -> None:
    for raw in (
        mail(EKONOM, "První", Message_ID="<first@customer.example>"),
        mail(EKONOM, "Druhá", In_Reply_To="<first@customer.example>"),
    ):
        receive_mail(
            world.runtime,
            raw,
            mail_from="",
            recipients=["business@example.com"],
            received_at=TUESDAY_NOON,
        )
    world.route()
    assert len(rows(world, Ticket)) == 1


def test_night_work_waits_for_the_consultant_from_the_next_opening(world: World) -> None:
    world.arrives(mail(EKONOM), at=TUESDAY_NIGHT)
    (hand_over,) = rows(world, HandOver)
    assert hand_over.owner_id == world.cast.jana.id
    assert hand_over.due_at == WEDNESDAY_OPENING


def test_the_consultants_own_work_is_not_handed_over(world: World) -> None:
    world.arrives(mail(EKONOM), at=TUESDAY_NOON)
    assert rows(world, HandOver) == []


def test_replaying_the_stored_facts_gives_the_stored_decision(world: World) -> None:
    world.arrives(mail(TECHNIK), at=TUESDAY_NIGHT)
    (stored,) = rows(world, StoredDecision)
    again = decide(Facts.from_json(stored.facts))
    assert (again.rule, again.target) == (stored.rule, stored.target)
    assert list(again.trace) == stored.decision["trace"]


def test_words_propose_request_lines_and_nothing_more(world: World) -> None:
    world.arrives(mail(EKONOM, "Prosím o kopii faktury za říjen."), at=TUESDAY_NOON)
    lines = rows(world, RequestLine)
    assert lines
    assert {line.state for line in lines} == {"proposed"}


def test_a_contact_of_two_organisations_is_asked_which_one(world: World) -> None:
    with world.runtime.database.write() as session:
        make_contact(
            session,
            "Dvojitý",
            world.cast.region,
            world.cast.school,
            address="dvojity@example.org",
        )
    world.arrives(mail("dvojity@example.org"), at=TUESDAY_NOON)
    ticket = the_ticket(world)
    assert (ticket.needs_identification, ticket.owner_id) == (True, None)


def test_a_damaged_stored_mail_goes_to_quarantine_and_the_others_go_on(world: World) -> None:
    for number in range(2):
        receive_mail(
            world.runtime,
            mail(EKONOM, f"Dotaz {number}"),
            mail_from="",
            recipients=["business@example.com"],
            received_at=TUESDAY_NOON,
        )
    first = rows(world, Receipt)[0]
    (world.runtime.settings.data_dir / "blobs" / first.blob_key[:2] / first.blob_key).write_bytes(
        b"flipped"
    )
    world.route()
    assert [receipt.state for receipt in rows(world, Receipt)] == [
        ReceiptState.QUARANTINED,
        ReceiptState.PROCESSED,
    ]
    assert {work.state for work in rows(world, Work) if work.kind == "route"} == {"done"}


def test_attachments_are_kept_byte_for_byte(world: World) -> None:
    raw = (
        b"From: ekonom@kraj.example\r\nTo: business@example.com\r\nMessage-ID: <a@b>\r\n"
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nText\r\n--x\r\n'
        b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--x--\r\n"
    )
    world.arrives(raw, at=TUESDAY_NOON)
    (attachment,) = rows(world, StoredAttachment)
    assert attachment.filename == "a.pdf"
    assert world.runtime.blobs.get(attachment.blob_key) == b"\x00\x01\x02"
