"""The people of the centre: agents, whose tickets are whose, passwords."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from supportdesk.actions.agents import AgentDetails, create_agent, update_agent
from supportdesk.actions.log_in import WrongLogIn, log_in
from supportdesk.actions.owners import follow_assignments
from supportdesk.actions.set_password import set_password
from supportdesk.db.models import (
    Agent,
    Assignment,
    HandOver,
    LoginSession,
    Right,
    Service,
)
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotAllowed
from supportdesk.tickets import Desk, EventKind, State
from tests.factories import (
    NOON,
    make_assignment,
    make_hand_over,
    make_ticket,
)
from tests.staff import audited, events_of, ticket_of, viewer_of
from tests.world import World

PASSWORD = "modrá hora v mlze"
TODAY = NOON.date()


def administrator(world: World) -> Viewer:
    """Log in as the administrator."""
    return viewer_of(world.runtime, world.cast.administrator)


def details_of(agent: Agent, **changes: object) -> AgentDetails:
    """Say of a consultant what is on file, but for the changes."""
    details = AgentDetails(agent.username, agent.name, teams={Desk.CUSTOMER_CENTRE: 1})
    return replace(details, **changes)  # type: ignore[arg-type]


# --- agents


def test_a_new_agent_gets_desks_and_rights_and_the_audit_log_says_who_did_it(
    world: World,
) -> None:
    agent_id = create_agent(
        world.runtime,
        administrator(world),
        AgentDetails(
            "nova",
            "Nora Nová",
            teams={Desk.POOL: 3, Desk.TDMS: 1},
            rights=frozenset({Right.SUPERVISOR}),
        ),
    )
    with world.runtime.database.read() as session:
        viewer = viewer_of(world.runtime, session.get_one(Agent, agent_id))
    assert viewer.desks == {Desk.POOL, Desk.TDMS}
    assert viewer.rights == {Right.SUPERVISOR}
    entry = audited(world.runtime)[-1]
    assert entry.actor == f"agent:{world.cast.administrator.id}"
    assert entry.detail["teams"] == {"pool": 3, "tdms": 1}


@pytest.mark.parametrize("name", ["jana", "olga", "supervisor", "account_manager"])
def test_only_administrators_set_people_up(world: World, name: str) -> None:
    viewer = viewer_of(world.runtime, getattr(world.cast, name))
    with pytest.raises(NotAllowed, match="Only administrators"):
        create_agent(world.runtime, viewer, AgentDetails("nova", "Nora Nová"))


@pytest.mark.parametrize("username", ["", "a", "Jana", "jana nováková", "../etc", "x" * 81])
def test_a_user_name_that_cannot_be_typed_anywhere_is_refused(world: World, username: str) -> None:
    with pytest.raises(InvalidInput, match="user name"):
        create_agent(world.runtime, None, AgentDetails(username, "Nora Nová"))


def test_two_people_cannot_share_a_user_name(world: World) -> None:
    taken = world.cast.jana.username
    with pytest.raises(Conflict, match="belongs to somebody else"):
        create_agent(world.runtime, None, AgentDetails(taken, "Nora Nová"))


def test_the_last_administrator_stays(world: World) -> None:
    admin = world.cast.administrator
    details = AgentDetails(admin.username, admin.name)
    still_one = replace(details, rights=frozenset({Right.ADMINISTRATOR}))
    for changed, is_active in ((details, True), (still_one, False)):
        with pytest.raises(Conflict, match="last administrator"):
            update_agent(
                world.runtime, administrator(world), admin.id, changed, is_active=is_active
            )
    assert administrator(world).is_administrator


def test_a_consultant_cannot_leave_while_customers_are_hers(world: World) -> None:
    jana = world.cast.jana
    with pytest.raises(Conflict, match="Rámcová smlouva RS-2026-01"):
        update_agent(world.runtime, None, jana.id, details_of(jana), is_active=False)
    assert viewer_of(world.runtime, jana)


def test_who_leaves_is_logged_out_and_the_work_stays_in_reach(world: World) -> None:
    runtime, cast = world.runtime, world.cast
    set_password(runtime, None, cast.jana.id, PASSWORD)
    log_in(runtime, username=cast.jana.username, password=PASSWORD, address="192.0.2.1")
    with runtime.database.write() as session:
        ticket = make_ticket(session, organisation=cast.region, owner=cast.jana, handler=cast.jana)
        make_hand_over(session, ticket, cast.jana, recipient=cast.jana)
        session.execute(
            sa.update(Assignment)
            .where(Assignment.service == Service.CONSULTANT)
            .values(valid_until=TODAY)
        )
        make_assignment(session, cast.petr, organisation=cast.region, valid_from=TODAY)
    update_agent(runtime, None, cast.jana.id, details_of(cast.jana), is_active=False)
    found = ticket_of(runtime, ticket.id)
    assert (found.owner_id, found.handler_id) == (cast.petr.id, None)
    with runtime.database.read() as session:
        assert session.scalar(sa.select(LoginSession.ended_at)) == NOON
    with pytest.raises(WrongLogIn):
        log_in(runtime, username=cast.jana.username, password=PASSWORD, address="192.0.2.1")


def test_leaving_a_team_leaves_its_tickets_to_the_desk(world: World) -> None:
    cast = world.cast
    with world.runtime.database.write() as session:
        ticket = make_ticket(session, desk=Desk.POOL, handler=cast.olga)
        other = make_ticket(session, desk=Desk.POOL, handler=cast.olga, state=State.RESOLVED)
    update_agent(world.runtime, None, cast.olga.id, details_of(cast.olga))
    assert ticket_of(world.runtime, ticket.id).handler_id is None
    assert ticket_of(world.runtime, other.id).handler_id == cast.olga.id


# --- owners follow assignments


def test_open_tickets_and_hand_overs_follow_the_assignment_and_history_stays(
    world: World,
) -> None:
    cast, runtime = world.cast, world.runtime
    with runtime.database.write() as session:
        open_one = make_ticket(session, organisation=cast.school, owner=cast.jana)
        hand_over = make_hand_over(session, open_one, cast.jana)
        done = make_ticket(session, organisation=cast.school, owner=cast.jana, state=State.RESOLVED)
        make_assignment(
            session, cast.petr, organisation=cast.school, valid_from=TODAY + timedelta(days=1)
        )
    assert follow_assignments(runtime) == 0
    world.clock.now = NOON + timedelta(days=1)
    assert follow_assignments(runtime) == 1
    assert follow_assignments(runtime) == 0
    assert ticket_of(runtime, open_one.id).owner_id == cast.petr.id
    assert ticket_of(runtime, done.id).owner_id == cast.jana.id
    with runtime.database.read() as session:
        assert session.get_one(HandOver, hand_over.id).owner_id == cast.petr.id
    assert events_of(runtime, open_one.id)[-1][0] is EventKind.OWNER_CHANGED


# --- passwords


def test_a_password_logs_in_and_ends_older_sessions(world: World) -> None:
    runtime, olga = world.runtime, world.cast.olga
    set_password(runtime, None, olga.id, PASSWORD)
    log_in(runtime, username=olga.username, password=PASSWORD, address="192.0.2.1")
    set_password(runtime, administrator(world), olga.id, "zelená louka v dešti")
    with runtime.database.read() as session:
        assert session.scalar(sa.select(LoginSession.ended_at)) == NOON
        stored = session.scalar(sa.select(Agent.password_hash).where(Agent.id == olga.id))
    assert stored is not None
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "zelená" not in str([entry.detail for entry in audited(runtime)])


def test_ones_own_password_needs_the_current_one(world: World) -> None:
    runtime, olga = world.runtime, world.cast.olga
    set_password(runtime, None, olga.id, PASSWORD)
    viewer = viewer_of(runtime, olga)
    for wrong in (None, "", "modrá hora"):
        with pytest.raises(NotAllowed, match="current password"):
            set_password(runtime, viewer, olga.id, "nové dlouhé heslo", current_password=wrong)
    set_password(runtime, viewer, olga.id, "nové dlouhé heslo", current_password=PASSWORD)
    log_in(runtime, username=olga.username, password="nové dlouhé heslo", address="192.0.2.1")


def test_nobody_but_administrators_sets_others_passwords(world: World) -> None:
    viewer = viewer_of(world.runtime, world.cast.supervisor)
    with pytest.raises(NotAllowed):
        set_password(world.runtime, viewer, world.cast.olga.id, PASSWORD)


@pytest.mark.parametrize("password", ["", "krátké", "elevenchars", "aaaaaaaaaaaaaaaa"])
def test_a_password_that_is_easily_guessed_is_refused(world: World, password: str) -> None:
    with pytest.raises(InvalidInput):
        set_password(world.runtime, None, world.cast.olga.id, password)


def test_the_user_name_is_no_part_of_a_password(world: World) -> None:
    create_agent(world.runtime, None, AgentDetails("jana.novakova", "Jana"))
    with world.runtime.database.read() as session:
        agent_id = session.scalar(sa.select(Agent.id).where(Agent.username == "jana.novakova"))
    assert agent_id is not None
    with pytest.raises(InvalidInput, match="user name"):
        set_password(world.runtime, None, agent_id, "Jana.Novakova.2026")
