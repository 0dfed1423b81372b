"""Writing what a plan says, inside the caller's transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.agents import (
    AgentDetails,
    apply_details,
    is_administrator,
    must_have_administrator,
    release_tickets,
)
from supportdesk.actions.mailboxes import MailboxDetails, apply_mailbox
from supportdesk.actions.people_import.plan import Change, Plan
from supportdesk.db.bulk import insert_all, insert_returning_ids, table_of
from supportdesk.db.models import (
    Absence,
    Agent,
    Assignment,
    Base,
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
)

Changes = Sequence[Change]
Ids = Mapping[Any, int]


def write_plan(session: Session, plan: Plan, *, now: datetime) -> None:
    """Add and change everything.

    Raises:
        Conflict: nobody could administer the service any more.
    """
    changes: dict[str, list[Change]] = defaultdict(list)
    for change in plan.changes:
        changes[change.record].append(change)
    _write_contracts(session, changes["contract"])
    _write_organisations(session, changes["organisation"])
    _write_shared_numbers(session, changes["shared_number"])
    _write_contacts(session, changes["contact"])
    _write_memberships(session, changes["membership"])
    _write_agents(session, changes["agent"])
    _write_assignments(session, changes["assignment"])
    _write_absences(session, changes["absence"])
    for change in changes["closing_day"]:
        session.merge(ClosingDay(on_date=change.key[0], name=change.after["name"]))
    for change in changes["mailbox"]:
        _write_mailbox(session, change, now)


def _write_contracts(session: Session, changes: Changes) -> None:
    rows = [{"number": change.key[0], **change.after} for change in changes]
    _save(session, FrameworkContract, changes, rows, _ids(session, FrameworkContract.number))


def _write_organisations(session: Session, changes: Changes) -> None:
    contracts = _ids(session, FrameworkContract.number)
    rows = []
    for change in changes:
        row = {"key": change.key[0], **change.after}
        row["contract_id"] = contracts.get(row.pop("contract"))
        rows.append(row)
    _save(session, Organisation, changes, rows, _ids(session, Organisation.key))


def _write_shared_numbers(session: Session, changes: Changes) -> None:
    organisations = _ids(session, Organisation.key)
    rows = [
        {"number": change.key[0], "organisation_id": organisations[change.after["organisation"]]}
        for change in changes
    ]
    _save(session, OrganisationNumber, changes, rows, _ids(session, OrganisationNumber.number))


def _write_contacts(session: Session, changes: Changes) -> None:
    rows = [
        {"key": change.key[0], "name": change.after["name"], "language": change.after["language"]}
        for change in changes
    ]
    ids = _save(session, Contact, changes, rows, _ids(session, Contact.key))
    pairs = list(zip(ids, changes, strict=True))
    _replace(
        session,
        ContactAddress,
        "contact_id",
        {i: [{"address": one} for one in change.after["addresses"]] for i, change in pairs},
    )
    _replace(
        session,
        ContactNumber,
        "contact_id",
        {i: [{"number": one} for one in change.after["numbers"]] for i, change in pairs},
    )


def _write_memberships(session: Session, changes: Changes) -> None:
    if not changes:
        return
    contacts, organisations = _ids(session, Contact.key), _ids(session, Organisation.key)
    known = {
        (row.contact_id, row.organisation_id): row.id
        for row in session.execute(
            sa.select(Membership.id, Membership.contact_id, Membership.organisation_id)
        )
    }
    rows = [
        {
            "contact_id": contacts[change.key[0]],
            "organisation_id": organisations[change.key[1]],
            "valid_from": change.after["valid_from"],
            "valid_until": change.after["valid_until"],
        }
        for change in changes
    ]
    keys = [(row["contact_id"], row["organisation_id"]) for row in rows]
    ids = _save(session, Membership, changes, rows, known, keys=keys)
    roles = {
        i: [
            {"role": role, "valid_from": begins, "valid_until": until}
            for role, (begins, until) in change.after["roles"].items()
        ]
        for i, change in zip(ids, changes, strict=True)
    }
    _replace(session, MembershipRole, "membership_id", roles)


def _write_agents(session: Session, changes: Changes) -> None:
    lost_administrator = ""
    for change in changes:
        username = str(change.key[0])
        agent = session.scalar(sa.select(Agent).where(Agent.username == username))
        if agent is None:
            agent = Agent(username=username, name=change.after["name"])
            session.add(agent)
            session.flush()
        was_administrator = is_administrator(agent)
        details = {**change.after, "rights": frozenset(change.after["rights"])}
        apply_details(session, agent, AgentDetails(username=username, **details))
        session.flush()
        release_tickets(session, agent)
        if was_administrator and not is_administrator(agent):
            lost_administrator = agent.name
    if lost_administrator:
        must_have_administrator(session, lost_administrator)


def _write_assignments(session: Session, changes: Changes) -> None:
    if not changes:
        return
    agents = _ids(session, Agent.username)
    customers = {
        "organisation": _ids(session, Organisation.key),
        "contract": _ids(session, FrameworkContract.number),
    }
    known = {
        (row.service, row.organisation_id, row.contract_id, row.valid_from): row.id
        for row in session.execute(
            sa.select(
                Assignment.id,
                Assignment.service,
                Assignment.organisation_id,
                Assignment.contract_id,
                Assignment.valid_from,
            )
        )
    }
    rows = []
    for change in changes:
        service, side, customer, valid_from = change.key
        customer_id = customers[str(side)][customer]
        rows.append(
            {
                "service": service,
                "agent_id": agents[change.after["agent"]],
                "organisation_id": customer_id if side == "organisation" else None,
                "contract_id": customer_id if side == "contract" else None,
                "valid_from": valid_from,
                "valid_until": change.after["valid_until"],
            }
        )
    keys = [
        (row["service"], row["organisation_id"], row["contract_id"], row["valid_from"])
        for row in rows
    ]
    _save(session, Assignment, changes, rows, known, keys=keys)


def _write_absences(session: Session, changes: Changes) -> None:
    agents = _ids(session, Agent.username)
    known = {
        (row.agent_id, row.starts_at): row.id
        for row in session.execute(sa.select(Absence.id, Absence.agent_id, Absence.starts_at))
    }
    rows = [
        {
            "agent_id": agents[change.key[0]],
            "starts_at": change.key[1],
            "ends_at": change.after["ends_at"],
            "kind": change.after["kind"],
            "substitute_id": agents.get(change.after["substitute"]),
        }
        for change in changes
    ]
    keys = [(row["agent_id"], row["starts_at"]) for row in rows]
    _save(session, Absence, changes, rows, known, keys=keys)


def _write_mailbox(session: Session, change: Change, now: datetime) -> None:
    address = str(change.key[0])
    mailbox = session.scalar(sa.select(Mailbox).where(Mailbox.address == address)) or Mailbox()
    details = MailboxDetails(
        address=address, is_active=mailbox.is_active is not False, **change.after
    )
    apply_mailbox(session, mailbox, details, now=now)


def _ids(session: Session, key: sa.orm.InstrumentedAttribute[str]) -> Ids:
    """Give the ids of a model's rows by their natural key."""
    return {
        row.key: row.id
        for row in session.execute(sa.select(key.label("key"), key.class_.id.label("id")))
    }


def _save(
    session: Session,
    model: type[Base],
    changes: Changes,
    rows: Sequence[dict[str, Any]],
    known: Ids,
    *,
    keys: Sequence[Any] | None = None,
) -> list[int]:
    """Insert the new rows and update the others; give all ids in the order of `changes`.

    `known` gives the ids of what is stored, by `keys` or else by the first part of each change's.
    """
    keys = keys or [change.key[0] for change in changes]
    is_new = [change.before is None for change in changes]
    made = iter(
        insert_returning_ids(
            session, model, [row for row, new in zip(rows, is_new, strict=True) if new]
        )
    )
    ids = [next(made) if new else known[key] for key, new in zip(keys, is_new, strict=True)]
    updates = [{"id": i, **row} for i, row, new in zip(ids, rows, is_new, strict=True) if not new]
    if updates:
        session.execute(sa.update(model), updates)
    return ids


def _replace(
    session: Session,
    model: type[Base],
    parent: str,
    children: Mapping[int, Sequence[dict[str, Any]]],
) -> None:
    """Make these the only children of each parent."""
    if not children:
        return
    table = table_of(model)
    session.execute(
        sa.delete(table).where(table.c[parent] == sa.bindparam("parent_id")),
        [{"parent_id": i} for i in children],
    )
    insert_all(session, model, [{parent: i, **row} for i, rows in children.items() for row in rows])
