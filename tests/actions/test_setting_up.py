"""Setting up a centre: mailboxes, absences, closing days; and emptying the quarantine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from supportdesk.actions.availability import (
    add_closing_day,
    end_absence,
    record_absence,
    remove_closing_day,
    set_status,
)
from supportdesk.actions.keys import unseal
from supportdesk.actions.mailboxes import MailboxDetails, save_mailbox, set_mailbox_password
from supportdesk.actions.receipts import discard_receipt, replay_receipt
from supportdesk.db.models import (
    Absence,
    Agent,
    ClosingDay,
    Mailbox,
    Receipt,
    ReceiptState,
    Work,
)
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound
from supportdesk.routing.facts import AgentStatus, TopicKind
from tests.factories import (
    NOON,
    make_agent,
    make_receipt,
)
from tests.staff import audited, viewer_of
from tests.world import World

TODAY = NOON.date()


def administrator(world: World) -> Viewer:
    """Log in as the administrator."""
    return viewer_of(world.runtime, world.cast.administrator)


# --- mailboxes


def test_a_mailbox_keeps_its_password_sealed_and_out_of_the_audit_log(world: World) -> None:
    runtime = world.runtime
    details = MailboxDetails(
        "TDMS@Example.com", topic=TopicKind.TECHNICAL, imap_host="imap.test", imap_username="tdms"
    )
    mailbox_id = save_mailbox(runtime, administrator(world), details, password="tajné")
    with runtime.database.read() as session:
        mailbox = session.get_one(Mailbox, mailbox_id)
    assert mailbox.address == "tdms@example.com"
    assert "tajné" not in mailbox.imap_password
    assert unseal(runtime.secret_key, mailbox.imap_password) == "tajné"
    assert "tajné" not in str([entry.detail for entry in audited(runtime)])
    set_mailbox_password(runtime, None, "tdms@EXAMPLE.com", "jiné")
    with runtime.database.read() as session:
        sealed = session.get_one(Mailbox, mailbox_id).imap_password
    assert unseal(runtime.secret_key, sealed) == "jiné"


def test_another_folder_is_read_from_its_beginning_and_a_new_name_changes_nothing(
    world: World,
) -> None:
    runtime = world.runtime
    details = MailboxDetails("b@example.com", imap_host="imap.test", imap_username="b")
    mailbox_id = save_mailbox(runtime, None, details, password="tajné")
    with runtime.database.write() as session:
        mailbox = session.get_one(Mailbox, mailbox_id)
        mailbox.uidvalidity, mailbox.last_uid = 7, 42
    save_mailbox(runtime, None, replace(details, name="Jméno"), mailbox_id=mailbox_id)
    assert _progress(world, mailbox_id) == (7, 42)
    save_mailbox(runtime, None, replace(details, imap_folder="Nové"), mailbox_id=mailbox_id)
    assert _progress(world, mailbox_id) == (None, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"imap_host": "imap.elsewhere.test"},
        {"imap_username": "somebody"},
        {"imap_port": 1993},
        {"imap_security": "none"},
    ],
)
def test_a_password_is_never_told_to_another_server(world: World, change: dict[str, Any]) -> None:
    runtime = world.runtime
    details = MailboxDetails("tdms@example.com", imap_host="imap.test", imap_username="tdms")
    mailbox_id = save_mailbox(runtime, None, details, password="tajné")
    elsewhere = replace(details, **change)
    with pytest.raises(InvalidInput, match="password again"):
        save_mailbox(runtime, None, elsewhere, mailbox_id=mailbox_id)
    save_mailbox(runtime, None, elsewhere, mailbox_id=mailbox_id, password="nové")
    with runtime.database.read() as session:
        sealed = session.get_one(Mailbox, mailbox_id).imap_password
    assert unseal(runtime.secret_key, sealed) == "nové"


def _progress(world: World, mailbox_id: int) -> tuple[int | None, int]:
    with world.runtime.database.read() as session:
        mailbox = session.get_one(Mailbox, mailbox_id)
        return mailbox.uidvalidity, mailbox.last_uid


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (MailboxDetails("no address"), "not an email address"),
        (MailboxDetails("a@example.com", imap_port=0), "port"),
        (MailboxDetails("a@example.com", imap_host="imap.test"), "user name"),
        (MailboxDetails("a@example.com", imap_security="ssl"), "tls, starttls, none"),
        (MailboxDetails("a@example.com", topic=TopicKind.BLOCK), "technical or business"),
    ],
)
def test_a_mailbox_that_cannot_work_is_refused(
    world: World, details: MailboxDetails, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        save_mailbox(world.runtime, None, details)


def test_two_mailboxes_cannot_share_an_address(world: World) -> None:
    with pytest.raises(Conflict, match="already"):
        save_mailbox(world.runtime, None, MailboxDetails("BUSINESS@example.com"))


# --- availability


def test_an_absence_covers_whole_local_days_also_when_the_clock_changes(world: World) -> None:
    world.clock.now = datetime(2027, 3, 26, 11, 0, tzinfo=UTC)
    jana = viewer_of(world.runtime, world.cast.jana)
    absence_id = record_absence(
        world.runtime, jana, first_on=date(2027, 3, 28), last_on=date(2027, 3, 28)
    )
    with world.runtime.database.read() as session:
        absence = session.get_one(Absence, absence_id)
    assert absence.starts_at == datetime(2027, 3, 27, 23, 0, tzinfo=UTC)
    assert absence.ends_at == datetime(2027, 3, 28, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [(2, 1, "before the first"), (-3, -1, "not over"), (0, 400, "at most 366 days")],
)
def test_days_that_make_no_absence_are_refused(
    world: World, first: int, last: int, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        record_absence(
            world.runtime,
            viewer_of(world.runtime, world.cast.jana),
            first_on=TODAY + timedelta(days=first),
            last_on=TODAY + timedelta(days=last),
        )


@pytest.mark.parametrize("name", ["jana", "administrator"])
def test_a_substitute_is_somebody_else_who_works_at_a_desk(world: World, name: str) -> None:
    with pytest.raises(InvalidInput, match="somebody else who works at a desk"):
        record_absence(
            world.runtime,
            viewer_of(world.runtime, world.cast.jana),
            first_on=TODAY,
            last_on=TODAY,
            substitute_id=getattr(world.cast, name).id,
        )


def test_others_absences_and_status_are_a_supervisors_to_set(world: World) -> None:
    runtime, cast = world.runtime, world.cast
    petr, supervisor = viewer_of(runtime, cast.petr), viewer_of(runtime, cast.supervisor)
    with pytest.raises(NotAllowed, match="Only a supervisor"):
        record_absence(runtime, petr, first_on=TODAY, last_on=TODAY, agent_id=cast.jana.id)
    with pytest.raises(NotAllowed, match="Only a supervisor"):
        set_status(runtime, petr, AgentStatus.AWAY, agent_id=cast.jana.id)
    record_absence(runtime, supervisor, first_on=TODAY, last_on=TODAY, agent_id=cast.jana.id)
    set_status(runtime, supervisor, AgentStatus.AWAY, agent_id=cast.jana.id)
    with runtime.database.read() as session:
        assert session.get_one(Agent, cast.jana.id).status is AgentStatus.AWAY


def test_an_absence_ends_now_or_is_called_off(world: World) -> None:
    runtime = world.runtime
    jana = viewer_of(runtime, world.cast.jana)
    begun = record_absence(runtime, jana, first_on=TODAY, last_on=TODAY + timedelta(days=2))
    planned = record_absence(
        runtime, jana, first_on=TODAY + timedelta(days=9), last_on=TODAY + timedelta(days=9)
    )
    end_absence(runtime, jana, begun)
    end_absence(runtime, jana, planned)
    with runtime.database.read() as session:
        assert session.get_one(Absence, begun).ends_at == NOON
        assert session.get(Absence, planned) is None
    with pytest.raises(Conflict, match="over already"):
        end_absence(runtime, jana, begun)
    with pytest.raises(NotFound):
        end_absence(runtime, jana, planned)


def test_closing_days_are_added_renamed_and_removed_but_not_in_the_past(world: World) -> None:
    runtime = world.runtime
    supervisor = viewer_of(runtime, world.cast.supervisor)
    add_closing_day(runtime, supervisor, TODAY, "Inventura")
    add_closing_day(runtime, supervisor, TODAY, "Velká inventura")
    with runtime.database.read() as session:
        assert session.get_one(ClosingDay, TODAY).name == "Velká inventura"
    remove_closing_day(runtime, supervisor, TODAY)
    yesterday = TODAY - timedelta(days=1)
    attempts: list[Callable[[], None]] = [
        lambda: add_closing_day(runtime, supervisor, yesterday, "Pozdě"),
        lambda: add_closing_day(runtime, supervisor, TODAY, "  "),
        lambda: remove_closing_day(runtime, supervisor, yesterday),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidInput):
            attempt()
    with pytest.raises(NotAllowed):
        add_closing_day(runtime, viewer_of(runtime, world.cast.jana), TODAY, "Volno")


# --- quarantine


def test_a_quarantined_receipt_is_tried_again(world: World) -> None:
    runtime = world.runtime
    with runtime.database.write() as session:
        receipt = make_receipt(session)
    jana = viewer_of(runtime, world.cast.jana)
    replay_receipt(runtime, jana, receipt.id)
    with runtime.database.read() as session:
        assert session.get_one(Receipt, receipt.id).state is ReceiptState.RECEIVED
        assert session.scalars(sa.select(Work.payload)).all() == [
            {"receipt_id": receipt.id, "released": True}
        ]
    with pytest.raises(Conflict, match="not in quarantine"):
        replay_receipt(runtime, jana, receipt.id)
    assert audited(runtime)[-1].action == "receipt_replayed"


def test_a_receipt_is_discarded_by_the_pool_with_a_reason(world: World) -> None:
    runtime, cast = world.runtime, world.cast
    with runtime.database.write() as session:
        receipt = make_receipt(session)
    with pytest.raises(NotAllowed):
        discard_receipt(runtime, viewer_of(runtime, cast.jana), receipt.id, reason="spam")
    olga = viewer_of(runtime, cast.olga)
    with pytest.raises(InvalidInput, match="Say why"):
        discard_receipt(runtime, olga, receipt.id, reason=" ")
    discard_receipt(runtime, olga, receipt.id, reason="spam")
    with runtime.database.read() as session:
        assert session.get_one(Receipt, receipt.id).state is ReceiptState.DISCARDED
    assert audited(runtime)[-1].detail == {"reason": "spam", "count": 1}
    with pytest.raises(NotFound):
        discard_receipt(runtime, olga, 999_999, reason="spam")


@pytest.mark.parametrize("name", ["tomas", "account_manager", "administrator"])
def test_quarantine_is_not_for_everybody(world: World, name: str) -> None:
    with world.runtime.database.write() as session:
        receipt = make_receipt(session)
        make_agent(session)
    with pytest.raises(NotAllowed):
        replay_receipt(
            world.runtime, viewer_of(world.runtime, getattr(world.cast, name)), receipt.id
        )
