"""The conversation of a ticket as its page shows it: messages, what happened, and why here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from supportdesk.db.models import Author, OutboxState
from supportdesk.db.queries.conversation import Entry, Happening
from supportdesk.db.queries.ticket_page import Line, WhyHere
from supportdesk.messages import Assurance
from supportdesk.routing import phrases
from supportdesk.routing.authority import Activity, Authority, Circumstance, Outcome, Role
from supportdesk.routing.authority_words import explain
from supportdesk.routing.sentences import render_trace
from supportdesk.tickets import EventKind
from supportdesk.web import words
from supportdesk.web.enclosures import tell_enclosures
from supportdesk.web.language import language, translated
from supportdesk.web.words import activity_word, word


@dataclass(frozen=True, slots=True)
class Reason:
    """A decision in sentences; `kept_for` names who was working on the ticket, so it stayed."""

    id: int
    message_id: int
    decided_at: datetime
    target: str
    rule: str
    kept_for: str | None
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class Said:
    """A message or note, with the quoted history apart and where it was led."""

    entry: Entry
    kind: str
    name: str
    text: str
    quoted: str
    reason: Reason | None
    enclosures: list[str]


@dataclass(frozen=True, slots=True)
class Happened:
    """A thin line between the messages."""

    at: datetime
    sentence: str


def weave(
    entries: Sequence[Entry], happenings: Iterable[Happening], reasons: Iterable[WhyHere]
) -> list[Said | Happened]:
    """Put messages and happenings into one order, oldest first."""
    led = {reason.message_id: tell(reason) for reason in reversed(list(reasons))}
    said = [(entry.created_at, 0, _said(entry, led.get(entry.id))) for entry in entries]
    lines = [(item.at, 1, Happened(item.at, _sentence(item))) for item in happenings]
    woven: list[tuple[datetime, int, Said | Happened]] = [*said, *lines]
    return [item for _at, _rank, item in sorted(woven, key=lambda each: each[:2])]


def tell(reason: WhyHere) -> Reason:
    """Tell a decision in the reader's language."""
    spoken: phrases.Language = "en" if language() == "en" else "cs"
    return Reason(
        reason.id,
        reason.message_id,
        reason.decided_at,
        words.phrase(phrases.TARGETS, reason.target),
        reason.rule,
        reason.kept_for,
        render_trace(reason.trace, spoken),
    )


def _said(entry: Entry, reason: Reason | None) -> Said:
    text = entry.reply_text or entry.text
    quoted = _rest(entry.text, text)
    return Said(entry, _kind(entry), _name(entry), text, quoted, reason, tell_enclosures(entry))


def _rest(whole: str, shown: str) -> str:
    """Give what the shown part leaves out; all of it when it cannot be told apart."""
    if whole.strip() == shown.strip():
        return ""
    return whole.removeprefix(shown).strip("\n") if whole.startswith(shown) else whole


def _kind(entry: Entry) -> str:
    if entry.is_internal:
        return "note"
    match entry.author:
        case Author.CUSTOMER:
            return "theirs"
        case Author.AGENT:
            return "ours"
        case Author.SYSTEM:
            return "system"


def _name(entry: Entry) -> str:
    if entry.author is Author.SYSTEM:
        return str(_("Automatic answer"))
    return entry.agent or entry.sender_name or entry.sender_address or str(_("Unknown sender"))


def _sentence(item: Happening) -> str:
    told = words.EVENTS.get(item.kind)
    if item.kind == EventKind.ASSIGNED and item.agent and item.data.get("handler") == item.agent:
        told = words.TOOK_IT
    return translated(told) % _Values(item) if told else item.kind.replace("_", " ")


class _Values(dict[str, Any]):
    """Says a placeholder of a sentence when it asks for it."""

    def __init__(self, item: Happening) -> None:
        self._item = item

    def __missing__(self, name: str) -> str:
        data = self._item.data
        match name:
            case "agent":
                return self._item.agent or _("The system")
            case "target":
                desk = word(words.DESKS, data.get("desk"))
                return f"{data['handler']} ({desk})" if data.get("handler") else desk
            case "from_word":
                return self._value(data.get("from"))
            case "to_word":
                return self._value(data.get("to"))
            case "activity":
                return activity_word(str(data.get("activity", "")))
            case _:
                return str(data.get(name) or "—")

    def _value(self, value: Any) -> str:
        match self._item.kind:
            case EventKind.STATE_CHANGED:
                return word(words.STATES, value)
            case EventKind.TOPIC_CHANGED:
                return word(words.TOPICS, value)
            case EventKind.PRIORITY_CHANGED:
                return word(words.PRIORITIES, value)
            case _:
                return str(value)


def failed_delivery(entries: Iterable[Entry]) -> Entry | None:
    """Give the last reply that could not be delivered, None when all went out."""
    for entry in reversed(list(entries)):
        if entry.delivery and entry.delivery.state is OutboxState.FAILED:
            return entry
    return None


def explain_line(line: Line) -> str:
    """Tell the last answer about authority in a sentence, "" while nobody asked."""
    if line.outcome is None or line.outcome_detail is None:
        return ""
    detail = line.outcome_detail
    authority = Authority(
        Outcome(line.outcome),
        Activity(line.activity),
        Assurance(detail["level_given"]),
        Role(detail["role"]) if detail.get("role") else None,
        Assurance(detail["level_needed"]) if detail.get("level_needed") else None,
        tuple(Circumstance(each) for each in detail.get("missing", ())),
        Role(detail["approver"]) if detail.get("approver") else None,
    )
    return explain(authority, "en" if language() == "en" else "cs")
