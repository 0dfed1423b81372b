"""What becomes of an arrival, decided with values only. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from supportdesk.actions.intake.identify import Place, Sender, find_place, identify
from supportdesk.actions.intake.scene import Arrival, Scene
from supportdesk.channels.email.tokens import split_plus
from supportdesk.db.queries.service import NOBODY
from supportdesk.db.queries.threads import Thread
from supportdesk.messages import Automatic, Channel
from supportdesk.routing import facts
from supportdesk.routing.decide import decide
from supportdesk.routing.decision import Decision, Target
from supportdesk.routing.topics import ProposedActivity, propose_activities, recognise
from supportdesk.tickets import Desk

WORKING_MINUTES = 30
"""Whoever wrote into a ticket that recently is working on it, and keeps it."""


class Worked(Protocol):
    """What tells whether somebody is working on a ticket."""

    @property
    def handler_id(self) -> int | None:
        """Who handles it."""

    @property
    def replying_id(self) -> int | None:
        """Who has a reply open."""

    @property
    def replying_until(self) -> datetime | None:
        """Until when the reply counts as open."""

    @property
    def last_staff_message_at(self) -> datetime | None:
        """When one of us wrote last."""


@dataclass(frozen=True, slots=True)
class Filing:
    """Where an arrival goes.

    `situation` and `decision` are None when it changes nothing but the conversation.
    `kept_for_id` is the agent who is working on the ticket, so that its desk stays.
    """

    arrival: Arrival
    sender: Sender
    place: Place
    situation: facts.Facts | None = None
    decision: Decision | None = None
    kept_for_id: int | None = None
    activities: tuple[ProposedActivity, ...] = ()

    @property
    def is_new_ticket(self) -> bool:
        """Tell whether a ticket has to be opened."""
        return self.place.thread is None

    @property
    def desk(self) -> Desk:
        """Give the desk that the decision names."""
        if self.decision is None:
            raise ValueError("Mail that changes nothing has no desk.")
        return desk_of(self.decision.target)

    @property
    def takes_an_assistant(self) -> bool:
        """Tell whether an assistant of the pool is to be chosen; triage chooses for itself."""
        return (
            self.decision is not None
            and self.decision.target is Target.POOL
            and self.kept_for_id is None
        )

    @property
    def organisation_id(self) -> int | None:
        """Give the organisation that the ticket belongs to, as far as it is known."""
        if self.sender.identity:
            return self.sender.identity.organisation_id
        return self.place.thread.organisation_id if self.place.thread else None


def file_arrival(arrival: Arrival, scene: Scene) -> Filing:
    """Decide what becomes of an arrival that is not known yet."""
    place = find_place(arrival, scene)
    sender = identify(arrival, scene, place.thread)
    if place.thread is not None and arrival.message.automatic is not Automatic.NO:
        return Filing(arrival, sender, place)  # filed: changes no state, no desk, no clock
    situation = situation_of(arrival, sender, place.thread, scene)
    return Filing(
        arrival=arrival,
        sender=sender,
        place=place,
        situation=situation,
        decision=decide(situation),
        kept_for_id=who_is_working(place.thread, scene.now) if place.thread else None,
        activities=_activities(arrival, place.thread),
    )


def situation_of(
    arrival: Arrival, sender: Sender, thread: Thread | None, scene: Scene
) -> facts.Facts:
    """Put together the facts that the routing rules look at."""
    return facts.Facts(
        channel=Channel.EMAIL,
        at=scene.now,
        caller=sender.caller,
        topic=_topic(arrival, thread, scene),
        hours=scene.calendar.hours_at(scene.now),
        consultant=_consultant(sender, thread, scene),
        is_automatic=arrival.message.automatic is not Automatic.NO,
    )


def who_is_working(thread: Worked, now: datetime) -> int | None:
    """Tell who has a reply open, or wrote within the last minutes; None when nobody."""
    if thread.replying_id and thread.replying_until and now < thread.replying_until:
        return thread.replying_id
    since = now - timedelta(minutes=WORKING_MINUTES)
    if thread.last_staff_message_at and thread.last_staff_message_at > since:
        return thread.handler_id
    return None


def desk_of(target: Target) -> Desk:
    """Give the desk at which a target works."""
    match target:
        case Target.CONSULTANT | Target.DEPUTY:
            return Desk.CUSTOMER_CENTRE
        case Target.POOL | Target.POOL_TRIAGE:
            return Desk.POOL
        case Target.TDMS:
            return Desk.TDMS


def _topic(arrival: Arrival, thread: Thread | None, scene: Scene) -> facts.Topic:
    mailbox = scene.mailboxes[arrival.mailbox_id]
    found = recognise(
        _new_words(arrival, thread),
        mailbox=_plus_topic(arrival) or mailbox.topic,
        mailbox_name=mailbox.address,
    )
    if thread is None or found.kind is facts.TopicKind.BLOCK:
        return found  # nobody has judged these words yet: a stolen SIM never waits
    if thread.is_topic_by_staff:
        return facts.Topic(thread.topic, facts.TopicSource.STAFF)
    if found.kind is facts.TopicKind.UNSPECIFIED and thread.topic is not facts.TopicKind.BLOCK:
        return replace(found, kind=thread.topic, source=facts.TopicSource.TICKET)
    return found


def _plus_topic(arrival: Arrival) -> facts.TopicKind | None:
    addresses = (*arrival.envelope_to, *(one.address for one in arrival.message.to))
    for address in addresses:
        plus = split_plus(address).plus
        if plus in _PLUS_TOPICS:
            return _PLUS_TOPICS[plus]
    return None


_PLUS_TOPICS: dict[str | None, facts.TopicKind] = {
    "technical": facts.TopicKind.TECHNICAL,
    "technika": facts.TopicKind.TECHNICAL,
    "business": facts.TopicKind.BUSINESS,
    "obchod": facts.TopicKind.BUSINESS,
    "block": facts.TopicKind.BLOCK,
    "blokace": facts.TopicKind.BLOCK,
}


def _consultant(sender: Sender, thread: Thread | None, scene: Scene) -> facts.Consultant:
    if not sender.caller.is_identified:
        return facts.Consultant(facts.ConsultantState.NONE)
    known = sender.identity or thread
    organisation_id = known.organisation_id if known else None
    assigned = scene.assigned.get(organisation_id, NOBODY) if organisation_id else NOBODY
    return facts.resolve_consultant(
        assigned.consultant_id, assigned.deputy_id, scene.agents, scene.now
    )


def _activities(arrival: Arrival, thread: Thread | None) -> tuple[ProposedActivity, ...]:
    if arrival.message.automatic is not Automatic.NO:
        return ()
    return propose_activities(_new_words(arrival, thread))


def _new_words(arrival: Arrival, thread: Thread | None) -> str:
    """Give what the sender wrote now; the subject of a reply repeats what was judged already."""
    message = arrival.message
    is_repeated = thread is not None and message.subject.casefold().startswith(_REPLY_PREFIXES)
    return message.reply_text if is_repeated else f"{message.subject}\n{message.reply_text}"


_REPLY_PREFIXES = ("re:", "odp:", "aw:", "sv:")
