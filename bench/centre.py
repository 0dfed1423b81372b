"""The people of the measured centre: staff, customers and their contacts, the same every time."""

from datetime import date
from typing import Any

from bench.load import Put
from supportdesk.db.models import (
    Agent,
    AgentRight,
    Assignment,
    Contact,
    ContactAddress,
    FrameworkContract,
    Mailbox,
    Membership,
    MembershipRole,
    Organisation,
    Right,
    Service,
    Team,
    TeamMember,
)
from supportdesk.tickets import Desk

MAILBOX = "business@example.com"
CONSULTANTS, ASSISTANTS, SPECIALISTS = range(1, 21), range(21, 33), range(33, 41)
SUPERVISOR = 41
CONTRACTS, ORGANISATIONS, CONTACTS = 12, 300, 1500
ROLES = ("finance_admin", "service_admin", "technical_admin", "informational", "responsible")

_SINCE = date(2020, 1, 1)
_TEAMS = {
    Desk.CUSTOMER_CENTRE: CONSULTANTS,
    Desk.POOL: ASSISTANTS,
    Desk.TDMS: SPECIALISTS,
}
_FIRST = ("Jana", "Petr", "Olga", "Tomáš", "Věra", "Karel", "Eva", "Ivan", "Radek", "Lucie")
_LAST = ("Novák", "Dvořák", "Svoboda", "Malý", "Pokorný", "Marek", "Veselý", "Horák", "Říha")


def contact_name(number: int) -> str:
    """Give the name of a contact."""
    return f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}"


def contact_address(number: int) -> str:
    """Give the address of a contact."""
    return f"kontakt{number}@obec{organisation_of(number)}.example"


def organisation_of(contact: int) -> int:
    """Give the organisation for which a contact acts."""
    return 1 + contact % ORGANISATIONS


def role_of(contact: int) -> str:
    """Give the one role of a contact."""
    return ROLES[contact // ORGANISATIONS % len(ROLES)]


def consultant_of(organisation: int) -> int:
    """Give the agent who is the personal consultant of an organisation."""
    return CONSULTANTS[organisation % len(CONSULTANTS)]


def put_centre(put: Put) -> None:
    """Put staff, customers, contacts and the mailbox into an empty database."""
    put(Mailbox, [{"id": 1, "address": MAILBOX, "name": "Business"}])
    _put_staff(put)
    _put_customers(put)
    _put_contacts(put)


def _put_staff(put: Put) -> None:
    agents = [*CONSULTANTS, *ASSISTANTS, *SPECIALISTS, SUPERVISOR]
    put(
        Agent, [{"id": one, "username": f"agent{one}", "name": contact_name(one)} for one in agents]
    )
    put(AgentRight, [{"agent_id": SUPERVISOR, "right": Right.SUPERVISOR}])
    put(Team, [{"id": number, "desk": desk, "name": desk} for number, desk in enumerate(_TEAMS, 1)])
    put(
        TeamMember,
        [
            {"team_id": number, "agent_id": agent, "experience": 1 + agent % 5}
            for number, members in enumerate(_TEAMS.values(), 1)
            for agent in members
        ],
    )


def _put_customers(put: Put) -> None:
    contracts, organisations = range(1, CONTRACTS + 1), range(1, ORGANISATIONS + 1)
    put(
        FrameworkContract,
        [{"id": one, "number": f"RS-{one}", "name": f"Kraj {one}"} for one in contracts],
    )
    put(
        Organisation,
        [
            {
                "id": one,
                "key": f"Z{one}",
                "name": f"Obec {one}",
                "contract_id": 1 + one % CONTRACTS,
                "authority": "central" if one <= CONTRACTS else "delegating",
            }
            for one in organisations
        ],
    )
    own = [_assignment(Service.CONSULTANT, consultant_of(one), one, None) for one in organisations]
    common = [
        _assignment(service, 1 + (contract + step) % len(CONSULTANTS), None, contract)
        for contract in contracts
        for step, service in ((5, Service.DEPUTY), (11, Service.ACCOUNT_MANAGER))
    ]
    put(Assignment, own + common)


def _assignment(
    service: Service, agent: int, organisation: int | None, contract: int | None
) -> dict[str, Any]:
    return {
        "service": service,
        "agent_id": agent,
        "organisation_id": organisation,
        "contract_id": contract,
        "valid_from": _SINCE,
    }


def _put_contacts(put: Put) -> None:
    numbers = range(1, CONTACTS + 1)
    put(Contact, [{"id": one, "key": f"K{one}", "name": contact_name(one)} for one in numbers])
    put(ContactAddress, [{"contact_id": one, "address": contact_address(one)} for one in numbers])
    put(
        Membership,
        [
            {
                "id": one,
                "contact_id": one,
                "organisation_id": organisation_of(one),
                "valid_from": _SINCE,
            }
            for one in numbers
        ],
    )
    put(
        MembershipRole,
        [{"membership_id": one, "role": role_of(one), "valid_from": _SINCE} for one in numbers],
    )
