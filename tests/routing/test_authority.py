"""Who may ask for what: the matrix, cell by cell where it matters."""

from itertools import pairwise, product

import pytest

from supportdesk.messages import Assurance, Channel
from supportdesk.routing.authority import (
    MATRIX,
    MATRIX_VERSION,
    Activity,
    Circumstance,
    Outcome,
    Role,
    check,
    level_by,
)
from supportdesk.routing.authority_words import ACTIVITIES, ROLES, explain

L0, L1, L2, L3, W = Assurance
LEVELS = (L0, L1, L2, L3)
ALWAYS_TAKEN = (Activity.REPORT_FAULT, Activity.COMPLAINT, Activity.QUESTION)
SIGNATORIES = (Role.STATUTORY, Role.RESPONSIBLE)

# The lowest level that is enough, by activity, for the two who stand above the others.
SIGNATORY_LEVELS = {
    Activity.MANAGE_CONTACTS: (W, L3),
    Activity.CONTRACT: (W, L3),
    Activity.COMPANY_DATA: (W, L3),
    Activity.ORDER: (L3, L3),
    Activity.TARIFF_SERVICE: (L2, L2),
    Activity.SIM_SWAP_PORT: (L3, L3),
    Activity.BLOCK_SIM: (L1, L1),
    Activity.UNBLOCK_SIM: (L3, L3),
    Activity.INVOICE_VIEW: (L2, L2),
    Activity.CALL_RECORDS: (L3, L3),
    Activity.CLAIM_INVOICE: (L2, L2),
    Activity.REPORT_FAULT: (L0, L0),
    Activity.TECHNICAL_CHANGE: (L3, L3),
    Activity.TICKET_STATUS: (L1, L1),
    Activity.ORGANISATION_TICKETS: (L2, L2),
    Activity.COMPLAINT: (L0, L0),
    Activity.QUESTION: (L0, L0),
}


@pytest.mark.parametrize("activity", Activity)
def test_signatories_may_do_everything_from_their_level_on(activity: Activity) -> None:
    for role, enough in zip(SIGNATORIES, SIGNATORY_LEVELS[activity], strict=True):
        for level in LEVELS:
            found = check(activity, [role], level)
            is_enough = enough is not W and LEVELS.index(level) >= LEVELS.index(enough)
            expected = Outcome.ALLOWED if is_enough else Outcome.NEEDS_LEVEL
            assert (found.outcome, found.level_needed) == (expected, enough)
        assert check(activity, [role], W).outcome is Outcome.ALLOWED


@pytest.mark.parametrize(
    ("activity", "role", "level", "circumstances", "outcome"),
    [
        ("order", "service_admin", "L2", ["within_limit"], "allowed"),
        ("order", "service_admin", "L1", ["within_limit"], "needs_level"),
        ("order", "service_admin", "L3", [], "needs_approval"),
        ("order", "technical_admin", "L3", [], "needs_approval"),
        ("order", "finance_admin", "L3", [], "refused"),
        ("company_data", "finance_admin", "L2", ["invoice_address"], "allowed"),
        ("company_data", "finance_admin", "L2", [], "needs_approval"),
        ("manage_contacts", "service_admin", "L3", [], "refused"),
        ("contract", "service_admin", "L0", [], "needs_approval"),
        ("tariff_service", "service_admin", "L2", [], "allowed"),
        ("tariff_service", "number_user", "L1", ["own", "minor_setting"], "allowed"),
        ("tariff_service", "number_user", "L3", ["own"], "refused"),
        ("tariff_service", "number_user", "L3", ["minor_setting"], "refused"),
        ("unblock_sim", "service_admin", "L2", [], "allowed"),
        ("unblock_sim", "number_user", "L3", ["own"], "needs_approval"),
        ("invoice_view", "finance_admin", "L2", [], "allowed"),
        ("invoice_view", "finance_admin", "L1", [], "needs_level"),
        ("invoice_view", "service_admin", "L2", [], "information_only"),
        ("invoice_view", "service_admin", "L0", [], "needs_level"),
        ("invoice_view", "technical_admin", "L3", [], "refused"),
        ("call_records", "finance_admin", "L3", ["granted"], "allowed"),
        ("call_records", "finance_admin", "L3", [], "refused"),
        ("call_records", "number_user", "L2", ["own"], "allowed"),
        ("call_records", "number_user", "L3", [], "refused"),
        ("claim_invoice", "informational", "L0", [], "needs_approval"),
        ("claim_invoice", "technical_admin", "L3", [], "refused"),
        ("technical_change", "technical_admin", "L2", ["own_area", "routine"], "allowed"),
        ("technical_change", "technical_admin", "L2", ["own_area"], "needs_level"),
        ("technical_change", "technical_admin", "L3", ["own_area"], "allowed"),
        ("technical_change", "technical_admin", "L3", ["routine"], "refused"),
        ("ticket_status", "informational", "L1", ["own"], "allowed"),
        ("ticket_status", "informational", "L1", ["own_area"], "refused"),
        ("organisation_tickets", "finance_admin", "L2", ["own_area"], "information_only"),
        ("block_sim", "informational", "L1", [], "needs_level"),
        ("block_sim", "informational", "L1", ["called_back"], "allowed"),
        ("block_sim", "informational", "L0", ["called_back"], "needs_level"),
        ("block_sim", "number_user", "L0", ["own", "block_pin"], "allowed"),
        ("block_sim", "number_user", "L1", ["own"], "needs_level"),
        ("block_sim", "number_user", "L1", ["block_pin"], "refused"),
    ],
)
def test_a_cell_of_the_matrix(
    activity: str, role: str, level: str, circumstances: list[str], outcome: str
) -> None:
    found = check(
        Activity(activity),
        [Role(role)],
        Assurance(level),
        [Circumstance(each) for each in circumstances],
    )
    assert found.outcome == outcome


@pytest.mark.parametrize("activity", Activity)
def test_anything_may_be_reported_by_anyone(activity: Activity) -> None:
    for roles in ([], [Role.INFORMATIONAL]):
        found = check(activity, roles, L0, is_report=True)
        assert (found.outcome, found.is_report) == (Outcome.ALLOWED, True)


@pytest.mark.parametrize("activity", ALWAYS_TAKEN)
def test_faults_complaints_and_questions_are_taken_from_anyone(activity: Activity) -> None:
    for roles in ([], *([role] for role in Role)):
        assert check(activity, roles, L0).outcome is Outcome.ALLOWED


def test_a_strangers_block_of_a_sim_waits_for_a_call_back() -> None:
    found = check(Activity.BLOCK_SIM, [], L0)
    assert (found.outcome, found.missing) == (Outcome.NEEDS_LEVEL, (Circumstance.CALLED_BACK,))
    assert check(Activity.BLOCK_SIM, [], L0, [Circumstance.CALLED_BACK]).outcome is Outcome.ALLOWED


def test_nobody_without_a_role_gets_anything_carried_out_by_level_alone() -> None:
    for activity, level in product(Activity, Assurance):
        if activity not in ALWAYS_TAKEN:
            assert check(activity, [], level).outcome is not Outcome.ALLOWED


def test_a_signed_document_counts_only_from_those_who_may_sign() -> None:
    for activity, role in product(Activity, Role):
        if role not in SIGNATORIES and activity not in ALWAYS_TAKEN:
            known = [Circumstance.OWN, Circumstance.OWN_AREA, Circumstance.WITHIN_LIMIT]
            signed, unverified = (check(activity, [role], level, known) for level in (W, L0))
            assert signed.outcome is unverified.outcome


def test_the_best_of_several_roles_counts() -> None:
    both = [Role.SERVICE_ADMIN, Role.FINANCE_ADMIN]
    viewed = check(Activity.INVOICE_VIEW, both, L2)
    assert (viewed.outcome, viewed.role) == (Outcome.ALLOWED, Role.FINANCE_ADMIN)
    claimed = check(Activity.CLAIM_INVOICE, [Role.INFORMATIONAL, Role.RESPONSIBLE], L1)
    assert (claimed.outcome, claimed.level_needed) == (Outcome.NEEDS_LEVEL, L2)


def test_more_roles_are_never_worse() -> None:
    order = list(Outcome)
    for activity, one, other, level in product(Activity, Role, Role, LEVELS):
        alone = check(activity, [one], level).outcome
        together = check(activity, [one, other], level).outcome
        assert order.index(together) <= order.index(alone)


def test_a_higher_level_is_never_worse() -> None:
    order = list(Outcome)
    for activity, role in product(Activity, Role):
        for lower, higher in pairwise(LEVELS):
            before, after = (check(activity, [role], each).outcome for each in (lower, higher))
            assert order.index(after) <= order.index(before) or (
                (before, after) == (Outcome.NEEDS_LEVEL, Outcome.INFORMATION_ONLY)
            )


def test_the_matrix_has_a_cell_for_every_activity_and_role_and_for_nobody() -> None:
    assert set(MATRIX) == set(product(Activity, [*Role, None]))


def test_a_fax_proves_nothing() -> None:
    assert {level_by(Channel.FAX, level) for level in Assurance} == {L0}
    assert level_by(Channel.WEB, L2) is L2


def test_every_outcome_is_told_in_both_languages_and_stored_with_its_version() -> None:
    for activity, role, level in product(Activity, [*Role, None], Assurance):
        found = check(activity, [role] if role else [], level)
        assert found.to_json()["matrix_version"] == MATRIX_VERSION
        for language in ("cs", "en"):
            told = explain(found, language)
            assert told.endswith(".")
            assert ACTIVITIES[activity].in_(language).casefold() in told.casefold()
            if found.role:
                assert ROLES[found.role].in_(language) in told


def test_an_approval_names_who_has_to_give_it() -> None:
    found = check(Activity.ORDER, [Role.TECHNICAL_ADMIN], L3)
    assert found.approver is Role.SERVICE_ADMIN
    assert explain(found, "cs") == (
        "Objednávka: zaznamenáno, musí schválit administrátor služeb; technický administrátor."
    )
