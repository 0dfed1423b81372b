"""Years of a centre's work: tickets with their conversations, decisions, deadlines and events.

Deterministic. About every seventh ticket is active, every fortieth from a stranger; there are
three messages to a ticket.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, islice
from typing import Any

import sqlalchemy as sa

from bench import centre
from bench.language import some_text
from bench.load import loading
from supportdesk.actions.intake.decide_anew import decided_data, decision_values
from supportdesk.actions.intake.rows import preview
from supportdesk.db.models import (
    Author,
    Base,
    Deadline,
    DeadlineKind,
    Event,
    HandOver,
    LineState,
    Message,
    MessageMailbox,
    OutboxMail,
    OutboxState,
    Receipt,
    ReceiptState,
    RequestLine,
    StoredDecision,
    Ticket,
    Work,
    WorkState,
)
from supportdesk.messages import Assurance, Automatic, Channel
from supportdesk.routing.calendar import BusinessCalendar
from supportdesk.routing.decide import decide
from supportdesk.routing.decision import Decision, Target
from supportdesk.routing.facts import (
    Caller,
    CallerKind,
    Consultant,
    ConsultantState,
    Facts,
    Person,
    Topic,
    TopicKind,
    TopicSource,
)
from supportdesk.tickets import ACTIVE_STATES, Desk, EventKind, State

NOW = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
"""The instant up to which there is history: a Friday noon in Prague."""

_SINCE = NOW - timedelta(days=3 * 365)
# Who writes one after the other: the customer, the system's acknowledgement, the agent.
_PLOTS = ("CS", "CSA", "CAC", "CSAC")
_DONE = (State.CLOSED,) * 9 + (State.RESOLVED,)
_ACKNOWLEDGEMENT = "Dobrý den,\nVáš požadavek máme a ozveme se Vám nejpozději do zítřka."
_SUBJECTS = ("Výpis hovorů", "Faktura za říjen", "Nefunguje internet", "Roaming", "Změna tarifu")


_Rows = dict[type[Base], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Case:
    """A situation and what was decided; `values` and `told` are shared by all tickets of it."""

    situation: Facts
    decision: Decision
    values: dict[str, Any]
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Story:
    """One ticket; `contact` None is a stranger, `moments` are those of its messages."""

    number: int
    contact: int | None
    state: State
    plot: str
    moments: tuple[datetime, ...]
    case: _Case

    @property
    def organisation(self) -> int | None:
        return centre.organisation_of(self.contact) if self.contact else None

    @property
    def owner(self) -> int | None:
        return centre.consultant_of(self.organisation) if self.organisation else None

    @property
    def desk(self) -> Desk:
        match self.case.decision.target:
            case Target.TDMS:
                return Desk.TDMS
            case Target.POOL | Target.POOL_TRIAGE:
                return Desk.POOL
            case Target.CONSULTANT | Target.DEPUTY:
                return Desk.CUSTOMER_CENTRE

    @property
    def handler(self) -> int | None:
        match self.desk:
            case Desk.TDMS:
                return centre.SPECIALISTS[self.number % len(centre.SPECIALISTS)]
            case Desk.POOL:
                return centre.ASSISTANTS[self.number % len(centre.ASSISTANTS)]
            case Desk.CUSTOMER_CENTRE:
                return self.owner

    @property
    def subject(self) -> str:
        return f"{_SUBJECTS[self.number % len(_SUBJECTS)]} {self.number}"

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES


def fill(engine: sa.Engine, tickets: int) -> None:
    """Fill an empty, migrated database with the centre and so many tickets."""
    messages = count(1)
    with loading(engine) as put:
        centre.put_centre(put)
        stories = _stories(tickets)
        while some := list(islice(stories, 5000)):
            rows: _Rows = defaultdict(list)
            for story in some:
                _tell(story, messages, rows)
            for model, found in rows.items():
                put(model, found)


def _stories(tickets: int) -> Iterator[_Story]:
    chance = random.Random(tickets)
    step = (NOW - _SINCE) / max(1, tickets)
    for number in range(1, tickets + 1):
        plot = _PLOTS[number % len(_PLOTS)]
        began = _SINCE + step * (number - 1)
        gaps = [chance.uniform(60, 90_000) for _ in plot[1:]]
        moments = [began]
        for gap in gaps:
            moments.append(min(NOW, moments[-1] + timedelta(seconds=gap)))
        # Of what came lately more is open than of what is old.
        is_active = chance.random() < (0.75 if number > 0.94 * tickets else 0.11)
        yield _Story(
            number=number,
            contact=None if chance.random() < 0.025 else chance.randint(1, centre.CONTACTS),
            state=_active_state(plot, chance) if is_active else chance.choice(_DONE),
            plot=plot,
            moments=tuple(moments),
            case=chance.choice(_cases()),
        )


def _active_state(plot: str, chance: random.Random) -> State:
    if plot == "CS":
        return State.NEW
    return chance.choice((State.OPEN, State.OPEN, State.WAITING_CUSTOMER, State.WAITING_INTERNAL))


@cache
def _cases() -> tuple[_Case, ...]:
    """Give real decisions of ordinary situations: mostly by day, mostly of no technical topic."""
    calendar = BusinessCalendar()
    noon, night = NOW, NOW + timedelta(hours=9)
    business, technical = TopicKind.BUSINESS, TopicKind.TECHNICAL
    ordinary, specialist = CallerKind.CONTACT, CallerKind.TECHNICAL
    situations = [
        *[(noon, ordinary, business, ConsultantState.FREE)] * 12,
        *[(noon, ordinary, business, ConsultantState.AWAY_WITH_DEPUTY)] * 2,
        *[(night, ordinary, business, ConsultantState.FREE)] * 3,
        (noon, specialist, technical, ConsultantState.FREE),
        (night, specialist, technical, ConsultantState.FREE),
        (night, CallerKind.UNKNOWN, business, ConsultantState.NONE),
    ]
    found = []
    for at, caller, topic, state in situations:
        situation = Facts(
            channel=Channel.EMAIL,
            at=at,
            caller=Caller(caller, ("Jana Nováková",), ("Obec 1",)),
            topic=Topic(topic, TopicSource.WORDS, ("faktura",)),
            hours=calendar.hours_at(at),
            consultant=Consultant(state, Person(1, "Petr Dvořák"), None, (), Person(2, "Olga")),
        )
        decision = decide(situation)
        values = decision_values(0, 0, situation, decision)
        found.append(_Case(situation, decision, values, decided_data(decision)))
    return tuple(found)


def _tell(story: _Story, messages: Iterator[int], rows: _Rows) -> None:
    _events(story, rows[Event], story.moments[0], EventKind.CREATED, {})
    text = ""
    for writer, at in zip(story.plot, story.moments, strict=True):
        message, quoted = next(messages), text
        text = _ACKNOWLEDGEMENT if writer == "S" else some_text(random.Random(message))
        rows[Message].append(_message(story, message, writer, at, text=text, quoted=quoted))
        if writer == "C":
            _received(story, message, at, rows)
        else:
            _sent(story, message, writer, at, rows)
    rows[Ticket].append(_ticket(story, preview(text)))
    _promises(story, rows)
    if story.is_active and story.desk is Desk.POOL and story.owner and story.number % 4 == 0:
        rows[HandOver].append(_hand_over(story))
    if story.number % 50 == 0:
        rows[Work].append(_work(story))


def _ticket(story: _Story, start: str) -> dict[str, Any]:
    last = story.moments[-1]
    is_done = not story.is_active
    return {
        "id": story.number,
        "subject": story.subject,
        "preview": start,
        "state": story.state,
        "channel": Channel.EMAIL,
        "topic": story.case.situation.topic.kind,
        "priority": story.case.decision.priority,
        "organisation_id": story.organisation,
        "contact_id": story.contact,
        "mailbox_id": 1,
        "desk": story.desk,
        "needs_identification": story.contact is None,
        "owner_id": story.owner,
        "handler_id": story.handler,
        "created_at": story.moments[0],
        "last_message_at": last,
        "is_answered": story.plot.endswith("A"),
        "last_staff_message_at": last if "A" in story.plot else None,
        "resolved_at": last if is_done else None,
        "closed_at": last + timedelta(days=14) if story.state is State.CLOSED else None,
    }


def _message(
    story: _Story, message: int, writer: str, at: datetime, *, text: str, quoted: str
) -> dict[str, Any]:
    customer = _address(story)
    is_theirs = writer == "C"
    sender, recipient = (customer, centre.MAILBOX) if is_theirs else (centre.MAILBOX, customer)
    return {
        "id": message,
        "ticket_id": story.number,
        "author": {"C": Author.CUSTOMER, "S": Author.SYSTEM, "A": Author.AGENT}[writer],
        "channel": Channel.EMAIL,
        "agent_id": story.handler if writer == "A" else None,
        "contact_id": story.contact if is_theirs else None,
        "mailbox_id": 1,
        "created_at": at,
        "sender_name": centre.contact_name(story.contact or message),
        "sender_address": sender,
        "recipients": [recipient],
        "subject": story.subject,
        "text": f"{text}\n\n> {quoted}" if quoted else text,
        "reply_text": text,
        "rfc_message_id": f"<{message}.{story.number}@{sender.partition('@')[2]}>",
        "content_hash": hashlib.sha256(b"%d" % message).hexdigest() if is_theirs else "",
        "automatic": Automatic.REPLY if writer == "S" else Automatic.NO,
        "assurance": Assurance.L1 if is_theirs and story.contact else Assurance.L0,
    }


def _received(story: _Story, message: int, at: datetime, rows: _Rows) -> None:
    digest = hashlib.sha256(b"%d" % message).hexdigest()
    rows[MessageMailbox].append({"message_id": message, "mailbox_id": 1})
    rows[Receipt].append(
        {
            "channel": Channel.EMAIL,
            "external_id": f"door:1:{digest}",
            "mailbox_id": 1,
            "received_at": at,
            "stored_at": at,
            "blob_key": digest,
            "size_bytes": 4000,
            "envelope": {"from": _address(story), "to": [centre.MAILBOX]},
            "state": ReceiptState.PROCESSED,
            "message_id": message,
        }
    )
    placed = {"ticket_id": story.number, "message_id": message, "decided_at": at}
    rows[StoredDecision].append(story.case.values | placed)
    received = {"message_id": message, "automatic": Automatic.NO}
    _events(story, rows[Event], at, EventKind.MESSAGE_RECEIVED, received)
    _events(story, rows[Event], at, EventKind.DECIDED, story.case.told)


def _sent(
    story: _Story,
    message: int,
    writer: str,
    at: datetime,
    rows: _Rows,
) -> None:
    rows[OutboxMail].append(
        {
            "message_id": message,
            "envelope_from": centre.MAILBOX if writer == "A" else "",
            "recipients": [_address(story)],
            "state": OutboxState.SENT,
            "attempts": 1,
            "queued_at": at,
            "send_started_at": at,
            "sent_at": at,
        }
    )
    kind = EventKind.REPLIED if writer == "A" else EventKind.ACKNOWLEDGED
    _events(story, rows[Event], at, kind, {"message_id": message})
    _events(story, rows[Event], at, EventKind.SENT, {"message_id": message})


def _events(
    story: _Story,
    events: list[dict[str, Any]],
    at: datetime,
    kind: EventKind,
    data: dict[str, Any],
) -> None:
    agent = story.handler if kind is EventKind.REPLIED else None
    events.append(
        {"ticket_id": story.number, "kind": kind, "at": at, "agent_id": agent, "data": data}
    )


def _promises(story: _Story, rows: _Rows) -> None:
    began, last = story.moments[0], story.moments[-1]
    for kind, hours, is_met in (
        (DeadlineKind.FIRST_RESPONSE, 6, "A" in story.plot),
        (DeadlineKind.RESOLUTION, 48, not story.is_active),
    ):
        rows[Deadline].append(
            {
                "ticket_id": story.number,
                "kind": kind,
                "starts_at": began,
                "due_at": began + timedelta(hours=hours),
                "met_at": last if is_met else None,
            }
        )
    if story.number % 2:
        rows[RequestLine].append(
            {
                "ticket_id": story.number,
                "activity": "call_records",
                "state": LineState.PROPOSED if story.is_active else LineState.DISMISSED,
                "matched_words": ["výpis"],
                "created_at": began,
            }
        )


def _hand_over(story: _Story) -> dict[str, Any]:
    began = story.moments[0]
    return {
        "ticket_id": story.number,
        "owner_id": story.owner,
        "from_desk": Desk.POOL,
        "created_at": began,
        "due_at": began + timedelta(hours=12),
        "handed_back_at": began + timedelta(hours=12),
        "recipient_id": story.owner,
    }


def _work(story: _Story) -> dict[str, Any]:
    return {
        "kind": "route",
        "payload": {"receipt_id": story.number},
        "state": WorkState.DONE,
        "visible_at": story.moments[0],
        "attempts": 1,
        "max_attempts": 8,
        "created_at": story.moments[0],
        "finished_at": story.moments[0],
    }


def _address(story: _Story) -> str:
    if story.contact is None:
        return f"cizinec{story.number}@jinde.example"
    return centre.contact_address(story.contact)
