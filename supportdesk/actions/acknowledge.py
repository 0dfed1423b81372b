"""Telling the customer that the request is here: once, to people on file, never echoing anything.

Answering strangers would make us a relay for spam: whatever an attacker writes comes from our
address then. Source: RFC 3834 §2 and the abuse of helpdesk acknowledgements in 2025.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from supportdesk.actions.intake.filing import Filing
from supportdesk.actions.intake.rows import owner_id
from supportdesk.actions.intake.scene import Scene
from supportdesk.actions.outgoing import Outgoing, queue_mails
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.throttle import add_counts, counts_in_window
from supportdesk.actions.wording import acknowledgement
from supportdesk.channels.email.authresults import is_aligned
from supportdesk.channels.email.markdown import paragraphs
from supportdesk.db.bulk import insert_all
from supportdesk.db.models import Event
from supportdesk.db.queries.suppressions import find_suppressed
from supportdesk.routing.subjects import with_ticket
from supportdesk.tickets import EventKind

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_ALL = "acknowledge:all"


def acknowledge(
    session: Session, runtime: Runtime, placed: Sequence[tuple[Filing, int]], scene: Scene
) -> None:
    """Acknowledge the new tickets among `placed`, as far as the caps allow."""
    if not runtime.settings.acknowledge:
        return
    wanted = [one for one in placed if _may_be_answered(one[0], scene)]
    bad = {one.address for one in find_suppressed(session, {_to(one[0]) for one in wanted})}
    chosen = _within_caps(
        session, runtime, [one for one in wanted if _to(one[0]) not in bad], scene
    )
    mails = [_mail(runtime, filing, ticket_id, scene) for filing, ticket_id in chosen]
    messages = queue_mails(session, runtime, mails, now=scene.now)
    insert_all(
        session,
        Event,
        [
            {
                "ticket_id": mail.ticket_id,
                "kind": EventKind.ACKNOWLEDGED,
                "at": scene.now,
                "data": {"message_id": message_id},
            }
            for mail, message_id in zip(mails, messages, strict=True)
        ],
    )


def _to(filing: Filing) -> str:
    return filing.arrival.sender


def _may_be_answered(filing: Filing, scene: Scene) -> bool:
    arrival = filing.arrival
    ours = {mailbox.address for mailbox in scene.mailboxes.values()}
    return (
        filing.is_new_ticket
        and not arrival.message.wants_no_answer
        and arrival.sender not in ours
        and bool(arrival.sender)
        and (filing.sender.is_on_file or is_aligned(arrival.message))
    )


def _within_caps(
    session: Session, runtime: Runtime, placed: Sequence[tuple[Filing, int]], scene: Scene
) -> list[tuple[Filing, int]]:
    """Keep those within the caps per address and in all, and count them."""
    per_address = runtime.settings.acknowledge_per_address_a_day
    buckets = {_bucket(filing.arrival.sender) for filing, _ in placed}
    sent = counts_in_window(session, buckets, scene.now, _DAY)
    in_all = counts_in_window(session, {_ALL}, scene.now, _HOUR).get(_ALL, 0)
    chosen: list[tuple[Filing, int]] = []
    added: Counter[str] = Counter()
    for filing, ticket_id in placed:
        bucket = _bucket(filing.arrival.sender)
        if sent.get(bucket, 0) + added[bucket] >= per_address:
            continue
        if in_all + len(chosen) >= runtime.settings.acknowledge_per_hour:
            break
        added[bucket] += 1
        chosen.append((filing, ticket_id))
    add_counts(session, added, scene.now, _DAY)
    add_counts(session, Counter({_ALL: len(chosen)}), scene.now, _HOUR)
    return chosen


def _bucket(address: str) -> str:
    # Hashed: an address may be longer than the name of a bucket.
    return f"acknowledge:{hashlib.sha256(address.encode()).hexdigest()[:32]}"


def _mail(runtime: Runtime, filing: Filing, ticket_id: int, scene: Scene) -> Outgoing:
    arrival, identity = filing.arrival, filing.sender.identity
    mailbox = scene.mailboxes[arrival.mailbox_id]
    language = identity.language if identity else runtime.settings.language
    consultant = owner_id(filing, scene)
    hours = scene.calendar.hours_at(scene.now)
    words = acknowledgement(
        language,
        ticket_id=ticket_id,
        target=filing.decision.target if filing.decision else None,
        consultant=scene.agents[consultant].name if consultant else "",
        opens_at=None if hours.is_open else hours.opens_at,
        operator=runtime.settings.operator_name,
    )
    reference = arrival.message.message_id
    return Outgoing(
        ticket_id=ticket_id,
        mailbox_id=arrival.mailbox_id,
        mailbox_address=mailbox.address,
        sender_name=runtime.settings.operator_name,
        to=(arrival.sender,),
        subject=with_ticket(words.subject, ticket_id),
        text=words.text,
        html=paragraphs(words.text),
        in_reply_to=reference,
        references=(*arrival.message.references, reference) if reference else (),
    )
