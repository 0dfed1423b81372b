"""What is done for each kind of work, and what a failure leads to."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from structlog.contextvars import bound_contextvars

from supportdesk.actions.ask_for_work import ask_for_work
from supportdesk.actions.close_resolved import close_resolved
from supportdesk.actions.fetch_whole import fetch_whole
from supportdesk.actions.hand_back import hand_back
from supportdesk.actions.index_messages import index_older_messages
from supportdesk.actions.intake.route_mail import Parser, route_mail
from supportdesk.actions.ledger import reconcile_mailbox
from supportdesk.actions.owners import follow_assignments
from supportdesk.actions.poll_mailbox import ask_for_poll, poll_mailbox
from supportdesk.actions.prune import prune
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.send_mail import send_mail
from supportdesk.actions.settle_work import work_done, work_failed
from supportdesk.actions.tell_alarms import tell_alarms
from supportdesk.actions.watch import watch
from supportdesk.db.work import Claim, Kind, LeaseLost
from supportdesk.errors import SupportdeskError, write_down
from supportdesk.metrics import LEASES_LOST

log = logging.getLogger(__name__)

_INDEXED_PARTS = 20
"""How much is indexed before the lane looks at its other work."""

_SCHEDULED: Mapping[Kind, Callable[[Runtime], object]] = {
    Kind.HAND_BACK: hand_back,
    Kind.CLOSE: close_resolved,
    Kind.FOLLOW: follow_assignments,
    Kind.PRUNE: prune,
    Kind.WATCH: watch,
}


def handle(runtime: Runtime, parser: Parser, claims: Sequence[Claim]) -> None:
    """Do claimed work of one kind; nothing that goes wrong with it reaches the caller."""
    with bound_contextvars(kind=claims[0].kind):
        if claims[0].kind == Kind.ROUTE:
            _route(runtime, parser, claims)
            return
        for claim in claims:
            with bound_contextvars(**_ids([claim])):
                _do_guarded(runtime, claim)


def _route(runtime: Runtime, parser: Parser, claims: Sequence[Claim]) -> None:
    """Route a batch; when something in it fails, each by itself, so that one harms no other."""
    with bound_contextvars(**_ids(claims)):
        if _route_together(runtime, parser, claims):
            return
    for claim in claims:
        _route(runtime, parser, [claim])


def _route_together(runtime: Runtime, parser: Parser, claims: Sequence[Claim]) -> bool:
    """Route a batch; False when it has to be done again one by one."""
    try:
        route_mail(runtime, claims, parser)
    except LeaseLost as lost:
        _lost(claims[0], lost)
    except Exception as error:
        if len(claims) > 1:
            return False
        _failed(runtime, claims[0], error)
    return True


def _do_guarded(runtime: Runtime, claim: Claim) -> None:
    try:
        _do(runtime, claim)
    except LeaseLost as lost:
        _lost(claim, lost)
    except Exception as error:
        _failed(runtime, claim, error)


def _ids(claims: Sequence[Claim]) -> dict[str, Any]:
    """Name the work for the log, and what it is about: receipts, mailboxes, mails."""
    about: dict[str, Any] = {"work_id": [claim.id for claim in claims]}
    for name in {name for claim in claims for name in claim.payload if name.endswith("_id")}:
        about[name] = [claim.payload.get(name) for claim in claims]
    if len(claims) > 1:
        return about
    return {name: ids[0] for name, ids in about.items()}


def _lost(claim: Claim, lost: LeaseLost) -> None:
    LEASES_LOST.labels(claim.kind).inc()
    log.warning("%s", lost)


def _do(runtime: Runtime, claim: Claim) -> None:
    match Kind(claim.kind):
        case Kind.SEND:
            send_mail(runtime, claim)
        case Kind.POLL | Kind.POLL_AGAIN:
            _poll(runtime, claim)
        case Kind.FETCH:
            fetch_whole(runtime, claim)
        case Kind.RECONCILE:
            _reconcile(runtime, claim)
        case Kind.INDEX:
            _index(runtime, claim)
        case Kind.ALARM:
            tell_alarms(runtime, claim)
            work_done(runtime, claim)
        case Kind.ROUTE:
            raise AssertionError("Routing is done in batches.")
        case scheduled:
            _SCHEDULED[scheduled](runtime)
            work_done(runtime, claim)


def _poll(runtime: Runtime, claim: Claim) -> None:
    """Poll, and ask for more of it at once when there is more; what failed stands with the mailbox.

    A mailbox that cannot be read comes again by itself, later each time.
    """
    mailbox_id = claim.payload["mailbox_id"]
    has_more = False
    try:
        has_more = poll_mailbox(runtime, mailbox_id).has_more
    except SupportdeskError as error:
        log.warning("%s", error)
    work_done(runtime, claim)
    if has_more:
        ask_for_poll(runtime, mailbox_id)


def _reconcile(runtime: Runtime, claim: Claim) -> None:
    """Compare a mailbox with our receipts; one that cannot be read is asked again next hour."""
    try:
        reconcile_mailbox(runtime, claim.payload["mailbox_id"])
    except SupportdeskError as error:
        log.warning("%s", error)
    work_done(runtime, claim)


def _index(runtime: Runtime, claim: Claim) -> None:
    """Index a good part of what is left, and ask for the rest at once."""
    has_more = all(index_older_messages(runtime) for _ in range(_INDEXED_PARTS))
    work_done(runtime, claim)
    if has_more:
        ask_for_work(runtime, Kind.INDEX, {}, name=Kind.INDEX)


def _named(error: Exception) -> SupportdeskError:
    if isinstance(error, SupportdeskError):
        return error
    reason = f"{type(error).__name__}: {error}"
    return SupportdeskError("Something unforeseen went wrong: {reason}", reason=reason)


def _failed(runtime: Runtime, claim: Claim, error: Exception) -> None:
    problem = _named(error)
    log.warning(
        "%s work %d, attempt %d of %d: %s",
        claim.kind,
        claim.id,
        claim.attempts,
        claim.max_attempts,
        problem,
        exc_info=None if isinstance(error, SupportdeskError) else error,
    )
    try:
        work_failed(runtime, claim, write_down(problem))
    except LeaseLost as lost:
        _lost(claim, lost)
    except Exception:
        # No database, perhaps. The lease runs out, and then somebody tries again.
        log.exception("Could not write down that %s work %d failed.", claim.kind, claim.id)
