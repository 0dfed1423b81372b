"""The operations page, and what every page tells those who look after the service."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from supportdesk.actions.note_alive import note_alive
from supportdesk.actions.watch import FRESH, watch
from supportdesk.cli import main
from supportdesk.db.models import Agent, OutboxMail, OutboxState, Pause, Work, WorkState
from supportdesk.db.work import Kind
from tests.factories import make_dead_work, make_message, make_ticket
from tests.web.conftest import Desk, token_of

STRIP = 'class="alarm-strip"'


def give_up(desk: Desk, *kinds: Kind) -> None:
    with desk.world.runtime.database.write() as session:
        for kind in kinds:
            make_dead_work(session, kind)


def page(desk: Desk, agent: Agent, address: str) -> str:
    answer = desk.visit(agent).get(address, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def test_an_alarm_stands_on_every_page_of_those_who_look_after_the_service(desk: Desk) -> None:
    cast = desk.world.cast
    give_up(desk, Kind.CLOSE)
    watch(desk.world.runtime)
    for agent, address in (
        (cast.supervisor, "/inbox/open"),
        (cast.administrator, "/settings/agents"),
    ):
        text = page(desk, agent, address)
        assert STRIP in text
        assert "uzavírání vyřešených požadavků (1)" in text
    for agent in (cast.jana, cast.olga, cast.tomas, cast.account_manager):
        assert STRIP not in page(desk, agent, "/")


def test_of_several_alarms_the_oldest_is_told_and_the_rest_counted(quick_desk: Desk) -> None:
    give_up(quick_desk, Kind.CLOSE)
    watch(quick_desk.world.runtime)
    give_up(quick_desk, Kind.FOLLOW, Kind.PRUNE)
    watch(quick_desk.world.runtime)
    text = page(quick_desk, quick_desk.world.cast.supervisor, "/inbox/open")
    assert "uzavírání vyřešených požadavků (1)" in text
    assert "a 2 další" in text


@pytest.mark.parametrize(
    ("after", "is_told"), [(FRESH, False), (FRESH + timedelta(seconds=1), True)]
)
def test_a_dead_worker_is_told_by_the_web(
    quick_desk: Desk, after: timedelta, is_told: bool
) -> None:
    watch(quick_desk.world.runtime)
    quick_desk.world.clock.now += after
    text = page(quick_desk, quick_desk.world.cast.supervisor, "/inbox/open")
    assert ("Práce na pozadí stojí od" in text) is is_told


def test_the_page_tells_what_lasts_and_what_is_over(desk: Desk) -> None:
    watch(desk.world.runtime)
    supervisor = desk.world.cast.supervisor
    assert "je vše v pořádku" in page(desk, supervisor, "/operations")
    give_up(desk, Kind.CLOSE)
    watch(desk.world.runtime)
    assert "Alarmy, které pominuly" not in page(desk, supervisor, "/operations")
    with desk.world.runtime.database.write() as session:
        session.execute(sa.delete(Work))
    watch(desk.world.runtime)
    text = page(desk, supervisor, "/operations")
    assert "je vše v pořádku" in text
    assert "Alarmy, které pominuly" in text
    assert "uzavírání vyřešených požadavků (1)" in text


def test_what_was_given_up_is_done_again_or_put_aside_with_a_reason(desk: Desk) -> None:
    give_up(desk, Kind.CLOSE, Kind.CLOSE, Kind.FOLLOW)
    client = desk.visit(desk.world.cast.administrator)
    form = {"csrf_token": token_of(client)}
    text = client.get("/operations").text
    assert "Nejde to." in text
    assert "Zkusit vše znovu" in text
    assert client.post("/operations/work/3/discard", data=form).status_code == 422
    client.post("/operations/work/3/discard", data=form | {"reason": "Už není třeba"})
    client.post("/operations/work/close/replay-all", data=form)
    assert states(desk) == [WorkState.READY, WorkState.READY, WorkState.DISCARDED]
    assert client.post("/operations/work/1/replay", data=form).status_code == 409
    assert client.post("/operations/work/sing/replay-all", data=form).status_code == 404
    assert "Nejde to." not in client.get("/operations").text


def states(desk: Desk) -> list[WorkState]:
    with desk.world.runtime.database.read() as session:
        return list(session.scalars(sa.select(Work.state).order_by(Work.id)))


def test_mail_that_was_given_up_is_shown_to_those_only_who_may_read_it(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        message = make_message(session, make_ticket(session))
        session.add(
            OutboxMail(
                message_id=message.id,
                envelope_from="",
                recipients=["ekonom@kraj.example"],
                state=OutboxState.FAILED,
                queued_at=desk.world.clock.now,
            )
        )
    cast = desk.world.cast
    assert "ekonom@kraj.example" in page(desk, cast.supervisor, "/operations")
    text = page(desk, cast.administrator, "/operations")
    assert "ekonom@kraj.example" not in text
    assert "nedoručeno: 1" in text


def test_workers_are_shown_with_whether_they_live(quick_desk: Desk) -> None:
    note_alive(quick_desk.world.runtime, name="worker desk1:6", host="desk1")
    administrator = quick_desk.world.cast.administrator
    assert "běží" in page(quick_desk, administrator, "/operations")
    quick_desk.world.clock.now += FRESH + timedelta(seconds=1)
    assert "mlčí 3 min" in page(quick_desk, administrator, "/operations")


def test_a_restored_service_is_released_here_by_an_administrator_only(quick_desk: Desk) -> None:
    cast, now = quick_desk.world.cast, quick_desk.world.clock.now
    with quick_desk.world.runtime.database.write() as session:
        session.add(Pause(since=now, backup_made_at=now))
    assert "Po obnově pozastaveno" in page(quick_desk, cast.supervisor, "/operations")
    assert "Uvolnit" not in page(quick_desk, cast.supervisor, "/operations")
    client = quick_desk.visit(cast.administrator)
    assert "Uvolnit" in client.get("/operations").text
    client.post("/operations/release", data={"csrf_token": token_of(client)})
    assert "Po obnově pozastaveno" not in client.get("/operations").text


def test_the_command_line_lists_what_was_given_up_and_has_it_done_again(
    quick_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(quick_desk, Kind.CLOSE)
    runtime = quick_desk.world.runtime
    monkeypatch.setenv("SUPPORTDESK_DATA_DIR", str(runtime.settings.data_dir))
    monkeypatch.setenv("SUPPORTDESK_DATABASE_URL", str(runtime.database.engine.url))
    told = CliRunner().invoke(main, ["work", "list"])
    assert (told.exit_code, told.output) == (0, "1  close  Nejde to.\n")
    assert CliRunner().invoke(main, ["work", "replay", "1"]).exit_code == 0
    assert states(quick_desk) == [WorkState.READY]
    assert "somebody was faster" in CliRunner().invoke(main, ["work", "replay", "1"]).output


def test_why_mail_was_given_up_names_customers_only_to_those_who_see_requests(
    quick_desk: Desk,
) -> None:
    give_up(quick_desk, Kind.SEND)
    cast = quick_desk.world.cast
    assert "Nejde to." in page(quick_desk, cast.supervisor, "/operations")
    assert "Nejde to." not in page(quick_desk, cast.administrator, "/operations")
