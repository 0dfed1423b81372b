"""Who is there: the status that people set, their absences, and the operator's closing days."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.history import actor_of, record_audit
from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Absence, Agent, ClosingDay, TeamMember
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound
from supportdesk.routing.calendar import day_bounds, local_date
from supportdesk.routing.facts import AbsenceKind, AgentStatus

LONGEST_ABSENCE_DAYS = 366


def set_status(
    runtime: Runtime, viewer: Viewer, status: AgentStatus, *, agent_id: int | None = None
) -> None:
    """Say that one is available or away; a supervisor says it of others with `agent_id`."""
    agent_id = _own_or_supervised(viewer, agent_id)
    now = runtime.clock()
    with runtime.database.write() as session:
        agent = _active_agent(session, agent_id)
        if agent.status is status:
            return
        agent.status = status
        record_audit(
            session,
            "status_set",
            actor=actor_of(viewer),
            at=now,
            subject=f"agent:{agent_id}",
            detail={"status": status},
        )


def record_absence(
    runtime: Runtime,
    viewer: Viewer,
    *,
    first_on: date,
    last_on: date,
    kind: AbsenceKind = AbsenceKind.LEAVE,
    substitute_id: int | None = None,
    agent_id: int | None = None,
) -> int:
    """Record an absence for whole local days, both included, and give its id.

    `agent_id` None means the viewer herself.

    Raises:
        InvalidInput: the days are the wrong way round, over, or too many; or the substitute is
            nobody who works at a desk.
    """
    agent_id = _own_or_supervised(viewer, agent_id)
    now = runtime.clock()
    _check_days(first_on, last_on, today=local_date(now))
    with runtime.database.write() as session:
        _active_agent(session, agent_id)
        if substitute_id is not None:
            _check_substitute(session, agent_id, substitute_id)
        absence = Absence(
            agent_id=agent_id,
            starts_at=day_bounds(first_on)[0],
            ends_at=day_bounds(last_on)[1],
            kind=kind,
            substitute_id=substitute_id,
        )
        session.add(absence)
        session.flush()
        record_audit(
            session,
            "absence_recorded",
            actor=actor_of(viewer),
            at=now,
            subject=f"agent:{agent_id}",
            detail={
                "absence_id": absence.id,
                "first_on": first_on.isoformat(),
                "last_on": last_on.isoformat(),
                "substitute_id": substitute_id,
            },
        )
        return absence.id


def end_absence(runtime: Runtime, viewer: Viewer, absence_id: int) -> None:
    """End an absence now; one that has not begun is called off.

    Raises:
        Conflict: it is over already.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        absence = session.get(Absence, absence_id, with_for_update=True)
        if absence is None:
            raise NotFound(
                "There is no absence {absence}; it may have been called off.", absence=absence_id
            )
        _own_or_supervised(viewer, absence.agent_id)
        if absence.ends_at <= now:
            raise Conflict("Absence {absence} is over already.", absence=absence_id)
        if absence.starts_at >= now:
            session.delete(absence)
        else:
            absence.ends_at = now
        record_audit(
            session,
            "absence_ended",
            actor=actor_of(viewer),
            at=now,
            subject=f"agent:{absence.agent_id}",
            detail={"absence_id": absence_id},
        )


def add_closing_day(runtime: Runtime, viewer: Viewer, on: date, name: str) -> None:
    """Close the customer centre for a day beyond the public holidays; a known one is renamed.

    Raises:
        InvalidInput: it has no name, or lies in the past, which decisions were made for already.
    """
    _must_manage_calendar(viewer)
    name = name.strip()
    if not name:
        raise InvalidInput("Name the closing day; customers and colleagues will read it.")
    now = runtime.clock()
    if on < local_date(now):
        raise InvalidInput("{on} is over; a closing day has to be today or later.", on=on)
    with runtime.database.write() as session:
        session.merge(ClosingDay(on_date=on, name=name))
        record_audit(
            session,
            "closing_day_added",
            actor=actor_of(viewer),
            at=now,
            subject=f"day:{on}",
            detail={"name": name},
        )


def remove_closing_day(runtime: Runtime, viewer: Viewer, on: date) -> None:
    """Open the customer centre again on a day that is not over yet."""
    _must_manage_calendar(viewer)
    now = runtime.clock()
    if on < local_date(now):
        raise InvalidInput("{on} is over; decisions were made for it already.", on=on)
    with runtime.database.write() as session:
        day = session.get(ClosingDay, on)
        if day is None:
            raise NotFound("{on} is no closing day.", on=on)
        session.delete(day)
        record_audit(
            session, "closing_day_removed", actor=actor_of(viewer), at=now, subject=f"day:{on}"
        )


def _own_or_supervised(viewer: Viewer, agent_id: int | None) -> int:
    if agent_id is None or agent_id == viewer.agent_id:
        return viewer.agent_id
    if not viewer.is_supervisor:
        raise NotAllowed("Only a supervisor changes when others are there; ask one.")
    return agent_id


def _must_manage_calendar(viewer: Viewer) -> None:
    if not (viewer.is_supervisor or viewer.is_administrator):
        raise NotAllowed("Closing days are set by supervisors and administrators; ask one.")


def _active_agent(session: Session, agent_id: int) -> Agent:
    agent = session.get(Agent, agent_id, with_for_update=True)
    if agent is None or not agent.is_active:
        raise NotFound("There is no agent {agent} who works here.", agent=agent_id)
    return agent


def _check_days(first_on: date, last_on: date, *, today: date) -> None:
    if last_on < first_on:
        raise InvalidInput(
            "The last day {last_on} is before the first, {first_on}; swap them.",
            last_on=last_on,
            first_on=first_on,
        )
    if last_on < today:
        raise InvalidInput(
            "The absence ended on {last_on}; record one that is not over.", last_on=last_on
        )
    if (last_on - first_on).days >= LONGEST_ABSENCE_DAYS:
        raise InvalidInput(
            "An absence lasts at most {days} days;"
            " somebody away for longer needs another consultant assigned.",
            days=LONGEST_ABSENCE_DAYS,
        )


def _check_substitute(session: Session, agent_id: int, substitute_id: int) -> None:
    works_at_a_desk = sa.exists().where(TeamMember.agent_id == Agent.id)
    found = session.scalar(
        sa.select(Agent.id).where(Agent.id == substitute_id, Agent.is_active, works_at_a_desk)
    )
    if found is None or substitute_id == agent_id:
        raise InvalidInput("The substitute has to be somebody else who works at a desk.")
