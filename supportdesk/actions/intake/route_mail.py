"""Understand kept mails and bring each to its desk; what cannot be read goes to quarantine."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.intake.filing import Filing, file_arrival
from supportdesk.actions.intake.scene import Arrival, Scene, bounced_outbox_id, gather
from supportdesk.actions.intake.storms import RELEASED, hold_storms
from supportdesk.actions.intake.write import write_duplicates, write_filings
from supportdesk.actions.keys import THREADS, instance_id, key_for
from supportdesk.actions.runtime import Runtime
from supportdesk.channels.email.addresses import normalise_address
from supportdesk.channels.email.hops import Hop, Transport, Unproven, transport_of
from supportdesk.channels.email.tokens import read_address, read_message_id
from supportdesk.db.models import Receipt, ReceiptState
from supportdesk.db.queries.prepared import AnySelect, fetch
from supportdesk.db.work import Claim, finish
from supportdesk.errors import NotFound, Unreadable, write_down
from supportdesk.messages import Automatic, InboundMessage
from supportdesk.routing.subjects import ticket_in_subject

_UNATTACHED = write_down(
    Unreadable(
        "A report about a mail, and nothing of ours says that it is about one of ours. It waits"
        " here without opening a request."
    )
)
_STRAY_LOOP = "our own mail came back and belongs to no ticket; it was not answered"


class Parser(Protocol):
    """Whatever turns raw mails into messages, within limits; the order is kept."""

    def parse_many(
        self, raws: Sequence[bytes], *, authserv_id: str, instance_id: str
    ) -> Sequence[InboundMessage | Unreadable]:
        """Parse each mail, or say why it cannot be read."""


def route_mail(runtime: Runtime, claims: Sequence[Claim], parser: Parser) -> None:
    """Bring the receipts of claimed work to tickets, all in one transaction.

    Raises:
        LeaseLost: the work was taken over by somebody else; nothing was changed.
    """
    receipts = _receipts(runtime, claims)
    key = key_for(runtime.secret_key, THREADS)
    released = {one.payload["receipt_id"] for one in claims if RELEASED in one.payload}
    understood, unreadable = _understand(runtime, receipts, parser, key)
    _keep_attachments(runtime, understood)
    now = runtime.clock()
    with runtime.database.write() as session:
        for receipt_id, problem in unreadable:
            quarantine(session, receipt_id, problem)
        for wave in _waves(understood, key):
            scene = gather(session, wave, now=now, key=key)
            _file(session, runtime, wave, scene, released)
        finish(session, claims, now=now)


def quarantine(session: Session, receipt_id: int, problem: str) -> None:
    """Put a receipt aside for people to look at; its bytes stay as they came."""
    session.execute(
        sa.update(Receipt)
        .where(Receipt.id == receipt_id, Receipt.state == ReceiptState.RECEIVED)
        .values(state=ReceiptState.QUARANTINED, problem=problem)
    )


def _receipts(runtime: Runtime, claims: Sequence[Claim]) -> list[sa.Row[tuple[object, ...]]]:
    wanted = [claim.payload["receipt_id"] for claim in claims]
    with runtime.database.read() as session:
        return list(fetch(session, _waiting(), wanted=wanted))


@cache
def _waiting() -> AnySelect:
    return (
        sa.select(
            Receipt.id,
            Receipt.mailbox_id,
            Receipt.received_at,
            Receipt.blob_key,
            Receipt.envelope,
        )
        .where(
            Receipt.id.in_(sa.bindparam("wanted", expanding=True)),
            Receipt.state == ReceiptState.RECEIVED,
        )
        .order_by(Receipt.id)
    )


def _understand(
    runtime: Runtime, receipts: Sequence[sa.Row[tuple[object, ...]]], parser: Parser, key: bytes
) -> tuple[list[Arrival], list[tuple[int, str]]]:
    unreadable: list[tuple[int, str]] = []
    stored = []
    for receipt in receipts:
        try:
            stored.append((receipt, runtime.blobs.get(receipt.blob_key)))
        except NotFound as missing:
            unreadable.append((receipt.id, write_down(missing)))
    parsed = parser.parse_many(
        [raw for _, raw in stored],
        authserv_id=runtime.settings.authserv_id,
        instance_id=instance_id(runtime.secret_key),
    )
    arrivals = []
    for (receipt, _), message in zip(stored, _proven(runtime, stored, parsed), strict=True):
        if isinstance(message, Unreadable):
            unreadable.append((receipt.id, write_down(message)))
        else:
            arrivals.append(
                Arrival.of(
                    receipt.id,
                    receipt.mailbox_id,
                    receipt.received_at,
                    receipt.envelope.get("to", ()),
                    _knowing_our_own(message, key),
                )
            )
    return arrivals, unreadable


def _proven(
    runtime: Runtime,
    stored: Sequence[tuple[Any, bytes]],
    parsed: Sequence[InboundMessage | Unreadable],
) -> list[InboundMessage | Unreadable]:
    """Prove the senders of mails that no host of ours has checked; all at once, it takes time."""
    found = list(parsed)
    if runtime.prove_senders is None:
        return found
    asked: dict[int, Unproven] = {}
    for place, ((receipt, raw), message) in enumerate(zip(stored, parsed, strict=True)):
        if isinstance(message, InboundMessage) and _is_to_be_proven(message):
            transport = _transport(runtime, receipt.envelope, raw)
            asked[place] = Unproven(raw, _domain(message), transport)
    if asked:
        checked = runtime.prove_senders(list(asked.values()))
        for place, auth in zip(asked, checked, strict=True):
            message = parsed[place]
            if isinstance(message, InboundMessage):
                found[place] = replace(message, auth=auth)
    return found


def _is_to_be_proven(message: InboundMessage) -> bool:
    is_about_ours = message.automatic in {Automatic.BOUNCE, Automatic.REPORT, Automatic.LOOP}
    return message.sender is not None and not message.auth.trusted and not is_about_ours


def _domain(message: InboundMessage) -> str:
    return normalise_address(message.sender.address).rpartition("@")[2] if message.sender else ""


def _transport(runtime: Runtime, envelope: dict[str, Any], raw: bytes) -> Transport:
    peer = Hop(envelope["peer"], envelope["helo"]) if "peer" in envelope else None
    return transport_of(
        raw, peer=peer, mail_from=envelope.get("from"), relays=runtime.settings.trusted_relays
    )


def _knowing_our_own(message: InboundMessage, key: bytes) -> InboundMessage:
    """Call a mail with a Message-ID of our making a loop, also when it lost our mark on its way."""
    if read_message_id(message.message_id or "", key) is None:
        return message
    return replace(message, automatic=Automatic.LOOP, wants_no_answer=True)


def _keep_attachments(runtime: Runtime, arrivals: Sequence[Arrival]) -> None:
    """Keep the files before the transaction: flushing a thousand would hold up all who write."""
    for arrival in arrivals:
        for attachment in arrival.message.attachments:
            runtime.blobs.put(attachment.content)


def _waves(arrivals: Sequence[Arrival], key: bytes) -> Iterator[list[Arrival]]:
    """Split a batch so that no two mails of one wave repeat each other or continue one ticket."""
    wave: list[Arrival] = []
    seen: set[str] = set()
    for arrival in arrivals:
        names = set(_names(arrival, key))
        if not seen.isdisjoint(names):
            yield wave
            wave, seen = [], set()
        wave.append(arrival)
        seen |= names
    if wave:
        yield wave


def _names(arrival: Arrival, key: bytes) -> Iterator[str]:
    """Give all that tells which mail this is and which ticket it may be about."""
    message = arrival.message
    yield message.message_id or message.content_hash
    yield from filter(None, (message.in_reply_to, message.reported_message_id))
    yield from message.references
    written = [one.address for one in (*message.to, *message.cc)]
    tickets = [read_address(address, key) for address in (*arrival.envelope_to, *written)]
    identifiers = (message.in_reply_to or "", *message.references)
    tickets += [read_message_id(identifier, key) for identifier in identifiers]
    outbox_id = bounced_outbox_id(arrival, key)
    if outbox_id is not None:
        yield f"outbox:{outbox_id}"
    for ticket_id in (*tickets, ticket_in_subject(message.subject)):
        if ticket_id is not None:
            yield f"#{ticket_id}"


def _file(
    session: Session,
    runtime: Runtime,
    wave: Sequence[Arrival],
    scene: Scene,
    released: Collection[int],
) -> None:
    known = [one for one in wave if one.key in scene.known_messages]
    filings = [file_arrival(one, scene) for one in wave if one.key not in scene.known_messages]
    held = {one.arrival.receipt_id: _STRAY_LOOP for one in filings if _is_stray_loop(one)}
    unattached = {one.arrival.receipt_id for one in filings if _is_unattached_report(one)}
    held |= dict.fromkeys(unattached.difference(released), _UNATTACHED)
    others = [one for one in filings if one.arrival.receipt_id not in held]
    held |= hold_storms(session, runtime.settings, others, released=released, now=scene.now)
    write_duplicates(session, known, scene)
    for receipt_id, reason in held.items():
        quarantine(session, receipt_id, reason)
    going = [one for one in others if one.arrival.receipt_id not in held]
    write_filings(session, runtime, going, scene)


def _is_stray_loop(filing: Filing) -> bool:
    """Tell whether this is our own mail that came back and belongs to no ticket."""
    return filing.is_new_ticket and filing.arrival.message.automatic is Automatic.LOOP


def _is_unattached_report(filing: Filing) -> bool:
    """Tell whether this reports about a mail that we cannot prove to be ours."""
    is_report = filing.arrival.message.automatic in {Automatic.BOUNCE, Automatic.REPORT}
    return filing.is_new_ticket and is_report
