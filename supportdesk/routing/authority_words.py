"""Tells an outcome of the authority matrix in a sentence, in Czech and English."""

from supportdesk.messages import Assurance
from supportdesk.routing.authority import Activity, Authority, Circumstance, Outcome, Role
from supportdesk.routing.phrases import Language, Text

ROLES: dict[Role, Text] = {
    Role.STATUTORY: Text("statutární zástupce", "statutory representative"),
    Role.RESPONSIBLE: Text("odpovědná osoba", "responsible person"),
    Role.SERVICE_ADMIN: Text("administrátor služeb", "service administrator"),
    Role.FINANCE_ADMIN: Text("administrátor financí", "finance administrator"),
    Role.TECHNICAL_ADMIN: Text("technický administrátor", "technical administrator"),
    Role.INFORMATIONAL: Text("informativní kontakt", "informational contact"),
    Role.NUMBER_USER: Text("uživatel čísla", "user of a number"),
}
ACTIVITIES: dict[Activity, Text] = {
    Activity.MANAGE_CONTACTS: Text("správa kontaktních osob", "managing contacts"),
    Activity.CONTRACT: Text("smlouva", "the contract"),
    Activity.COMPANY_DATA: Text("údaje o organizaci", "the organisation's data"),
    Activity.ORDER: Text("objednávka", "an order"),
    Activity.TARIFF_SERVICE: Text("změna tarifu nebo služby", "a change of tariff or service"),
    Activity.SIM_SWAP_PORT: Text(
        "výměna SIM nebo přenos čísla", "a SIM swap or porting of a number"
    ),
    Activity.BLOCK_SIM: Text("blokace SIM", "blocking a SIM"),
    Activity.UNBLOCK_SIM: Text("odblokování SIM", "unblocking a SIM"),
    Activity.INVOICE_VIEW: Text("nahlížení do vyúčtování", "looking at bills"),
    Activity.CALL_RECORDS: Text("podrobný výpis hovorů", "itemised call records"),
    Activity.CLAIM_INVOICE: Text("reklamace vyúčtování", "a claim about a bill"),
    Activity.REPORT_FAULT: Text("hlášení poruchy", "reporting a fault"),
    Activity.TECHNICAL_CHANGE: Text("technická změna", "a technical change"),
    Activity.TICKET_STATUS: Text("stav požadavku", "the state of a ticket"),
    Activity.ORGANISATION_TICKETS: Text("požadavky celé organizace", "all the customer's tickets"),
    Activity.COMPLAINT: Text("stížnost", "a complaint"),
    Activity.QUESTION: Text("dotaz", "a question"),
}
LEVELS: dict[Assurance, Text] = {
    Assurance.L0: Text("bez ověření", "no verification"),
    Assurance.L1: Text("odesílatel v evidenci", "a sender on file"),
    Assurance.L2: Text("ověření PINem nebo přihlášením", "confirmation by PIN or log-in"),
    Assurance.L3: Text("silné ověření", "strong verification"),
    Assurance.W: Text("podepsaný dokument", "a signed document"),
}
PROOFS: dict[Circumstance, Text] = {
    Circumstance.CALLED_BACK: Text("zpětné volání na číslo v evidenci", "a call back on file"),
    Circumstance.BLOCK_PIN: Text("PIN pro blokaci", "the PIN for blocking"),
    Circumstance.TICKET_NUMBER: Text("číslo požadavku", "the ticket's number"),
}

_SENTENCES: dict[Outcome, Text] = {
    Outcome.ALLOWED: Text(
        "{activity}: povoleno; {role}, {given}.", "{activity}: allowed; {role}, {given}."
    ),
    Outcome.NEEDS_LEVEL: Text(
        "{activity}: nejprve je třeba: {needed}; {role}, nyní: {given}.",
        "{activity}: first needed: {needed}; {role}, now: {given}.",
    ),
    Outcome.NEEDS_APPROVAL: Text(
        "{activity}: zaznamenáno, musí schválit {approver}; {role}.",
        "{activity}: recorded, to be approved by the {approver}; {role}.",
    ),
    Outcome.INFORMATION_ONLY: Text(
        "{activity}: jen souhrnné informace; {role}, {given}.",
        "{activity}: summary information only; {role}, {given}.",
    ),
    Outcome.REFUSED: Text(
        "{activity}: žádná z rolí to neumožňuje.", "{activity}: no role held here permits it."
    ),
}
_REPORT = Text(
    "{activity}: ohlášení přijímáme od každého a vždy.",
    "{activity}: a report is taken from anyone, always.",
)
_NO_ROLE = Text("bez role", "no role")


def explain(authority: Authority, language: Language) -> str:
    """Tell the outcome of one check: what, by which role, at which level, what is missing."""
    sentence = _REPORT if authority.is_report else _SENTENCES[authority.outcome]
    role = ROLES[authority.role] if authority.role else _NO_ROLE
    told = sentence.in_(language).format(
        activity=ACTIVITIES[authority.activity].in_(language),
        role=role.in_(language),
        given=LEVELS[authority.level_given].in_(language),
        needed=_needed(authority, language),
        approver=ROLES[authority.approver].in_(language) if authority.approver else "",
    )
    return told[0].upper() + told[1:]


def _needed(authority: Authority, language: Language) -> str:
    level = authority.level_needed
    needed = [LEVELS[level].in_(language)] if level and level is not Assurance.L0 else []
    needed += (PROOFS[proof].in_(language) for proof in authority.missing)
    return ", ".join(needed)
