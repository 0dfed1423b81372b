"""Who serves a customer and who is there: assignments, agents with absences, the pool, the days."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.db.models import Absence, Agent, Assignment, ClosingDay, Service
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.queries.validity import valid_on
from supportdesk.routing import facts
from supportdesk.routing.calendar import BusinessCalendar


@dataclass(frozen=True, slots=True)
class Assigned:
    """The agents who serve an organisation; None where nobody is assigned."""

    consultant_id: int | None = None
    deputy_id: int | None = None
    account_manager_id: int | None = None


NOBODY = Assigned()


def find_assigned(
    session: Session, organisations: Mapping[int, int | None], today: date
) -> Mapping[int, Assigned]:
    """Find who serves each organisation (id -> contract id) on the local day `today`.

    For each service the organisation's own assignment beats the one on its framework contract;
    of several the latest begun counts.
    """
    contracts = {contract for contract in organisations.values() if contract is not None}
    rows = fetch(
        session,
        _assignments(),
        organisations=list(organisations),
        contracts=list(contracts),
        today=today,
    ).all()
    own = {(row.organisation_id, row.service): row.agent_id for row in rows}
    common = {(row.contract_id, row.service): row.agent_id for row in rows if row.contract_id}

    def serving(organisation: int, contract: int | None, service: Service) -> int | None:
        return own.get((organisation, service)) or common.get((contract, service))

    return {
        organisation: Assigned(
            serving(organisation, contract, Service.CONSULTANT),
            serving(organisation, contract, Service.DEPUTY),
            serving(organisation, contract, Service.ACCOUNT_MANAGER),
        )
        for organisation, contract in organisations.items()
    }


def load_agents(session: Session, at: datetime) -> Mapping[int, facts.Agent]:
    """Load every agent with the absences that have not ended at `at`."""
    absences: dict[int, list[facts.Absence]] = defaultdict(list)
    for row in fetch(session, _absences(), at=at):
        absences[row.agent_id].append(
            facts.Absence(row.starts_at, row.ends_at, row.kind, row.substitute_id)
        )
    return {
        row.id: facts.Agent(
            row.id,
            row.name,
            is_active=row.is_active,
            status=row.status,
            absences=tuple(absences[row.id]),
        )
        for row in fetch(session, _agents())
    }


def load_calendar(session: Session) -> BusinessCalendar:
    """Load the business calendar with the operator's own closing days."""
    days = fetch(session, _closing_days())
    return _calendar(tuple(sorted((row.on_date, row.name) for row in days)))


@cache
def _assignments() -> AnySelect:
    return (
        sa.select(
            Assignment.service,
            Assignment.agent_id,
            Assignment.organisation_id,
            Assignment.contract_id,
        )
        .where(
            sa.or_(
                Assignment.organisation_id.in_(sa.bindparam("organisations", expanding=True)),
                Assignment.contract_id.in_(sa.bindparam("contracts", expanding=True)),
            )
        )
        .where(valid_on(Assignment))
        .order_by(Assignment.valid_from, Assignment.id)
    )


@cache
def _absences() -> AnySelect:
    return sa.select(
        Absence.agent_id,
        Absence.starts_at,
        Absence.ends_at,
        Absence.kind,
        Absence.substitute_id,
    ).where(Absence.ends_at > sa.bindparam("at"))


@cache
def _agents() -> AnySelect:
    return sa.select(Agent.id, Agent.name, Agent.is_active, Agent.status)


@cache
def _closing_days() -> AnySelect:
    return sa.select(ClosingDay.on_date, ClosingDay.name)


@lru_cache(maxsize=4)
def _calendar(closing_days: tuple[tuple[date, str], ...]) -> BusinessCalendar:
    # The calendar remembers every day it worked out; a new one each time would forget them.
    return BusinessCalendar(dict(closing_days))
