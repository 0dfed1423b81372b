"""What is stored of people, in the same natural keys and values as a file has them."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from supportdesk.actions.people_import.plan import Key, Snapshot, Values
from supportdesk.db.models import (
    Absence,
    Agent,
    AgentRight,
    Assignment,
    ClosingDay,
    Contact,
    ContactAddress,
    ContactNumber,
    FrameworkContract,
    Mailbox,
    Membership,
    MembershipRole,
    Organisation,
    OrganisationNumber,
    Team,
    TeamMember,
)

Rows = dict[Key, Values]


def load_snapshot(session: Session) -> Snapshot:
    """Load all that a file may speak of."""
    contract, organisation = FrameworkContract.number, Organisation.key
    return {
        "contract": _rows(session, sa.select(contract, FrameworkContract.name)),
        "organisation": _rows(
            session,
            sa.select(
                organisation,
                Organisation.name,
                Organisation.registration_number,
                contract.label("contract"),
                Organisation.authority,
                Organisation.note,
            ).outerjoin(FrameworkContract),
        ),
        "shared_number": _rows(
            session,
            sa.select(OrganisationNumber.number, organisation.label("organisation")).join(
                Organisation, Organisation.id == OrganisationNumber.organisation_id
            ),
        ),
        "contact": _contacts(session),
        "membership": _memberships(session),
        "agent": _agents(session),
        "assignment": _assignments(session),
        "absence": _absences(session),
        "closing_day": _rows(session, sa.select(ClosingDay.on_date, ClosingDay.name)),
        "mailbox": _rows(
            session,
            sa.select(
                Mailbox.address,
                Mailbox.name,
                Mailbox.topic,
                Mailbox.imap_host,
                Mailbox.imap_port,
                Mailbox.imap_security,
                Mailbox.imap_username,
                Mailbox.imap_folder,
            ),
        ),
    }


def _rows(session: Session, query: sa.Select[*tuple[Any, ...]], *, keys: int = 1) -> Rows:
    """Run a query whose first columns are the key."""
    result = session.execute(query)
    names = list(result.keys())[keys:]
    return {tuple(row[:keys]): dict(zip(names, row[keys:], strict=True)) for row in result}


def _contacts(session: Session) -> Rows:
    addresses = _grouped(session, sa.select(ContactAddress.contact_id, ContactAddress.address))
    numbers = _grouped(session, sa.select(ContactNumber.contact_id, ContactNumber.number))
    return {
        (row.key,): {
            "name": row.name,
            "language": row.language,
            "addresses": tuple(sorted(addresses[row.id])),
            "numbers": tuple(sorted(numbers[row.id])),
        }
        for row in session.execute(
            sa.select(Contact.id, Contact.key, Contact.name, Contact.language)
        )
    }


def _memberships(session: Session) -> Rows:
    roles: dict[int, dict[str, Any]] = defaultdict(dict)
    for held in session.execute(
        sa.select(
            MembershipRole.membership_id,
            MembershipRole.role,
            MembershipRole.valid_from,
            MembershipRole.valid_until,
        )
    ):
        roles[held.membership_id][held.role] = (held.valid_from, held.valid_until)
    return {
        (row.contact, row.organisation): {
            "valid_from": row.valid_from,
            "valid_until": row.valid_until,
            "roles": roles[row.id],
        }
        for row in session.execute(
            sa.select(
                Membership.id,
                Contact.key.label("contact"),
                Organisation.key.label("organisation"),
                Membership.valid_from,
                Membership.valid_until,
            )
            .join(Contact, Contact.id == Membership.contact_id)
            .join(Organisation, Organisation.id == Membership.organisation_id)
        )
    }


def _agents(session: Session) -> Rows:
    teams = _grouped(
        session,
        sa.select(TeamMember.agent_id, Team.desk, TeamMember.experience).join(
            Team, Team.id == TeamMember.team_id
        ),
    )
    rights = _grouped(session, sa.select(AgentRight.agent_id, AgentRight.right))
    return {
        (row.username,): {
            "name": row.name,
            "email": row.email,
            "phone": row.phone,
            "language": row.language,
            "teams": dict(teams[row.id]),
            "rights": tuple(sorted(rights[row.id])),
        }
        for row in session.execute(
            sa.select(
                Agent.id, Agent.username, Agent.name, Agent.email, Agent.phone, Agent.language
            )
        )
    }


def _assignments(session: Session) -> Rows:
    rows = session.execute(
        sa.select(
            Assignment.service,
            Organisation.key.label("organisation"),
            FrameworkContract.number.label("contract"),
            Agent.username.label("agent"),
            Assignment.valid_from,
            Assignment.valid_until,
        )
        .join(Agent, Agent.id == Assignment.agent_id)
        .outerjoin(Organisation, Organisation.id == Assignment.organisation_id)
        .outerjoin(FrameworkContract, FrameworkContract.id == Assignment.contract_id)
    )
    return {
        (
            row.service,
            "organisation" if row.organisation is not None else "contract",
            row.organisation if row.organisation is not None else row.contract,
            row.valid_from,
        ): {"agent": row.agent, "valid_until": row.valid_until}
        for row in rows
    }


def _absences(session: Session) -> Rows:
    substitute = aliased(Agent)
    return _rows(
        session,
        sa.select(
            Agent.username,
            Absence.starts_at,
            Absence.ends_at,
            Absence.kind,
            substitute.username.label("substitute"),
        )
        .join(Agent, Agent.id == Absence.agent_id)
        .outerjoin(substitute, substitute.id == Absence.substitute_id),
        keys=2,
    )


def _grouped(session: Session, query: sa.Select[*tuple[Any, ...]]) -> dict[int, list[Any]]:
    """Collect under the first column the second, or all the others as a tuple."""
    found: dict[int, list[Any]] = defaultdict(list)
    for first, *others in session.execute(query):
        found[first].append(others[0] if len(others) == 1 else tuple(others))
    return found
