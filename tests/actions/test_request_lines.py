"""Request lines: nothing is carried out without authority of that very moment."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from supportdesk.actions.request_lines import (
    carry_out_line,
    confirm_line,
    dismiss_line,
    propose_line,
)
from supportdesk.db.models import (
    AuthorityCheck,
    LineState,
    Membership,
    MembershipRole,
    RequestLine,
    Ticket,
)
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound
from supportdesk.messages import Assurance
from supportdesk.routing.authority import MATRIX_VERSION, Activity, Circumstance, Outcome
from supportdesk.tickets import EventKind, State
from tests.factories import NOON, make_contact, make_message, make_ticket
from tests.staff import audited, events_of, viewer_of
from tests.world import World


@dataclass
class Request:
    """A ticket of the finance administrator with a line that asks for something."""

    world: World
    ticket_id: int
    line_id: int

    @property
    def jana(self) -> Viewer:
        """Log in as the consultant."""
        return viewer_of(self.world.runtime, self.world.cast.jana)

    @property
    def supervisor(self) -> Viewer:
        """Log in as the supervisor."""
        return viewer_of(self.world.runtime, self.world.cast.supervisor)

    @property
    def state(self) -> LineState:
        """Read the state of the line."""
        with self.world.runtime.database.read() as session:
            return session.get_one(RequestLine, self.line_id).state

    @property
    def checks(self) -> list[AuthorityCheck]:
        """Read the stored answers, the oldest first."""
        with self.world.runtime.database.read() as session:
            return list(session.scalars(sa.select(AuthorityCheck).order_by(AuthorityCheck.id)))

    def confirm(self) -> Outcome:
        """Have Jana confirm the line."""
        return confirm_line(self.world.runtime, self.jana, self.ticket_id, self.line_id).outcome

    def carry_out(self, *circumstances: Circumstance) -> None:
        """Have Jana carry the line out."""
        carry_out_line(
            self.world.runtime,
            self.jana,
            self.ticket_id,
            self.line_id,
            circumstances=circumstances,
        )


def ask(
    world: World,
    activity: Activity = Activity.INVOICE_VIEW,
    *,
    assurance: Assurance = Assurance.L2,
    who: str = "ekonom",
) -> Request:
    """Have a contact of the cast ask for something; Jana notes the line."""
    cast = world.cast
    contact = getattr(cast, who)
    organisation = cast.school if who == "reditel" else cast.region
    with world.runtime.database.write() as session:
        ticket = make_ticket(session, contact=contact, organisation=organisation, owner=cast.jana)
        make_message(session, ticket, contact=contact, assurance=assurance)
    jana = viewer_of(world.runtime, cast.jana)
    line_id = propose_line(world.runtime, jana, ticket.id, activity, "603 604 644")
    return Request(world, ticket.id, line_id)


def test_what_is_allowed_is_carried_out_and_both_checks_are_stored(world: World) -> None:
    request = ask(world)
    assert request.confirm() is Outcome.ALLOWED
    request.carry_out()
    assert request.state is LineState.CARRIED_OUT
    first, second = request.checks
    assert first.outcome == second.outcome == "allowed"
    assert second.roles == ["finance_admin"]
    assert second.assurance is Assurance.L2
    assert second.matrix_version == MATRIX_VERSION
    assert second.contact_id == world.cast.ekonom.id
    assert second.checked_by_id == world.cast.jana.id
    assert second.detail["role"] == "finance_admin"


def test_a_line_that_nobody_confirmed_is_never_carried_out(world: World) -> None:
    request = ask(world)
    with pytest.raises(InvalidInput, match="Confirm first"):
        request.carry_out()
    assert request.state is LineState.PROPOSED
    assert request.checks == []


def test_confirming_needs_no_authority_but_shows_the_outcome_early(world: World) -> None:
    request = ask(world, Activity.CONTRACT, who="technik")
    assert request.confirm() is Outcome.REFUSED
    assert request.state is LineState.CONFIRMED
    assert len(request.checks) == 1


@pytest.mark.parametrize(
    ("case", "state", "reason"),
    [
        (("ekonom", Activity.INVOICE_VIEW, Assurance.L1), LineState.CONFIRMED, "needs L2"),
        (("ekonom", Activity.CONTRACT, Assurance.L3), LineState.REFUSED, "right role"),
        (("ekonom", Activity.CALL_RECORDS, Assurance.L3), LineState.REFUSED, "right role"),
        (("technik", Activity.ORDER, Assurance.L3), LineState.AWAITING_APPROVAL, "service_admin"),
    ],
)
def test_without_authority_the_refusal_is_stored_and_says_what_helps(
    world: World,
    case: tuple[str, Activity, Assurance],
    state: LineState,
    reason: str,
) -> None:
    who, activity, assurance = case
    request = ask(world, activity, who=who, assurance=assurance)
    request.confirm()
    with pytest.raises(NotAllowed, match=reason):
        request.carry_out()
    assert request.state is state
    assert len(request.checks) == 2
    assert EventKind.LINE_CARRIED_OUT not in dict(events_of(world.runtime, request.ticket_id))


def test_a_role_that_ended_between_confirming_and_carrying_out_counts_no_more(
    world: World,
) -> None:
    request = ask(world)
    assert request.confirm() is Outcome.ALLOWED
    with world.runtime.database.write() as session:
        session.execute(sa.update(MembershipRole).values(valid_until=NOON.date()))
    with pytest.raises(NotAllowed):
        request.carry_out()
    assert request.checks[-1].roles == []


def test_a_membership_that_ended_takes_its_roles_along(world: World) -> None:
    request = ask(world)
    request.confirm()
    with world.runtime.database.write() as session:
        session.execute(sa.update(Membership).values(valid_until=NOON.date()))
    with pytest.raises(NotAllowed):
        request.carry_out()


def test_what_somebody_else_wrote_into_the_ticket_proves_nothing_about_the_contact(
    world: World,
) -> None:
    request = ask(world, assurance=Assurance.L0)
    with world.runtime.database.write() as session:
        ticket = session.get_one(Ticket, request.ticket_id)
        stranger = make_contact(session, "Cizí Člověk", world.cast.school)
        make_message(session, ticket, contact=stranger, assurance=Assurance.L3)
        make_message(session, ticket, contact=None, assurance=Assurance.L3)
    request.confirm()
    with pytest.raises(NotAllowed, match="came with L0"):
        request.carry_out()


def test_a_newer_message_of_the_contact_sets_the_level(world: World) -> None:
    request = ask(world, assurance=Assurance.L1)
    request.confirm()
    with pytest.raises(NotAllowed):
        request.carry_out()
    _write_again(request, Assurance.L2)
    request.carry_out()
    assert request.state is LineState.CARRIED_OUT


def test_a_later_message_without_proof_lowers_the_level(world: World) -> None:
    request = ask(world, assurance=Assurance.L2)
    _write_again(request, Assurance.L0)
    request.confirm()
    with pytest.raises(NotAllowed, match="came with L0"):
        request.carry_out()


def _write_again(request: Request, assurance: Assurance) -> None:
    with request.world.runtime.database.write() as session:
        ticket = session.get_one(Ticket, request.ticket_id)
        make_message(session, ticket, contact=request.world.cast.ekonom, assurance=assurance)


def test_proof_is_stored_under_the_name_of_who_took_it(world: World) -> None:
    request = ask(world, Activity.CALL_RECORDS, assurance=Assurance.L3)
    request.confirm()
    request.carry_out(Circumstance.GRANTED)
    assert request.checks[-1].detail["circumstances"] == ["granted"]
    assert request.state is LineState.CARRIED_OUT


def test_an_override_needs_a_supervisor_and_is_audited(world: World) -> None:
    request = ask(world, Activity.CONTRACT)
    request.confirm()
    with pytest.raises(NotAllowed, match="Only a supervisor"):
        carry_out_line(
            world.runtime,
            request.jana,
            request.ticket_id,
            request.line_id,
            override_reason="spěchá to",
        )
    carry_out_line(
        world.runtime,
        request.supervisor,
        request.ticket_id,
        request.line_id,
        override_reason="ředitel potvrdil telefonicky",
    )
    assert request.state is LineState.CARRIED_OUT
    last = request.checks[-1]
    assert (last.outcome, last.overridden_by_id) == ("refused", world.cast.supervisor.id)
    entry = audited(world.runtime)[-1]
    assert entry.action == "authority_overridden"
    assert entry.detail["reason"] == "ředitel potvrdil telefonicky"


def test_a_supervisor_without_a_reason_overrides_nothing(world: World) -> None:
    request = ask(world, Activity.CONTRACT)
    request.confirm()
    with pytest.raises(NotAllowed, match="right role"):
        carry_out_line(
            world.runtime,
            request.supervisor,
            request.ticket_id,
            request.line_id,
            override_reason="  ",
        )


def test_an_override_of_what_is_allowed_anyway_is_none(world: World) -> None:
    request = ask(world)
    request.confirm()
    carry_out_line(
        world.runtime,
        request.supervisor,
        request.ticket_id,
        request.line_id,
        override_reason="pro jistotu",
    )
    assert request.checks[-1].overridden_by_id is None


def test_nothing_is_carried_out_twice(world: World) -> None:
    request = ask(world)
    request.confirm()
    request.carry_out()
    with pytest.raises(Conflict, match="carried_out already"):
        request.carry_out()
    with pytest.raises(Conflict):
        dismiss_line(world.runtime, request.jana, request.ticket_id, request.line_id)


def test_a_dismissed_line_is_neither_confirmed_nor_carried_out(world: World) -> None:
    request = ask(world)
    dismiss_line(world.runtime, request.jana, request.ticket_id, request.line_id, reason="omyl")
    with pytest.raises(Conflict):
        request.confirm()
    with pytest.raises(Conflict):
        request.carry_out()


def test_a_line_of_another_ticket_is_not_found(world: World) -> None:
    request, other = ask(world), ask(world)
    with pytest.raises(NotFound, match="no request line"):
        confirm_line(world.runtime, request.jana, other.ticket_id, request.line_id)


def test_a_closed_ticket_takes_no_lines(world: World) -> None:
    with world.runtime.database.write() as session:
        ticket = make_ticket(session, state=State.CLOSED, created_at=NOON - timedelta(days=30))
    jana = viewer_of(world.runtime, world.cast.jana)
    with pytest.raises(InvalidInput, match="is closed"):
        propose_line(world.runtime, jana, ticket.id, Activity.ORDER)


def test_a_stranger_has_no_authority_but_may_report_a_fault(world: World) -> None:
    with world.runtime.database.write() as session:
        ticket = make_ticket(session, needs_identification=True)
        make_message(session, ticket)
    jana = viewer_of(world.runtime, world.cast.jana)
    for activity, is_allowed in [(Activity.REPORT_FAULT, True), (Activity.INVOICE_VIEW, False)]:
        line_id = propose_line(world.runtime, jana, ticket.id, activity)
        confirm_line(world.runtime, jana, ticket.id, line_id)
        if is_allowed:
            carry_out_line(world.runtime, jana, ticket.id, line_id)
        else:
            with pytest.raises(NotAllowed):
                carry_out_line(world.runtime, jana, ticket.id, line_id)
