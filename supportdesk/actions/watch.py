"""The service looks at itself: what is wrong raises an alarm, what is over clears it.

To watch for something more, write a check and name it in `CHECKS`.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Alarm, Heartbeat
from supportdesk.db.queries.ledger import find_gaps
from supportdesk.db.queries.mailboxes import mailboxes_with_gaps, silent_mailboxes
from supportdesk.db.queries.operations import (
    WATCH,
    dead_work,
    due_work,
    list_heartbeats,
    waiting_mail,
)
from supportdesk.db.queries.upkeep import find_pause
from supportdesk.db.work import Kind, enqueue
from supportdesk.errors import SupportdeskError, write_down
from supportdesk.settings import Settings

log = logging.getLogger(__name__)

Finding = tuple[str, SupportdeskError]
"""What a check found: "" or what tells it from others of the check, and a sentence for people."""

Check = Callable[[Session, Settings, datetime], Iterable[Finding]]

LEAST_FREE_PERCENT = 5
"""Below this share of free disk there is an alarm, and a web process is not ready."""

FRESH = timedelta(minutes=3)
"""A heartbeat older than this is of somebody who does not live any more."""

_REMINDED_EVERY = timedelta(days=1)

WORK_NAMES: Mapping[str, SupportdeskError] = {
    Kind.ROUTE: SupportdeskError("routing of requests"),
    Kind.SEND: SupportdeskError("sending of mail"),
    Kind.POLL: SupportdeskError("reading of mailboxes"),
    Kind.POLL_AGAIN: SupportdeskError("reading of mailboxes that failed before"),
    Kind.FETCH: SupportdeskError("fetching of large mails"),
    Kind.RECONCILE: SupportdeskError("comparing mailboxes with the ledger"),
    Kind.HAND_BACK: SupportdeskError("handing back the night's work"),
    Kind.FOLLOW: SupportdeskError("following new assignments"),
    Kind.CLOSE: SupportdeskError("closing of resolved requests"),
    Kind.PRUNE: SupportdeskError("deleting what is over"),
    Kind.WATCH: SupportdeskError("watching over the service"),
    Kind.ALARM: SupportdeskError("telling of alarms by mail"),
}


def watch(runtime: Runtime) -> None:
    """Make all checks; raise what is new, clear what is over, and have people told by mail.

    Alarms of a check that fails itself stay as they are.
    """
    now = runtime.clock()
    found, failed = _find(runtime, now)
    with runtime.database.write() as session:
        open_alarms = session.scalars(sa.select(Alarm).where(Alarm.cleared_at.is_(None))).all()
        known = {alarm.key: alarm for alarm in open_alarms}
        for key, error in found.items():
            _see(session, known.get(key), key, error, now=now)
        for key, alarm in known.items():
            if key not in found and key.partition(":")[0] not in failed:
                alarm.cleared_at = now
        if runtime.settings.alarm_addresses:
            _ask_to_tell(session, runtime, now=now)
        session.merge(Heartbeat(name=WATCH, seen_at=now, detail={}))
    for key in found.keys() - known.keys():
        log.error("Alarm %s: %s", key, found[key])
    for key, alarm in known.items():
        if alarm.cleared_at:
            log.info("Alarm %s is over.", key)


def free_percent(folder: Path) -> float:
    """Measure how much of the disk that holds `folder` is free."""
    usage = shutil.disk_usage(folder)
    return usage.free * 100 / usage.total


def standstill(watched_at: datetime | None, *, now: datetime) -> SupportdeskError | None:
    """Say that nobody does background work, judged by when the service last looked at itself."""
    if watched_at is None:
        return SupportdeskError("No background work was ever done here; start a worker.")
    if now - watched_at > FRESH:
        return SupportdeskError(
            "Background work has stood still since {since}; start a worker, or look at its log.",
            since=watched_at,
        )
    return None


def _find(runtime: Runtime, now: datetime) -> tuple[dict[str, SupportdeskError], set[str]]:
    """Give what all checks found, by key, and the names of those that could not be made."""
    found: dict[str, SupportdeskError] = {}
    failed = set()
    for name, check in CHECKS.items():
        try:
            with runtime.database.read() as session:
                for detail, error in check(session, runtime.settings, now):
                    found[f"{name}:{detail}" if detail else name] = error
        except Exception as error:
            log.exception("The check %s could not be made.", name)
            failed.add(name)
            found[f"check:{name}"] = SupportdeskError(
                "The check {check} could not be made: {reason}.",
                check=name,
                reason=type(error).__name__,
            )
    return found, failed


def _see(
    session: Session, alarm: Alarm | None, key: str, error: SupportdeskError, *, now: datetime
) -> None:
    if alarm is None:
        alarm = Alarm(key=key, raised_at=now)
        session.add(alarm)
    alarm.problem, alarm.last_seen_at = write_down(error), now


def _ask_to_tell(session: Session, runtime: Runtime, *, now: datetime) -> None:
    """Ask for one mail about all alarms that nobody was told of, or not for a day."""
    session.flush()
    untold = session.scalars(
        sa.select(Alarm)
        .where(Alarm.cleared_at.is_(None))
        .where(sa.or_(Alarm.told_at.is_(None), Alarm.told_at <= now - _REMINDED_EVERY))
        .order_by(Alarm.id)
    ).all()
    for alarm in untold:
        alarm.told_at = now
    if untold:
        enqueue(
            session,
            Kind.ALARM,
            {"alarm_ids": [alarm.id for alarm in untold]},
            now=now,
            max_attempts=runtime.settings.send_attempts,
        )


def _given_up(session: Session, _settings: Settings, _now: datetime) -> Iterable[Finding]:
    for kind, count in dead_work(session).items():
        yield (
            kind,
            SupportdeskError(
                "Given up after the last attempt: {work} ({count}). Look at it on the operations"
                " page; try it again or discard it.",
                work=WORK_NAMES.get(kind, kind),
                count=count,
            ),
        )


def _late_work(session: Session, settings: Settings, now: datetime) -> Iterable[Finding]:
    for kind, waiting in due_work(session, now=now).items():
        minutes = int(waiting.seconds(now)) // 60
        if minutes >= settings.alarm_work_minutes:
            yield (
                kind,
                SupportdeskError(
                    "What is due waits for a worker: {work}, {count} in all, the oldest for"
                    " {minutes} minutes.",
                    work=WORK_NAMES.get(kind, kind),
                    count=waiting.count,
                    minutes=minutes,
                ),
            )


def _unsent_mail(session: Session, settings: Settings, now: datetime) -> Iterable[Finding]:
    waiting = waiting_mail(session)
    minutes = int(waiting.seconds(now)) // 60
    if minutes >= settings.alarm_outbox_minutes:
        yield (
            "",
            SupportdeskError(
                "Mails wait to be sent: {count} in all, the oldest for {minutes} minutes. Look at"
                " what the relay {relay} says.",
                count=waiting.count,
                minutes=minutes,
                relay=f"{settings.smtp_host}:{settings.smtp_port}",
            ),
        )


def _silent_mailbox(session: Session, settings: Settings, now: datetime) -> Iterable[Finding]:
    watched = session.get(Heartbeat, WATCH)
    if watched is None or now - watched.seen_at > FRESH:
        return  # the service has only just started; the first polls are under way
    minutes = settings.mailbox_alarm_minutes
    for mailbox in silent_mailboxes(session, now=now, minutes=minutes):
        yield (
            mailbox.address,
            SupportdeskError(
                "The mailbox {address} could not be read for {minutes} minutes or longer; what"
                " customers write there does not arrive. The mailboxes page says why.",
                address=mailbox.address,
                minutes=minutes,
            ),
        )


def _full_disk(session: Session, _settings: Settings, now: datetime) -> Iterable[Finding]:
    """Judge by what each worker measures on its own machine."""
    for living in list_heartbeats(session):
        percent = living.detail.get("free_percent", 100)
        if now - living.seen_at <= FRESH and percent < LEAST_FREE_PERCENT:
            yield (
                living.detail.get("host", ""),
                SupportdeskError(
                    "The disk of {host} has only {percent} % free; make room before requests have"
                    " to be refused.",
                    host=living.detail.get("host", ""),
                    percent=percent,
                ),
            )


def _pause(session: Session, _settings: Settings, _now: datetime) -> Iterable[Finding]:
    pause = find_pause(session)
    if pause is not None:
        yield (
            "",
            SupportdeskError(
                "The service was restored from the backup of {made_at}: nothing is sent and no"
                " mailbox read. Run `supportdesk doctor`, then `supportdesk release`.",
                made_at=pause.backup_made_at,
            ),
        )


def _ledger_gaps(session: Session, _settings: Settings, now: datetime) -> Iterable[Finding]:
    gaps = find_gaps(session, now=now)
    if gaps:
        yield (
            "",
            SupportdeskError(
                "Received requests became no ticket and nobody will take them up: {count}, the"
                " oldest of {since}. Look at the ledger, and have them routed again.",
                count=len(gaps),
                since=min(one.received_at for one in gaps),
            ),
        )
    for mailbox in mailboxes_with_gaps(session):
        yield (
            mailbox.address,
            SupportdeskError(
                "The mailbox {address} holds mails that we passed and have no receipt of: {count}."
                " Look at the ledger, and have them read again.",
                address=mailbox.address,
                count=mailbox.missing_count,
            ),
        )


CHECKS: Mapping[str, Check] = {
    "given_up": _given_up,
    "late_work": _late_work,
    "unsent_mail": _unsent_mail,
    "silent_mailbox": _silent_mailbox,
    "disk": _full_disk,
    "paused": _pause,
    "ledger": _ledger_gaps,
}
