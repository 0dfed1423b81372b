"""The demo region as it stands when it is loaded: believable, complete, always the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from supportdesk.actions.log_in import log_in
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.sandbox import kept_mails
from supportdesk.db.models import (
    Agent,
    AuthorityCheck,
    Deadline,
    Event,
    HandOver,
    LineState,
    MembershipRole,
    Message,
    MessageMailbox,
    OutboxMail,
    OutboxState,
    Receipt,
    ReceiptState,
    RequestLine,
    StoredAttachment,
    StoredDecision,
    Team,
    TeamMember,
    Ticket,
    Work,
    WorkState,
)
from supportdesk.db.queries.hand_overs import list_hand_overs
from supportdesk.db.queries.ticket_list import View, list_tickets
from supportdesk.db.queries.viewers import Viewer, load_viewer
from supportdesk.demo import PASSWORD, demo_log_ins, is_empty, load_demo
from supportdesk.messages import Automatic
from supportdesk.routing.authority import Role
from supportdesk.routing.calendar import local_date, local_time
from supportdesk.routing.decide import decide
from supportdesk.routing.facts import ConsultantState, Facts
from supportdesk.tickets import ACTIVE_STATES, Desk, EventKind
from tests.demo.conftest import runtime_on
from tests.factories import NOON
from tests.world import SetClock

LOOKERS = {
    View.MINE: "jana.novakova",
    View.CUSTOMERS: "petr.dvorak",
    View.CENTRE: "jana.novakova",
    View.POOL: "olga.pokorna",
    View.TRIAGE: "olga.pokorna",
    View.TDMS: "radek.simek",
    View.WAITING: "vera.mala",
    View.OPEN: "karel.svoboda",
    View.DONE: "vera.mala",
}


_ALL = sa.true()


def viewer_named(runtime: Runtime, username: str) -> Viewer:
    with runtime.database.read() as session:
        agent_id = session.scalars(sa.select(Agent.id).where(Agent.username == username)).one()
        viewer = load_viewer(session, agent_id, today=local_date(runtime.clock()))
    assert viewer is not None
    return viewer


def rows(runtime: Runtime, *columns: Any, where: Any = _ALL) -> list[Any]:
    with runtime.database.read() as session:
        return list(session.execute(sa.select(*columns).where(where)))


def snapshot(runtime: Runtime) -> list[tuple[Any, ...]]:
    """Give all that should be the same whenever the demo is loaded at the same instant."""
    with runtime.database.read() as session:
        tickets = session.execute(
            sa.select(
                Ticket.id,
                Ticket.subject,
                Ticket.preview,
                Ticket.state,
                Ticket.desk,
                Ticket.priority,
                Ticket.owner_id,
                Ticket.handler_id,
                Ticket.created_at,
                Ticket.last_message_at,
                Ticket.possibly_about_id,
            ).order_by(Ticket.id)
        ).all()
        messages = session.execute(
            sa.select(Message.ticket_id, Message.author, Message.created_at, Message.text).order_by(
                Message.id
            )
        ).all()
        decisions = session.execute(
            sa.select(
                StoredDecision.ticket_id, StoredDecision.rule, StoredDecision.decision
            ).order_by(StoredDecision.id)
        ).all()
        events = session.execute(
            sa.select(Event.ticket_id, Event.kind, Event.at).order_by(Event.id)
        ).all()
    return [
        *map(tuple, tickets),
        *map(tuple, messages),
        *map(tuple, decisions),
        *map(tuple, events),
    ]


def test_it_fills_an_empty_service_only(sqlite_url: str, tmp_path: Path, loaded: Runtime) -> None:
    empty = runtime_on(sqlite_url, tmp_path)
    assert is_empty(empty)
    assert not is_empty(loaded)
    empty.database.close()


def test_two_databases_get_the_same_requests(
    loaded: Runtime, postgresql_url: str, tmp_path: Path
) -> None:
    other = runtime_on(postgresql_url, tmp_path, secret=b"t" * 32)
    load_demo(other)
    assert snapshot(other) == snapshot(loaded)
    other.database.close()


@pytest.mark.parametrize(
    "now",
    [
        datetime(2027, 1, 4, 7, 20, tzinfo=UTC),  # 8:20 on the first working day after Christmas
        datetime(2026, 6, 16, 22, 30, tzinfo=UTC),  # after midnight; no holiday in two weeks
        datetime(2026, 4, 7, 5, 0, tzinfo=UTC),  # before opening, after Easter and a clock change
    ],
    ids=str,
)
def test_it_can_be_loaded_at_any_time(sqlite_url: str, tmp_path: Path, now: datetime) -> None:
    runtime = runtime_on(sqlite_url, tmp_path)
    cast("SetClock", runtime.clock).now = now
    load_demo(runtime)
    found = rows(runtime, Ticket.created_at, Ticket.last_message_at)
    assert len(found) >= 28
    assert all(one.created_at <= one.last_message_at <= now for one in found)
    runtime.database.close()


def test_there_are_some_thirty_requests_of_all_rules_for_mail(loaded: Runtime) -> None:
    assert 28 <= len(rows(loaded, Ticket.id)) <= 40
    rules = {row.rule for row in rows(loaded, StoredDecision.rule)}
    assert rules == {"R2", "R3", "R4", "R5", "R6", "R7"}


@pytest.mark.parametrize("view", list(View))
def test_every_view_has_something_to_show(loaded: Runtime, view: View) -> None:
    viewer = viewer_named(loaded, LOOKERS[view])
    with loaded.database.read() as session:
        assert list_tickets(session, viewer, view).rows


def test_hand_overs_wait_and_others_were_acknowledged(loaded: Runtime) -> None:
    with loaded.database.read() as session:
        waiting = list_hand_overs(session, viewer_named(loaded, "jana.novakova"))
    assert len(waiting) >= 4
    assert any(row.handed_back_at is not None and row.summary["replies"] for row in waiting)
    assert rows(loaded, HandOver.id, where=HandOver.acknowledged_at.is_not(None))


def test_every_open_ticket_is_in_somebodys_reach(loaded: Runtime) -> None:
    staffed = {
        row.desk
        for row in rows(
            loaded,
            Team.desk,
            where=sa.and_(Team.id == TeamMember.team_id, TeamMember.agent_id == Agent.id),
        )
    }
    assert staffed == set(Desk)
    for ticket in rows(loaded, Ticket.id, Ticket.desk, Ticket.owner_id, where=Ticket.is_active):
        assert ticket.desk in staffed
    strangers = rows(
        loaded,
        Ticket.needs_identification,
        where=sa.and_(Ticket.is_active, Ticket.owner_id.is_(None)),
    )
    assert strangers
    assert all(row.needs_identification for row in strangers)


def test_dates_are_plausible(loaded: Runtime) -> None:
    for ticket in rows(loaded, Ticket.created_at, Ticket.last_message_at, Ticket.resolved_at):
        assert NOON - timedelta(days=20) < ticket.created_at <= ticket.last_message_at <= NOON
        assert ticket.resolved_at is None or ticket.created_at < ticket.resolved_at <= NOON
    for deadline in rows(loaded, Deadline.starts_at, Deadline.due_at, Deadline.met_at):
        assert deadline.starts_at < deadline.due_at
    working = {"jana.novakova", "petr.dvorak", "martin.hruska", "lucie.vranova"}
    wrote = rows(
        loaded,
        Message.created_at,
        where=sa.and_(Message.agent_id == Agent.id, Agent.username.in_(working)),
    )
    assert wrote
    assert all(8 <= local_time(row.created_at).hour < 16 for row in wrote)


def test_nobody_works_while_away(loaded: Runtime) -> None:
    away = rows(
        loaded,
        Message.id,
        where=sa.and_(
            Message.agent_id == Agent.id,
            Agent.username == "petr.dvorak",
            Message.created_at >= NOON - timedelta(days=4),
        ),
    )
    assert not away


def test_contacts_hold_every_role(loaded: Runtime) -> None:
    assert {row.role for row in rows(loaded, MembershipRole.role)} == set(Role)


def test_chain_of_substitutes_was_needed(loaded: Runtime) -> None:
    chains = [
        Facts.from_json(row.facts).consultant.substitutes
        for row in rows(loaded, StoredDecision.facts)
        if row.facts["consultant"]["state"] == ConsultantState.AWAY_WITH_DEPUTY
    ]
    assert any(len(chain) >= 2 for chain in chains)


def test_stored_decisions_can_be_replayed(loaded: Runtime) -> None:
    for row in rows(loaded, StoredDecision.rule, StoredDecision.target, StoredDecision.facts):
        again = decide(Facts.from_json(row.facts))
        assert (again.rule, again.target) == (row.rule, row.target)


def test_everything_was_sent_and_stays_in_the_sandbox(loaded: Runtime) -> None:
    sent = rows(loaded, OutboxMail.state, OutboxMail.sent_at, OutboxMail.queued_at)
    assert len(sent) > 40
    assert {row.state for row in sent} == {OutboxState.SENT}
    kept = kept_mails(loaded.settings.sandbox_folder)
    assert len(kept) == len(sent)
    assert all(mail.received_at <= NOON for mail in kept)
    assert not rows(loaded, Work.id, where=Work.state != WorkState.DONE)


ODD_ONES: dict[str, Callable[[Runtime], bool]] = {
    "unreadable mail in quarantine": lambda runtime: bool(
        rows(runtime, Receipt.id, where=Receipt.state == ReceiptState.QUARANTINED)
    ),
    "out of office": lambda runtime: bool(
        rows(runtime, Message.id, where=Message.automatic == Automatic.REPLY)
    ),
    "newsletter": lambda runtime: bool(
        rows(runtime, Message.id, where=Message.automatic == Automatic.GENERATED)
    ),
    "bounce": lambda runtime: bool(
        rows(
            runtime,
            Message.id,
            where=sa.and_(
                Message.automatic == Automatic.BOUNCE, Message.text.contains("be delivered")
            ),
        )
    ),
    "one mail to two mailboxes": lambda runtime: bool(
        [
            row
            for row in rows(runtime, MessageMailbox.message_id)
            if rows(runtime, MessageMailbox, where=MessageMailbox.message_id == row.message_id)[1:]
        ]
    ),
    "picture and document": lambda runtime: (
        {"image/png", "application/pdf"}
        <= {row.content_type for row in rows(runtime, StoredAttachment.content_type)}
    ),
    "possibly about another": lambda runtime: bool(
        rows(runtime, Ticket.id, where=Ticket.possibly_about_id.is_not(None))
    ),
    "reopened": lambda runtime: bool(
        rows(
            runtime,
            Ticket.id,
            where=sa.and_(Ticket.subject.contains("blokaci SIM"), Ticket.state.in_(ACTIVE_STATES)),
        )
    ),
    "escalated": lambda runtime: bool(
        rows(runtime, Event.id, where=Event.kind == EventKind.ESCALATED)
    ),
    "override by a supervisor": lambda runtime: bool(
        rows(runtime, AuthorityCheck.id, where=AuthorityCheck.override_reason.is_not(None))
    ),
}


@pytest.mark.parametrize("name", list(ODD_ONES))
def test_odd_cases_are_there(loaded: Runtime, name: str) -> None:
    assert ODD_ONES[name](loaded)


@pytest.mark.parametrize(
    "state",
    [
        LineState.PROPOSED,
        LineState.CONFIRMED,
        LineState.AWAITING_APPROVAL,
        LineState.CARRIED_OUT,
        LineState.REFUSED,
    ],
)
def test_request_lines_are_in_every_state(loaded: Runtime, state: LineState) -> None:
    assert rows(loaded, RequestLine.id, where=RequestLine.state == state)


def test_printed_log_ins_work(demo: Runtime) -> None:
    title, *people = demo_log_ins()
    assert PASSWORD in title
    for line in people:
        assert log_in(demo, username=line.split()[0], password=PASSWORD, address="127.0.0.1")


def test_unidentified_sender_was_identified_by_the_pool(loaded: Runtime) -> None:
    found = rows(
        loaded,
        Ticket.organisation_id,
        Ticket.needs_identification,
        where=sa.and_(Event.ticket_id == Ticket.id, Event.kind == EventKind.SENDER_IDENTIFIED),
    )
    assert [row.needs_identification for row in found] == [False]
