"""The operations page, and what every page tells those who look after the service."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from supportdesk.actions.watch import FRESH, watch
from supportdesk.db.models import Agent, Work, WorkState
from supportdesk.db.work import Kind
from tests.web.conftest import Desk

STRIP = 'class="alarm-strip"'


def give_up(desk: Desk, *kinds: Kind) -> None:
    now = desk.world.clock.now
    with desk.world.runtime.database.write() as session:
        for kind in kinds:
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
