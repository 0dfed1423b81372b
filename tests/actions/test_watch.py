"""The service looks at itself: an alarm once, as long as it lasts, and people told of it."""

import email
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import default

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.note_alive import note_alive, note_end
from supportdesk.actions.watch import CHECKS, FRESH, Check, Finding, standstill, watch
from supportdesk.channels.email.automatic import INSTANCE_HEADER
from supportdesk.db.database import Database
from supportdesk.db.models import (
    Alarm,
    Heartbeat,
    Mailbox,
    OutboxMail,
    OutboxState,
    Work,
    WorkState,
)
from supportdesk.db.queries.operations import list_heartbeats, watched_at
from supportdesk.db.work import Kind, enqueue
from supportdesk.errors import SupportdeskError, read_back
from supportdesk.jobs.handlers import handle
from supportdesk.settings import Settings
from tests.factories import make_message, make_ticket
from tests.servers.smtp import SmtpReceiver
from tests.world import World, make_world

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def told_world(database: Database, tmp_path: object, smtp_receiver: SmtpReceiver) -> World:
    """Give a service that tells two people of its alarms by mail."""
    return make_world(
        database,
        tmp_path,  # type: ignore[arg-type]
        smtp_host="localhost",
        smtp_port=smtp_receiver.port,
        alarm_addresses=("ops@example.org", "night@example.org"),
    )


def alarms(world: World, *, open_only: bool = True) -> list[Alarm]:
    asked = sa.select(Alarm).order_by(Alarm.id)
    if open_only:
        asked = asked.where(Alarm.cleared_at.is_(None))
    with world.runtime.database.read() as session:
        return list(session.scalars(asked))


def told(world: World) -> dict[str, str]:
    return {alarm.key: str(read_back(alarm.problem)) for alarm in alarms(world)}


def give_up_something(world: World, kind: Kind = Kind.CLOSE) -> None:
    now = world.clock.now
    with world.runtime.database.write() as session:
        session.add(
            Work(
                kind=kind,
                payload={},
                state=WorkState.DEAD,
                visible_at=now,
                max_attempts=3,
                created_at=now,
                finished_at=now,
            )
        )


def look_at_it(world: World) -> None:
    with world.runtime.database.write() as session:
        session.execute(sa.delete(Work).where(Work.state == WorkState.DEAD))


def queue_mail(world: World) -> None:
    with world.runtime.database.write() as session:
        message = make_message(session, make_ticket(session))
        session.add(
            OutboxMail(
                message_id=message.id,
                envelope_from="",
                recipients=["a@b.example"],
                queued_at=world.clock.now,
            )
        )


def send_alarms(world: World) -> None:
    while claims := claim_work(world.runtime, [Kind.ALARM], limit=1, lease_seconds=60):
        handle(world.runtime, world.parser, claims)


def mails(relay: SmtpReceiver) -> list[EmailMessage]:
    found = [email.message_from_bytes(one.raw, policy=default) for one in relay.mails]
    return [one for one in found if isinstance(one, EmailMessage)]


# --- raising and clearing ------------------------------------------------------------------------


def test_a_service_that_is_well_has_no_alarm(world: World) -> None:
    watch(world.runtime)
    assert alarms(world, open_only=False) == []


def test_an_alarm_is_raised_once_and_lasts_as_long_as_what_it_is_about(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    began = world.clock.now
    give_up_something(world)
    for _ in range(3):
        watch(world.runtime)
        world.clock.now += MINUTE
    (alarm,) = alarms(world)
    assert (alarm.key, alarm.raised_at) == ("given_up:close", began)
    assert alarm.last_seen_at == began + 2 * MINUTE
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "given_up:close: Given up after the last attempt" in errors[0]

    look_at_it(world)
    watch(world.runtime)
    assert alarms(world) == []
    (over,) = alarms(world, open_only=False)
    assert over.cleared_at == began + 3 * MINUTE


def test_what_comes_back_is_a_new_alarm_beside_the_old_one(world: World) -> None:
    for _ in range(2):
        give_up_something(world)
        watch(world.runtime)
        look_at_it(world)
        watch(world.runtime)
    assert [alarm.key for alarm in alarms(world, open_only=False)] == ["given_up:close"] * 2


def test_a_check_that_fails_is_an_alarm_and_hides_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_something(world)
    watch(world.runtime)

    def broken(_session: Session, _settings: Settings, _now: datetime) -> Iterable[Finding]:
        yield "close", SupportdeskError("Never seen.")
        raise OSError("no")

    use_checks(monkeypatch, {"given_up": broken})
    watch(world.runtime)
    assert told(world).keys() == {"given_up:close", "check:given_up"}
    monkeypatch.undo()
    watch(world.runtime)
    assert told(world).keys() == {"given_up:close"}


def use_checks(monkeypatch: pytest.MonkeyPatch, changed: Mapping[str, Check]) -> None:
    monkeypatch.setattr("supportdesk.actions.watch.CHECKS", {**CHECKS, **changed})


# --- what is watched for -------------------------------------------------------------------------


def test_work_that_waits_for_a_worker_is_told_by_kind(world: World) -> None:
    now = world.clock.now
    with world.runtime.database.write() as session:
        for kind in (Kind.CLOSE, Kind.CLOSE, Kind.FOLLOW):
            enqueue(session, kind, {}, now=now, max_attempts=1)
        enqueue(session, Kind.PRUNE, {}, now=now, max_attempts=1, run_at=now + DAY)
    claim_work(world.runtime, [Kind.FOLLOW], limit=1, lease_seconds=3600)
    world.clock.now += timedelta(minutes=9, seconds=59)
    watch(world.runtime)
    assert told(world) == {}
    world.clock.now += timedelta(seconds=1)
    watch(world.runtime)
    assert told(world) == {
        "late_work:close": "What is due waits for a worker: closing of resolved requests,"
        " 2 in all, the oldest for 10 minutes."
    }


def test_mail_that_does_not_go_out_is_told_with_its_relay(world: World) -> None:
    queue_mail(world)
    world.clock.now += 29 * MINUTE
    watch(world.runtime)
    assert told(world) == {}
    world.clock.now += MINUTE
    watch(world.runtime)
    assert "1 in all, the oldest for 30 minutes" in told(world)["unsent_mail"]
    assert "127.0.0.1:2526" in told(world)["unsent_mail"]


def test_a_mailbox_that_nobody_could_read_is_told_unless_nobody_tried(world: World) -> None:
    with world.runtime.database.write() as session:
        mailbox = session.get_one(Mailbox, world.cast.mailbox.id)
        mailbox.imap_host, mailbox.last_success_at = "imap.example.com", world.clock.now
    watch(world.runtime)
    world.clock.now += DAY
    watch(world.runtime)  # the service has stood still until now
    assert told(world) == {}
    world.clock.now += MINUTE
    watch(world.runtime)
    assert "could not be read for 10 minutes" in told(world)["silent_mailbox:business@example.com"]
    with world.runtime.database.write() as session:
        session.get_one(Mailbox, world.cast.mailbox.id).last_success_at = world.clock.now
    watch(world.runtime)
    assert told(world) == {}


@pytest.mark.parametrize("state", [OutboxState.SENT, OutboxState.FAILED])
def test_mail_that_is_not_on_its_way_does_not_wait(world: World, state: OutboxState) -> None:
    queue_mail(world)
    with world.runtime.database.write() as session:
        session.execute(sa.update(OutboxMail).values(state=state))
    world.clock.now += DAY
    watch(world.runtime)
    assert told(world) == {}


@pytest.mark.parametrize(
    ("free_percent", "age", "is_told"),
    [(4.9, timedelta(), True), (5.0, timedelta(), False), (4.9, FRESH + MINUTE, False)],
)
def test_a_disk_is_told_full_by_the_machine_that_a_living_worker_is_on(
    world: World, free_percent: float, age: timedelta, is_told: bool
) -> None:
    detail = {"host": "desk2", "version": "1", "free_percent": free_percent}
    with world.runtime.database.write() as session:
        session.add(Heartbeat(name="worker desk2:7", seen_at=world.clock.now - age, detail=detail))
    watch(world.runtime)
    assert ("disk:desk2" in told(world)) is is_told


def test_a_process_tells_that_it_lives_and_leaves_no_trace_when_it_ends_well(world: World) -> None:
    note_alive(world.runtime, name="worker desk1:6", host="desk1")
    world.clock.now += MINUTE
    note_alive(world.runtime, name="worker desk1:6", host="desk1")
    with world.runtime.database.read() as session:
        (living,) = list_heartbeats(session)
    assert living.seen_at == world.clock.now
    assert living.detail["host"] == "desk1"
    assert 0 <= living.detail["free_percent"] <= 100
    note_end(world.runtime, name="worker desk1:6")
    with world.runtime.database.read() as session:
        assert list_heartbeats(session) == []


def test_background_work_stands_still_when_nobody_watches(world: World) -> None:
    watch(world.runtime)
    with world.runtime.database.read() as session:
        last = watched_at(session)
    assert last == world.clock.now
    assert standstill(last, now=last + FRESH) is None
    still = standstill(last, now=last + FRESH + timedelta(seconds=1))
    assert still is not None
    assert still.values == {"since": last}
    assert standstill(None, now=last) is not None


# --- telling by mail -----------------------------------------------------------------------------


def test_people_are_told_by_one_mail_that_nothing_answers(
    told_world: World, smtp_receiver: SmtpReceiver
) -> None:
    give_up_something(told_world, Kind.CLOSE)
    give_up_something(told_world, Kind.FOLLOW)
    watch(told_world.runtime)
    send_alarms(told_world)
    (received,) = smtp_receiver.mails
    assert received.mail_from == ""
    assert sorted(received.recipients) == ["night@example.org", "ops@example.org"]
    (mail,) = mails(smtp_receiver)
    assert mail["From"].endswith("<business@example.com>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail[INSTANCE_HEADER]
    text = mail.get_content()
    assert "Vzdáno po posledním pokusu: uzavírání vyřešených požadavků (1)." in text
    assert "Vzdáno po posledním pokusu: převod podle nových přidělení (1)." in text
    assert "http://127.0.0.1:8080/operations" in text


def test_people_are_reminded_every_day_while_it_lasts(
    told_world: World, smtp_receiver: SmtpReceiver
) -> None:
    give_up_something(told_world)
    for _ in range(2 * 24 + 1):
        watch(told_world.runtime)
        send_alarms(told_world)
        told_world.clock.now += timedelta(hours=1)
    assert len(smtp_receiver.mails) == 3
    assert len({mail["Message-ID"] for mail in mails(smtp_receiver)}) == 3


def test_what_is_over_before_it_could_be_told_is_not_told(
    told_world: World, smtp_receiver: SmtpReceiver
) -> None:
    give_up_something(told_world)
    watch(told_world.runtime)
    look_at_it(told_world)
    watch(told_world.runtime)
    send_alarms(told_world)
    assert smtp_receiver.mails == []


def test_a_relay_that_does_not_answer_is_asked_again_for_the_same_mail(
    told_world: World, smtp_receiver: SmtpReceiver
) -> None:
    give_up_something(told_world)
    watch(told_world.runtime)
    claims = claim_work(told_world.runtime, [Kind.ALARM], limit=1, lease_seconds=60)
    handle(told_world.runtime, told_world.parser, claims)  # and killed before it is written down
    with told_world.runtime.database.write() as session:
        session.execute(
            sa.update(Work)
            .where(Work.kind == Kind.ALARM)
            .values(state=WorkState.READY, visible_at=told_world.clock.now)
        )
    send_alarms(told_world)
    first, second = mails(smtp_receiver)
    assert first["Message-ID"] == second["Message-ID"]


def test_nobody_is_told_by_mail_unless_the_setting_names_somebody(world: World) -> None:
    give_up_something(world)
    watch(world.runtime)
    assert claim_work(world.runtime, [Kind.ALARM], limit=1, lease_seconds=60) == []
