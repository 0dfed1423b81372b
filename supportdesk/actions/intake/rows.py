"""The rows that a filing becomes. Pure."""

from dataclasses import asdict
from typing import Any

from supportdesk.actions.intake.decide_anew import decided_data, decision_values
from supportdesk.actions.intake.filing import Filing
from supportdesk.actions.intake.scene import Scene
from supportdesk.channels.email.addresses import normalise_address
from supportdesk.db.models import Author, DeadlineKind, LineState
from supportdesk.db.queries.service import NOBODY
from supportdesk.db.queries.threads import Thread
from supportdesk.messages import Automatic, Channel
from supportdesk.routing.deadlines import deadlines
from supportdesk.routing.decision import Decision, Target
from supportdesk.routing.facts import TopicKind
from supportdesk.tickets import EventKind, State, after_customer_message

PREVIEW_CHARS = 160


def new_ticket_row(
    filing: Filing, handler_id: int | None, scene: Scene, default_language: str
) -> dict[str, Any]:
    """Give the row of a new ticket."""
    decision, arrival, sender = _decided(filing), filing.arrival, filing.sender
    assert filing.situation is not None  # noqa: S101 - facts come with every decision
    return {
        "subject": arrival.message.subject,
        "preview": preview(arrival.message.reply_text),
        "state": State.NEW,
        "channel": Channel.EMAIL,
        "topic": filing.situation.topic.kind,
        "priority": decision.priority,
        "language": sender.identity.language if sender.identity else default_language,
        "organisation_id": filing.organisation_id,
        "contact_id": sender.contact_id,
        "mailbox_id": arrival.mailbox_id,
        "desk": filing.desk,
        "needs_identification": decision.target is Target.POOL_TRIAGE,
        "owner_id": owner_id(filing, scene),
        "handler_id": handler_id,
        "possibly_about_id": filing.place.possibly_about_id,
        "follows_id": filing.place.follows_id,
        "created_at": scene.now,
        "last_message_at": scene.now,
    }


def ticket_changes(
    filing: Filing, thread: Thread, handler_id: int | None, scene: Scene
) -> dict[str, Any]:
    """Give what a person's message changes on the ticket that it continues.

    Somebody who is working on it keeps it; the owner stays whoever handles it.
    """
    decision = _decided(filing)
    assert filing.situation is not None  # noqa: S101 - facts come with every decision
    changes: dict[str, Any] = {
        "state": after_customer_message(thread.state) or thread.state,
        "preview": preview(filing.arrival.message.reply_text),
        "last_message_at": scene.now,
        "is_answered": False,
        "resolved_at": None,
        "priority": min(thread.priority, decision.priority),
        **_topic_changes(thread, filing.situation.topic.kind),
        "owner_id": thread.owner_id or owner_id(filing, scene),
    }
    if filing.kept_for_id is None:
        changes |= {
            "desk": filing.desk,
            "handler_id": handler_id,
            "needs_identification": decision.target is Target.POOL_TRIAGE,
        }
    return changes


def _topic_changes(thread: Thread, found: TopicKind) -> dict[str, Any]:
    """Give what a message about `found` makes of the ticket's topic; a "thank you" leaves it."""
    if found in {thread.topic, TopicKind.UNSPECIFIED}:
        return {}
    return {"topic": found, "is_topic_by_staff": False}


def owner_id(filing: Filing, scene: Scene) -> int | None:
    """Give the customer's personal consultant, None where nobody can be named."""
    if _decided(filing).owner is None or filing.organisation_id is None:
        return None
    return scene.assigned.get(filing.organisation_id, NOBODY).consultant_id


def message_row(filing: Filing, ticket_id: int) -> dict[str, Any]:
    """Give the row of the received message."""
    arrival, message = filing.arrival, filing.arrival.message
    return {
        "ticket_id": ticket_id,
        "author": Author.CUSTOMER,
        "channel": Channel.EMAIL,
        "contact_id": filing.sender.contact_id,
        "mailbox_id": arrival.mailbox_id,
        "created_at": arrival.received_at,
        "sender_name": message.sender.name if message.sender else "",
        "sender_address": arrival.sender,
        "recipients": [normalise_address(one.address) for one in message.to],
        "cc": [normalise_address(one.address) for one in message.cc],
        "subject": message.subject,
        "text": message.text,
        "reply_text": message.reply_text,
        "html": message.html,
        "rfc_message_id": message.message_id or "",
        "content_hash": message.content_hash,
        "in_reply_to": message.in_reply_to,
        "references": list(message.references),
        "automatic": message.automatic,
        "assurance": filing.sender.assurance,
        "sender_checks": asdict(message.auth),
    }


def decision_row(filing: Filing, ticket_id: int, message_id: int) -> dict[str, Any]:
    """Give the row of the decision, with all that is needed to replay and to explain it."""
    decision = _decided(filing)
    assert filing.situation is not None  # noqa: S101 - facts come with every decision
    values = decision_values(ticket_id, message_id, filing.situation, decision)
    return values | {"kept_for_id": filing.kept_for_id}


def deadline_rows(filing: Filing, ticket_id: int, scene: Scene) -> list[dict[str, Any]]:
    """Give the first deadlines of a new ticket; automatic mail has none."""
    if not filing.is_new_ticket or filing.arrival.message.automatic is not Automatic.NO:
        return []
    received_at = filing.arrival.received_at
    due = deadlines(_decided(filing).priority, received_at, scene.calendar)
    return [
        {"ticket_id": ticket_id, "kind": kind, "starts_at": received_at, "due_at": due_at}
        for kind, due_at in (
            (DeadlineKind.FIRST_RESPONSE, due.first_response_at),
            (DeadlineKind.RESOLUTION, due.resolution_at),
        )
    ]


def line_rows(filing: Filing, ticket_id: int, scene: Scene) -> list[dict[str, Any]]:
    """Give the request lines that the words of the message propose."""
    return [
        {
            "ticket_id": ticket_id,
            "activity": proposed.activity,
            "state": LineState.PROPOSED,
            "matched_words": list(proposed.words),
            "created_at": scene.now,
        }
        for proposed in filing.activities
    ]


def hand_over_row(filing: Filing, ticket_id: int, scene: Scene) -> dict[str, Any] | None:
    """Give the hand-over of what somebody else than the consultant handles, else None."""
    if filing.decision is None or filing.situation is None or filing.situation.is_automatic:
        return None
    thread = filing.place.thread
    owner = (thread.owner_id if thread else None) or owner_id(filing, scene)
    if owner in {None, filing.kept_for_id} or filing.decision.target is Target.CONSULTANT:
        return None
    return {
        "ticket_id": ticket_id,
        "owner_id": owner,
        "from_desk": filing.desk,
        "created_at": scene.now,
        "due_at": scene.calendar.next_opening(scene.now),
    }


def event_rows(
    filing: Filing, ticket_id: int, message_id: int, scene: Scene
) -> list[dict[str, Any]]:
    """Give what the ticket's history tells of the arrival."""
    events: list[tuple[EventKind, dict[str, Any]]] = []
    if filing.is_new_ticket:
        events.append((EventKind.CREATED, {}))
    received = {"message_id": message_id, "automatic": filing.arrival.message.automatic}
    events.append((EventKind.MESSAGE_RECEIVED, received))
    if filing.decision is not None:
        events.append((EventKind.DECIDED, decided_data(filing.decision, filing.kept_for_id)))
    return [
        {"ticket_id": ticket_id, "kind": kind, "at": scene.now, "data": data}
        for kind, data in events
    ]


def preview(text: str) -> str:
    """Give the beginning of a text on one line."""
    return " ".join(text[: 4 * PREVIEW_CHARS].split())[:PREVIEW_CHARS]


def _decided(filing: Filing) -> Decision:
    if filing.decision is None:
        raise ValueError("Mail that changes nothing has no decision.")
    return filing.decision
