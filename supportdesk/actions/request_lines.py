"""What a ticket asks for: words propose, staff confirm, and only authority lets it be carried out.

Every answer about authority is computed at that moment and stored, whatever comes of it.
"""

from collections.abc import Collection
from datetime import datetime
from typing import assert_never

from sqlalchemy.orm import Session

from supportdesk.actions.history import actor_of, record_audit, record_event
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.ticket_access import ticket_to_change
from supportdesk.db.models import AuthorityCheck, LineState, RequestLine, Ticket
from supportdesk.db.queries.standing import standing_of
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound
from supportdesk.routing.authority import Activity, Authority, Circumstance, Outcome, check
from supportdesk.routing.calendar import local_date
from supportdesk.tickets import EventKind, State

MAX_OBJECT_CHARS = 200

_UNDECIDED = frozenset({LineState.PROPOSED, LineState.CONFIRMED, LineState.AWAITING_APPROVAL})
_MAY_BE_TRIED = frozenset({LineState.CONFIRMED, LineState.AWAITING_APPROVAL, LineState.REFUSED})


def propose_line(
    runtime: Runtime,
    viewer: Viewer,
    ticket_id: int,
    activity: Activity,
    wanted: str = "",
) -> int:
    """Add a request line to a ticket and give its id.

    `wanted` is the thing itself: a number, a document, a service.
    """
    wanted = wanted.strip()
    if len(wanted) > MAX_OBJECT_CHARS:
        raise InvalidInput(
            "What is asked for takes at most {most} characters.", most=MAX_OBJECT_CHARS
        )
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = _open_ticket(session, viewer, ticket_id)
        line = RequestLine(ticket_id=ticket.id, activity=activity, object=wanted, created_at=now)
        session.add(line)
        session.flush()
        _record(session, EventKind.LINE_PROPOSED, line, viewer, now)
        return line.id


def confirm_line(
    runtime: Runtime,
    viewer: Viewer,
    ticket_id: int,
    line_id: int,
    *,
    circumstances: Collection[Circumstance] = (),
) -> Authority:
    """Confirm that a line is what the customer asks for; tell whether it could be carried out now.

    Raises:
        Conflict: it has been decided about already.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = _open_ticket(session, viewer, ticket_id)
        line = _line(session, ticket, line_id)
        if line.state is not LineState.PROPOSED:
            raise Conflict(
                "The line is {state} already; look at the ticket again.", state=line.state
            )
        authority = _check(session, ticket, line, circumstances, viewer=viewer, at=now)[1]
        line.state = LineState.CONFIRMED
        _record(session, EventKind.LINE_CONFIRMED, line, viewer, now, outcome=authority.outcome)
        return authority


def dismiss_line(
    runtime: Runtime, viewer: Viewer, ticket_id: int, line_id: int, *, reason: str = ""
) -> None:
    """Put a line aside that nobody asked for.

    Raises:
        Conflict: it has been decided about already.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = _open_ticket(session, viewer, ticket_id)
        line = _line(session, ticket, line_id)
        if line.state not in _UNDECIDED:
            raise Conflict(
                "The line is {state} already; look at the ticket again.", state=line.state
            )
        line.state = LineState.DISMISSED
        _record(session, EventKind.LINE_DISMISSED, line, viewer, now, reason=reason.strip())


def carry_out_line(
    runtime: Runtime,
    viewer: Viewer,
    ticket_id: int,
    line_id: int,
    *,
    circumstances: Collection[Circumstance] = (),
    override_reason: str = "",
) -> Authority:
    """Carry a confirmed line out, if the contact has the authority for it at this moment.

    `circumstances` are what the agent knows of the object and the proof given; they are stored
    under her name. With an `override_reason` a supervisor carries out what is not allowed.

    Raises:
        NotAllowed: authority is missing; the check and the line's new state are stored.
        InvalidInput: the line was not confirmed before.
        Conflict: it is carried out or dismissed already.
    """
    override_reason = override_reason.strip()
    if override_reason and not viewer.is_supervisor:
        raise NotAllowed("Only a supervisor carries out what is not allowed; ask one.")
    now = runtime.clock()
    with runtime.database.write() as session:
        ticket = _open_ticket(session, viewer, ticket_id)
        line = _line(session, ticket, line_id)
        _must_be_confirmed(line)
        stored, authority = _check(session, ticket, line, circumstances, viewer=viewer, at=now)
        is_allowed = authority.outcome is Outcome.ALLOWED
        if not is_allowed and override_reason:
            _override(session, stored, line, viewer, override_reason)
            is_allowed = True
        kind, line.state = _consequence(authority.outcome, line.state, is_allowed=is_allowed)
        _record(session, kind, line, viewer, now, outcome=authority.outcome)
    # Only now, so that the refusal is stored.
    if not is_allowed:
        raise _refusal(authority)
    return authority


def _refusal(authority: Authority) -> NotAllowed:
    """Say why something may not be carried out and what would help."""
    match authority.outcome:
        case Outcome.NEEDS_LEVEL:
            level = authority.level_needed
            return NotAllowed(
                "We are not sure enough who asks: this needs {needed}; the request came with"
                " {given}. Have the contact confirm it.",
                needed=[*([level] if level else ()), *authority.missing],
                given=authority.level_given,
            )
        case Outcome.NEEDS_APPROVAL:
            return NotAllowed(
                "The customer's {approver} has to approve it first; it waits.",
                approver=authority.approver,
            )
        case Outcome.INFORMATION_ONLY:
            return NotAllowed(
                "The contact may be given information about it, but nothing may be carried out."
            )
        case Outcome.ALLOWED | Outcome.REFUSED:
            return NotAllowed(
                "The contact's roles do not cover it; somebody with the right role has to ask."
            )
        case _ as unreachable:
            assert_never(unreachable)


def _open_ticket(session: Session, viewer: Viewer, ticket_id: int) -> Ticket:
    ticket = ticket_to_change(session, viewer, ticket_id)
    if ticket.state is State.CLOSED:
        raise InvalidInput(
            "Ticket {ticket} is closed; what is still wanted needs a new one.", ticket=ticket_id
        )
    return ticket


def _line(session: Session, ticket: Ticket, line_id: int) -> RequestLine:
    line = session.get(RequestLine, line_id)
    if line is None or line.ticket_id != ticket.id:
        raise NotFound(
            "Ticket {ticket} has no request line {line}.", ticket=ticket.id, line=line_id
        )
    return line


def _must_be_confirmed(line: RequestLine) -> None:
    if line.state is LineState.PROPOSED:
        raise InvalidInput("Confirm first that this is what the customer asks for.")
    if line.state not in _MAY_BE_TRIED:
        raise Conflict("The line is {state} already; look at the ticket again.", state=line.state)


def _check(
    session: Session,
    ticket: Ticket,
    line: RequestLine,
    circumstances: Collection[Circumstance],
    *,
    viewer: Viewer,
    at: datetime,
) -> tuple[AuthorityCheck, Authority]:
    standing = standing_of(session, ticket, today=local_date(at))
    authority = check(Activity(line.activity), standing.roles, standing.assurance, circumstances)
    stored = AuthorityCheck(
        request_line_id=line.id,
        contact_id=standing.contact_id,
        organisation_id=standing.organisation_id,
        activity=line.activity,
        roles=list(standing.roles),
        assurance=standing.assurance,
        outcome=authority.outcome,
        detail={**authority.to_json(), "circumstances": sorted(circumstances)},
        matrix_version=authority.matrix_version,
        checked_at=at,
        checked_by_id=viewer.agent_id,
    )
    session.add(stored)
    return stored, authority


def _override(
    session: Session, stored: AuthorityCheck, line: RequestLine, viewer: Viewer, reason: str
) -> None:
    stored.overridden_by_id = viewer.agent_id
    stored.override_reason = reason
    record_audit(
        session,
        "authority_overridden",
        actor=actor_of(viewer),
        at=stored.checked_at,
        subject=f"ticket:{line.ticket_id}",
        detail={
            "line_id": line.id,
            "activity": line.activity,
            "outcome": stored.outcome,
            "reason": reason,
        },
    )


def _consequence(
    outcome: Outcome, state: LineState, *, is_allowed: bool
) -> tuple[EventKind, LineState]:
    """Tell what happens to a line; without enough assurance it can be tried again."""
    if is_allowed:
        return EventKind.LINE_CARRIED_OUT, LineState.CARRIED_OUT
    if outcome is Outcome.NEEDS_APPROVAL:
        return EventKind.LINE_HELD, LineState.AWAITING_APPROVAL
    if outcome is Outcome.NEEDS_LEVEL:
        return EventKind.LINE_REFUSED, state
    return EventKind.LINE_REFUSED, LineState.REFUSED


def _record(
    session: Session,
    kind: EventKind,
    line: RequestLine,
    viewer: Viewer,
    at: datetime,
    **data: str,
) -> None:
    record_event(
        session,
        kind,
        ticket_id=line.ticket_id,
        at=at,
        agent_id=viewer.agent_id,
        data={"line_id": line.id, "activity": line.activity, "object": line.object, **data},
    )
