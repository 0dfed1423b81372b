"""Fresh mails through the door: each is decided by the rule that was announced."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest
from click.testing import CliRunner

from supportdesk.actions.claim_work import claim_work
from supportdesk.actions.intake.route_mail import route_mail
from supportdesk.actions.runtime import Runtime
from supportdesk.app import open_door as open_mail_door
from supportdesk.channels.email.door import Door
from supportdesk.cli import main
from supportdesk.db.work import Kind
from supportdesk.demo.send import fresh_mails, open_door, send_fresh
from supportdesk.errors import ChannelError
from tests.factories import NOON
from tests.world import DirectParser, SetClock

NIGHT = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


@contextmanager
def running(runtime: Runtime) -> Iterator[Runtime]:
    """Open the door of a service that routes at once; give the service with the door's port."""

    def route() -> None:
        for claim in claim_work(runtime, [Kind.ROUTE], limit=20, lease_seconds=60):
            route_mail(runtime, [claim], DirectParser())

    shut = replace(runtime, settings=replace(runtime.settings, door_port=0))
    with open_mail_door(shut, route) as door:
        yield replace(runtime, settings=replace(runtime.settings, door_port=door.port))


@pytest.mark.parametrize(("now", "is_open"), [(NOON, True), (NIGHT, False)], ids=["noon", "night"])
def test_every_mail_is_decided_by_the_announced_rule(
    demo: Runtime, now: datetime, *, is_open: bool
) -> None:
    cast("SetClock", demo.clock).now = now
    mails = fresh_mails()
    said: list[str] = []
    with running(demo) as service, open_door(service.settings) as door:
        send_fresh(service, door, len(mails), said.append)
    outcomes = said[2::2]
    assert len(outcomes) == len(mails)
    for mail, outcome in zip(mails, outcomes, strict=True):
        assert f"rule {mail.rule(is_open=is_open)} ->" in outcome, outcome


def test_more_mails_than_there_are_begin_again(demo: Runtime) -> None:
    said: list[str] = []
    with running(demo) as service, open_door(service.settings) as door:
        send_fresh(service, door, len(fresh_mails()) + 1, said.append)
    assert said[-2] == said[1]
    assert said[-1] != said[2]  # a ticket of its own: every mail is a new one


def test_shut_door_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # held, but nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SUPPORTDESK_DOOR_PORT", str(taken.getsockname()[1]))
        result = CliRunner().invoke(main, ["demo-mail"])
    assert result.exit_code == 1
    assert "start `make run` first" in result.output


def test_service_without_the_demo_refuses_in_one_sentence(loaded: Runtime) -> None:
    with Door(
        "127.0.0.1",
        0,
        "lmtp",
        max_bytes=1_000_000,
        accepts=lambda _address: False,
        deliver=lambda _envelope: None,
    ) as strange:
        settings = replace(loaded.settings, door_port=strange.port)
        with open_door(settings) as door, pytest.raises(ChannelError, match="demo region"):
            send_fresh(loaded, door, 1, lambda _line: None)
