"""Who may ask for what, and how sure we must be of them: a matrix, read as data. Pure.

Reporting is free: faults, losses, thefts, complaints and questions are taken from anyone, always.
Carrying something out follows the table in `authority.csv`; what it does not grant is refused.
"""

import csv
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.resources import files
from io import StringIO
from types import MappingProxyType
from typing import Any, Final

from supportdesk.messages import Assurance, Channel

# Stored with every check; raise it whenever a check could come out differently.
MATRIX_VERSION: Final = "1"


class Role(StrEnum):
    """A contact's area, as the customer granted it."""

    STATUTORY = "statutory"
    RESPONSIBLE = "responsible"
    SERVICE_ADMIN = "service_admin"
    FINANCE_ADMIN = "finance_admin"
    TECHNICAL_ADMIN = "technical_admin"
    INFORMATIONAL = "informational"
    NUMBER_USER = "number_user"


class Activity(StrEnum):
    """What somebody may ask for."""

    MANAGE_CONTACTS = "manage_contacts"
    CONTRACT = "contract"
    COMPANY_DATA = "company_data"
    ORDER = "order"
    TARIFF_SERVICE = "tariff_service"
    SIM_SWAP_PORT = "sim_swap_port"
    BLOCK_SIM = "block_sim"
    UNBLOCK_SIM = "unblock_sim"
    INVOICE_VIEW = "invoice_view"
    CALL_RECORDS = "call_records"
    CLAIM_INVOICE = "claim_invoice"
    REPORT_FAULT = "report_fault"
    TECHNICAL_CHANGE = "technical_change"
    TICKET_STATUS = "ticket_status"
    ORGANISATION_TICKETS = "organisation_tickets"
    COMPLAINT = "complaint"
    QUESTION = "question"


class Circumstance(StrEnum):
    """What is known to be so of the thing asked for, or of the proof given; absent means not known.

    Those in `PROOFS` the asker can still supply; the others are facts of the object.
    """

    OWN = "own"  # the asker's own number or ticket
    OWN_AREA = "own_area"  # within the area or scope of the asker's role
    WITHIN_LIMIT = "within_limit"  # an order below the limit agreed with the customer
    GRANTED = "granted"  # itemised call records were granted to this contact
    MINOR_SETTING = "minor_setting"  # voicemail, hiding one's number
    INVOICE_ADDRESS = "invoice_address"  # only the address that invoices are mailed to
    ROUTINE = "routine"  # a technical change without weight for security
    CALLED_BACK = "called_back"  # reached by us on a number on file
    BLOCK_PIN = "block_pin"  # knew the PIN for blocking the number
    TICKET_NUMBER = "ticket_number"  # knew the number of the ticket


PROOFS: Final = frozenset(
    {Circumstance.CALLED_BACK, Circumstance.BLOCK_PIN, Circumstance.TICKET_NUMBER}
)


class Outcome(StrEnum):
    """What the matrix says, the best for the asker first."""

    ALLOWED = "allowed"
    NEEDS_LEVEL = "needs_level"
    NEEDS_APPROVAL = "needs_approval"
    INFORMATION_ONLY = "information_only"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a cell of the matrix grants something.

    Either `level` or `approver` is set. Conditions say when the way is open at all, proofs what
    the asker has to supply beside the level.
    """

    conditions: frozenset[Circumstance] = frozenset()
    proofs: frozenset[Circumstance] = frozenset()
    level: Assurance | None = None
    approver: Role | None = None
    is_information_only: bool = False


@dataclass(frozen=True, slots=True)
class Authority:
    """The outcome of one check, and which role and level decided; stored with `matrix_version`.

    `role` is None when no role decided. `level_needed` is what that role has to reach; `missing`
    comes with NEEDS_LEVEL, `approver` with NEEDS_APPROVAL.
    """

    outcome: Outcome
    activity: Activity
    level_given: Assurance
    role: Role | None = None
    level_needed: Assurance | None = None
    missing: tuple[Circumstance, ...] = ()
    approver: Role | None = None
    is_report: bool = False
    matrix_version: str = MATRIX_VERSION

    def to_json(self) -> dict[str, Any]:
        """Give the outcome as plain values for storing."""
        return {**asdict(self), "missing": list(self.missing)}


_ORDER: Final = (Assurance.L0, Assurance.L1, Assurance.L2, Assurance.L3, Assurance.W)
_SIGNATORIES: Final = frozenset({Role.STATUTORY, Role.RESPONSIBLE})
_OUTCOMES: Final = tuple(Outcome)


def level_by(channel: Channel, level: Assurance) -> Assurance:
    """Cap an assurance level by what the channel can prove: a fax proves nothing."""
    return Assurance.L0 if channel is Channel.FAX else level


def check(
    activity: Activity,
    roles: Collection[Role],
    level: Assurance,
    circumstances: Collection[Circumstance] = (),
    *,
    is_report: bool = False,
) -> Authority:
    """Tell whether somebody with these roles may have this carried out, now.

    The best outcome over all roles counts; without a role the column for nobody. `is_report` asks
    only whether the report of it is taken, and it always is.
    """
    if is_report:
        return Authority(Outcome.ALLOWED, activity, level, is_report=True)
    known = frozenset(circumstances)
    outcomes = [_check_role(activity, role, level, known) for role in roles or (None,)]
    return min(outcomes, key=_preference)


def _check_role(
    activity: Activity, role: Role | None, level: Assurance, known: frozenset[Circumstance]
) -> Authority:
    way = next((way for way in MATRIX[activity, role] if way.conditions <= known), None)
    if way is None:
        return Authority(Outcome.REFUSED, activity, level)
    if way.level is None:
        return Authority(Outcome.NEEDS_APPROVAL, activity, level, role, approver=way.approver)
    missing = tuple(sorted(way.proofs - known))
    if missing or not _satisfies(level, way.level, role):
        return Authority(
            Outcome.NEEDS_LEVEL, activity, level, role, level_needed=way.level, missing=missing
        )
    outcome = Outcome.INFORMATION_ONLY if way.is_information_only else Outcome.ALLOWED
    return Authority(outcome, activity, level, role, level_needed=way.level)


def _satisfies(level: Assurance, needed: Assurance, role: Role | None) -> bool:
    """Compare levels; a signed document counts only from those who may sign for the customer."""
    if level is Assurance.W and role not in _SIGNATORIES:
        level = Assurance.L0
    return _ORDER.index(level) >= _ORDER.index(needed)


def _preference(authority: Authority) -> tuple[int, int, int, str]:
    needed = _ORDER.index(authority.level_needed) if authority.level_needed else 0
    return (
        _OUTCOMES.index(authority.outcome),
        needed,
        len(authority.missing),
        authority.role or "",
    )


def _read_matrix(text: str) -> Mapping[tuple[Activity, Role | None], tuple[Way, ...]]:
    """Read the table `authority.csv`: a row an activity, a column a role.

    A cell lists ways, tried in order and divided by `/`: `L2` is carried out at that level, `i L2`
    gives information only, `>finance_admin` needs that role's approval, `-` is refused. Words in
    front are circumstances. The column `nobody` is for whoever holds no role with the customer.
    """
    matrix: dict[tuple[Activity, Role | None], tuple[Way, ...]] = {}
    for row in csv.DictReader(StringIO(text)):
        activity = Activity(row.pop("activity"))
        for column, cell in row.items():
            role = None if column == "nobody" else Role(column)
            ways = () if cell == "-" else tuple(_read_way(way) for way in cell.split("/"))
            matrix[activity, role] = ways
    return MappingProxyType(matrix)


def _read_way(text: str) -> Way:
    *words, grant = text.split()
    circumstances = frozenset(Circumstance(word) for word in words if word != "i")
    is_approval = grant.startswith(">")
    return Way(
        conditions=circumstances - PROOFS,
        proofs=circumstances & PROOFS,
        level=None if is_approval else Assurance(grant),
        approver=Role(grant[1:]) if is_approval else None,
        is_information_only="i" in words,
    )


MATRIX: Final = _read_matrix((files(__package__) / "authority.csv").read_text(encoding="utf-8"))
