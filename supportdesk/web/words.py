"""Our codes in words for people, and the icons that go with them."""

from collections.abc import Mapping
from typing import Any

from supportdesk.db.models import DeadlineKind, LineState, OutboxState, Right, Service
from supportdesk.db.queries.ticket_list import View
from supportdesk.messages import Assurance, Automatic, Channel, ReportKind
from supportdesk.routing.authority import Circumstance
from supportdesk.routing.authority_words import ACTIVITIES, ROLES
from supportdesk.routing.facts import AgentStatus, TopicKind
from supportdesk.routing.phrases import Text
from supportdesk.tickets import Desk, EventKind, State
from supportdesk.web.language import language, translated
from supportdesk.web.language import later as _l

Words = dict[str, str]

VIEWS: Words = {
    View.MINE: _l("My tickets"),
    View.CUSTOMERS: _l("My customers"),
    View.CENTRE: _l("Customer centre"),
    View.POOL: _l("Pool 24/7"),
    View.TRIAGE: _l("Pool triage"),
    View.TDMS: _l("TDMS"),
    View.WAITING: _l("Waiting"),
    View.OPEN: _l("All open"),
    View.DONE: _l("Resolved"),
}
VIEW_ICONS: dict[str, str] = {
    View.MINE: "inbox",
    View.CUSTOMERS: "briefcase",
    View.CENTRE: "headset",
    View.POOL: "people",
    View.TRIAGE: "person-badge",
    View.TDMS: "cpu",
    View.WAITING: "hourglass-split",
    View.OPEN: "inboxes",
    View.DONE: "check2-all",
}
EMPTY_VIEWS: Words = {
    View.MINE: _l("Nothing waits for you. Requests that you take or are given appear here."),
    View.CUSTOMERS: _l("None of your customers has an open request."),
    View.CENTRE: _l("Nothing lies with the customer centre."),
    View.POOL: _l("Nothing lies with the pool. Outside 8:00–16:00 requests come here."),
    View.TRIAGE: _l("Every sender is known. Requests of strangers come here to be identified."),
    View.TDMS: _l("Nothing lies with the technical specialists."),
    View.WAITING: _l("Nothing waits for a customer or for a colleague."),
    View.OPEN: _l("No request is open."),
    View.DONE: _l("Nothing was resolved yet."),
}
STATES: Words = {
    State.NEW: _l("New"),
    State.OPEN: _l("Open"),
    State.WAITING_CUSTOMER: _l("Waiting for the customer"),
    State.WAITING_INTERNAL: _l("Waiting for a colleague"),
    State.RESOLVED: _l("Resolved"),
    State.CLOSED: _l("Closed"),
}
DESKS: Words = {
    Desk.CUSTOMER_CENTRE: _l("Customer centre"),
    Desk.POOL: _l("Pool 24/7"),
    Desk.TDMS: _l("TDMS"),
}
TOPICS: Words = {
    TopicKind.UNSPECIFIED: _l("Not specified"),
    TopicKind.BUSINESS: _l("Business"),
    TopicKind.TECHNICAL: _l("Technical"),
    TopicKind.BLOCK: _l("Loss or theft"),
}
CHANNELS: Words = {
    Channel.EMAIL: _l("Email"),
    Channel.PHONE: _l("Phone"),
    Channel.FAX: _l("Fax"),
    Channel.WEB: _l("Web"),
}
CHANNEL_ICONS: dict[str, str] = {
    Channel.EMAIL: "envelope",
    Channel.PHONE: "telephone",
    Channel.FAX: "printer",
    Channel.WEB: "globe2",
}
ASSURANCE: Words = {
    Assurance.L0: _l("Identity not verified"),
    Assurance.L1: _l("Known address, confirmed by the sender's mail server"),
    Assurance.L2: _l("Identity confirmed by PIN or portal log-in"),
    Assurance.L3: _l("Identity strongly confirmed"),
    Assurance.W: _l("Signed in writing"),
}
AUTOMATIC: Words = {
    Automatic.REPLY: _l("Automatic reply"),
    Automatic.GENERATED: _l("Sent by a machine"),
    Automatic.BOUNCE: _l("Delivery failure notice"),
    Automatic.REPORT: _l("Delivery report"),
    Automatic.LOOP: _l("Our own mail came back"),
}
DEADLINES: Words = {
    DeadlineKind.FIRST_RESPONSE: _l("First response"),
    DeadlineKind.RESOLUTION: _l("Resolution"),
    DeadlineKind.STATUTORY: _l("Statutory answer"),
}
LINE_STATES: Words = {
    LineState.PROPOSED: _l("Proposed"),
    LineState.CONFIRMED: _l("Confirmed"),
    LineState.AWAITING_APPROVAL: _l("Awaiting approval"),
    LineState.CARRIED_OUT: _l("Carried out"),
    LineState.REFUSED: _l("Refused"),
    LineState.DISMISSED: _l("Dismissed"),
}
CIRCUMSTANCES: Words = {
    Circumstance.OWN: _l("It is the asker's own number or request"),
    Circumstance.OWN_AREA: _l("It is within the asker's area"),
    Circumstance.WITHIN_LIMIT: _l("The order is below the agreed limit"),
    Circumstance.GRANTED: _l("Itemised calls were granted to this contact"),
    Circumstance.MINOR_SETTING: _l("Only voicemail or number display"),
    Circumstance.INVOICE_ADDRESS: _l("Only the address for bills"),
    Circumstance.ROUTINE: _l("A routine technical change"),
    Circumstance.CALLED_BACK: _l("We called back on a number on file"),
    Circumstance.BLOCK_PIN: _l("The asker knew the blocking PIN"),
    Circumstance.TICKET_NUMBER: _l("The asker knew the ticket number"),
}
DELIVERY: Words = {
    OutboxState.QUEUED: _l("Queued for sending"),
    OutboxState.SENDING: _l("Being sent"),
    OutboxState.SENT: _l("Sent"),
    OutboxState.FAILED: _l("Not delivered"),
}
REPORTS: Words = {
    ReportKind.FAILED: _l("Could not be delivered to %(address)s"),
    ReportKind.DELAYED: _l("Delivery to %(address)s is delayed"),
    ReportKind.DELIVERED: _l("Delivered to %(address)s"),
    ReportKind.READ: _l("Opened by %(address)s"),
    ReportKind.COMPLAINT: _l("%(address)s marked it as spam"),
}
REPORT_ICONS: dict[str, str] = {
    ReportKind.FAILED: "exclamation-triangle",
    ReportKind.DELAYED: "clock",
    ReportKind.DELIVERED: "check2",
    ReportKind.READ: "check2-all",
    ReportKind.COMPLAINT: "slash-circle",
}
SUPPRESSED: Words = {
    ReportKind.FAILED: _l("Mail to %(address)s came back"),
    ReportKind.COMPLAINT: _l("%(address)s called our mail spam"),
}
STATUSES: Words = {
    AgentStatus.AVAILABLE: _l("Available"),
    AgentStatus.AWAY: _l("Away"),
}
RIGHTS: Words = {
    Right.SUPERVISOR: _l("Supervisor"),
    Right.ACCOUNT_MANAGER: _l("Account manager"),
    Right.ADMINISTRATOR: _l("Administrator"),
}
SERVICES: Words = {
    Service.CONSULTANT: _l("Personal consultant"),
    Service.DEPUTY: _l("Deputy"),
    Service.ACCOUNT_MANAGER: _l("Account manager"),
}
AUTHORITIES: Words = {
    "central": _l("Central authority"),
    "delegating": _l("Delegating authority"),
}
PRIORITIES: Words = {
    "1": _l("Urgent"),
    "2": _l("High"),
    "3": _l("Normal"),
    "4": _l("Low"),
}
# What happened, told with the values of the event; messages and notes are shown as themselves.
TOOK_IT = _l("%(agent)s took it.")
EVENTS: Words = {
    EventKind.ASSIGNED: _l("%(agent)s assigned it to %(target)s."),
    EventKind.ESCALATED: _l("%(agent)s escalated it to TDMS: %(reason)s"),
    EventKind.RETURNED: _l("%(agent)s returned it from TDMS to %(target)s: %(reason)s"),
    EventKind.OWNER_CHANGED: _l("%(agent)s changed the owner."),
    EventKind.STATE_CHANGED: _l("%(agent)s changed the state: %(from_word)s → %(to_word)s."),
    EventKind.TOPIC_CHANGED: _l("%(agent)s set the topic: %(to_word)s."),
    EventKind.PRIORITY_CHANGED: _l("%(agent)s set the priority: %(to_word)s."),
    EventKind.SENDER_IDENTIFIED: _l(
        "%(agent)s identified the sender: %(contact)s, %(organisation)s."
    ),
    EventKind.HANDED_BACK: _l("The work of others was handed to the consultant."),
    EventKind.HAND_OVER_ACKNOWLEDGED: _l("%(agent)s acknowledged the hand-over."),
    EventKind.LINE_CONFIRMED: _l("%(agent)s confirmed the request: %(activity)s."),
    EventKind.LINE_DISMISSED: _l("%(agent)s dismissed the request: %(activity)s."),
    EventKind.LINE_CARRIED_OUT: _l("%(agent)s carried out: %(activity)s."),
    EventKind.LINE_HELD: _l("Waits for approval: %(activity)s."),
    EventKind.LINE_REFUSED: _l("Refused: %(activity)s."),
    EventKind.SEND_FAILED: _l("A reply could not be delivered."),
    EventKind.SENT_AGAIN: _l("%(agent)s had the mail sent again."),
}


def role_word(code: str) -> str:
    """Name a contact's role."""
    return phrase(ROLES, code)


def activity_word(code: str) -> str:
    """Name what is asked for."""
    return phrase(ACTIVITIES, code)


def phrase(phrases: Mapping[Any, Text], code: str) -> str:
    """Give the words that routing has for a code, beginning with a capital letter."""
    found = phrases.get(code)
    told = found.in_("en" if language() == "en" else "cs") if found else code
    return told[:1].upper() + told[1:]


def word(words: Words, code: object) -> str:
    """Give the words for a code, or the code itself when it is from a newer version."""
    if code is None:
        return ""
    found = words.get(str(code))
    return translated(found) if found is not None else str(code)
