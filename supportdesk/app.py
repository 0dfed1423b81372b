"""The composition root: settings become a running service's parts, and parts become processes."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from flask import Flask
from prometheus_client import start_http_server

from supportdesk.actions.backup import Manifest
from supportdesk.actions.receive_mail import is_our_address, our_recipients, receive_mail
from supportdesk.actions.restore import bring_secret_key, open_backup, restore_backup
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.secret_key import secret_key_of
from supportdesk.channels.email.door import Door, Envelope
from supportdesk.channels.email.names import Names
from supportdesk.channels.email.pool import ParserPool
from supportdesk.channels.email.proof import Prover
from supportdesk.channels.email.sandbox import open_sandbox
from supportdesk.clock import Clock, system_clock
from supportdesk.db.blobs import Blobs, BlobStore
from supportdesk.db.database import Database
from supportdesk.db.engine import clock_of, open_engine, why_away
from supportdesk.db.migrate import downgrade, schema_problem, upgrade
from supportdesk.db.s3_blobs import open_s3
from supportdesk.db.sqlite_file import keep_copy
from supportdesk.demo import AUTHSERV_ID, demo_log_ins, is_empty, load_demo
from supportdesk.errors import Conflict, SettingsError, Unreachable
from supportdesk.jobs.mailbox_listeners import MailboxListeners
from supportdesk.jobs.supervisor import supervise
from supportdesk.jobs.worker import INTAKE_LANES, Worker
from supportdesk.logs import set_up_logs
from supportdesk.settings import Settings, load_settings
from supportdesk.web import create_web
from supportdesk.web.server import GRACE_SECONDS, WebServer

log = logging.getLogger(__name__)

_DATABASE_PAUSE_SECONDS = 2.0
_STATEMENT_SECONDS = 60  # far more than anything that we ask PostgreSQL for takes


def open_runtime(settings: Settings | None = None, *, clock: Clock | None = None) -> Runtime:
    """Open the service's parts on a database that is up to date; its clock is ours without another.

    Raises:
        Unreachable: the database does not answer.
        SettingsError: a setting is unusable, or the database waits for `supportdesk migrate`.
    """
    runtime = _open(settings or load_settings(), clock)
    if reason := why_away(runtime.database.engine):
        raise Unreachable("The database does not answer: {reason}", reason=reason)
    problem = schema_problem(runtime.database.engine)
    if problem is not None:
        runtime.database.close()
        raise problem
    return runtime


def migrate(settings: Settings, *, back_to: str | None = None) -> None:
    """Create the data directory and bring the schema up to date, or back to a revision.

    Of a SQLite database a copy from before is kept in the folder `backups` of the data directory.

    Raises:
        Conflict: it cannot be done now, or not at all; the text says why.
    """
    _make_data_dir(settings)
    engine = open_engine(settings.effective_database_url)

    def before(revision: str) -> None:
        database = Path(engine.url.database or "")
        keep_copy(database, settings.data_dir / "backups", revision, system_clock())

    try:
        if back_to is None:
            upgrade(engine, before=before)
        else:
            downgrade(engine, back_to, before=before)
    finally:
        engine.dispose()


def ask_about_schema(settings: Settings) -> SettingsError | None:
    """Say why this version cannot work with the database's schema, None when it can."""
    _make_data_dir(settings)
    engine = open_engine(settings.effective_database_url)
    try:
        return schema_problem(engine)
    finally:
        engine.dispose()


def restore(settings: Settings, folder: Path, say: Callable[[str], None]) -> Manifest:
    """Bring a backup back into an installation that has no data yet; it is paused then.

    Raises:
        Conflict, InvalidInput: it cannot be done; the text says why.
    """
    backup = open_backup(folder, say=say)
    _make_data_dir(settings)
    if not settings.secret_key:
        bring_secret_key(backup, settings.data_dir / "secret.key")
    runtime = _open(settings, system_clock)
    try:
        restore_backup(runtime, backup, say=say)
    except OSError as error:
        raise Conflict("The backup cannot be restored: {reason}.", reason=error) from error
    finally:
        runtime.database.close()
    return backup.manifest


def create_app() -> Flask:
    """Make the WSGI application from the settings, for any WSGI server."""
    return create_web(open_runtime())


def serve_web(settings: Settings) -> None:
    """Serve the web pages until SIGTERM; requests that are being answered are finished."""
    set_up_logs(settings)
    _open_for_web(settings).database.close()  # say what is wrong before any process is forked
    _check_port_is_free("port", settings.host, settings.port)
    if settings.metrics_port:
        _check_port_is_free("metrics_port", settings.metrics_host, settings.metrics_port)
    WebServer(settings, lambda: _open_for_web(settings)).run()


def _open_for_web(settings: Settings) -> Runtime:
    """Open the parts although the database may be away: pages and /readyz say so until it comes."""
    try:
        return open_runtime(settings)
    except Unreachable as error:
        log.warning("%s", error)
        return _open(settings, None)


def _open_for_worker(settings: Settings, stop: threading.Event) -> Runtime | None:
    """Open the parts as soon as the database answers; None when told to stop before."""
    while not stop.is_set():
        try:
            return open_runtime(settings)
        except Unreachable as error:
            log.warning("%s; waiting for it.", error)
            stop.wait(_DATABASE_PAUSE_SECONDS)
    return None


def run_worker(settings: Settings, *, intake_only: bool = False) -> None:
    """Do background work, poll mailboxes and hold the mail door open until a signal says stop."""
    set_up_logs(settings)
    stop = _stop_signal(lambda: os._exit(1))
    runtime = _open_for_worker(settings, stop)
    if runtime is None:
        return
    with ExitStack() as parts:
        parts.callback(runtime.database.close)
        if settings.verify_senders:
            prover = Prover(Names().look_up)
            parts.callback(prover.close)
            runtime = replace(runtime, prove_senders=prover.prove)
        parser = parts.enter_context(ParserPool(processes=settings.parse_processes))
        worker = (
            Worker(runtime, parser, lanes=INTAKE_LANES, part="intake")
            if intake_only
            else Worker(runtime, parser)
        )
        _tell_metrics(settings)
        worker.start()
        parts.callback(worker.stop)
        parts.enter_context(MailboxListeners(runtime, worker.wake))
        if settings.door_port:
            parts.enter_context(open_door(runtime, worker.mail_came))
        stop.wait()
        log.info("Stopping: work in hand is finished first.")


def _tell_metrics(settings: Settings) -> None:
    host, port = settings.metrics_host, settings.worker_metrics_port
    if port:
        _check_port_is_free("worker_metrics_port", host, port)
        start_http_server(port, host)


def run_all(*, demo: bool, say: Callable[[str], None]) -> None:
    """Run web and worker as children until a signal says stop, after setting up what is missing.

    Raises:
        SettingsError: a setting is unusable, or one of its ports is taken.
    """
    settings = load_settings()
    set_up_logs(settings)
    _check_ports_are_free(settings, demo=demo)
    hurry = threading.Event()
    stop = _stop_signal(hurry.set)
    migrate(settings)
    environ = dict(os.environ)
    with ExitStack() as parts:
        if demo:
            environ["SUPPORTDESK_MAIL_SANDBOX"] = "true"
            environ["SUPPORTDESK_AUTHSERV_ID"] = settings.authserv_id or AUTHSERV_ID
            parts.enter_context(sandbox(settings))
        runtime = open_runtime(settings)
        try:
            _greet(runtime, demo=demo, say=say)
        finally:
            runtime.database.close()
        supervise(
            [["web"], ["worker"]],
            environ,
            stop,
            hurry,
            stop_seconds=max(settings.stop_seconds, settings.drain_seconds + GRACE_SECONDS) + 5,
        )
    say("Stopped.")


def _check_ports_are_free(settings: Settings, *, demo: bool) -> None:
    # Before anything is promised: children that cannot listen would only be restarted.
    _check_port_is_free("port", settings.host, settings.port)
    for name in ("metrics_port", "worker_metrics_port"):
        if port := getattr(settings, name):
            _check_port_is_free(name, settings.metrics_host, port)
    if settings.door_port:
        _check_port_is_free("door_port", settings.door_host, settings.door_port)
    if demo:
        _check_port_is_free("smtp_port", settings.smtp_host, settings.smtp_port)


def _check_port_is_free(setting: str, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise SettingsError(
            "{setting} cannot be {port}: {reason}. Set another one, or end the program that"
            " holds it; it may be supportdesk itself.",
            setting=setting,
            port=port,
            reason=error.strerror,
        ) from error


def _greet(runtime: Runtime, *, demo: bool, say: Callable[[str], None]) -> None:
    settings = runtime.settings
    if demo:
        _set_up_demo(runtime, say)
    say(f"supportdesk is at {settings.web_address}")
    if settings.door_port:
        protocol = settings.door_protocol.upper()
        say(f"Mail door ({protocol}): {settings.door_host}:{settings.door_port}")
    if demo:
        say(f"Mail sandbox: {settings.web_address}/sandbox")
        for line in demo_log_ins():
            say(line)
    elif is_empty(runtime):
        say(
            "Nobody can log in yet: run `supportdesk people import FILE` (docs/people-import.md),"
            " then `supportdesk agents password USERNAME`."
        )
    say("Ctrl+C stops it.")


def _set_up_demo(runtime: Runtime, say: Callable[[str], None]) -> None:
    unfinished = runtime.settings.data_dir / "demo.unfinished"
    if unfinished.exists():
        raise SettingsError(
            "Setting up the demo region was cut short; delete {folder} and start again.",
            folder=runtime.settings.data_dir,
        )
    if is_empty(runtime):
        say("Setting up the demo region …")
        unfinished.touch()
        load_demo(runtime)
        unfinished.unlink()


def deliver(raw: bytes, *, mail_from: str, recipients: Sequence[str]) -> None:
    """Keep one mail as the door would; returns only after the commit.

    Without `recipients` those of our addresses that its header names get it, else the first
    mailbox: a mail that somebody hands over is never refused for its header.
    """
    runtime = open_runtime()
    try:
        receive_mail(
            runtime,
            raw,
            mail_from=mail_from,
            recipients=recipients or our_recipients(runtime, raw),
            received_at=runtime.clock(),
        )
    finally:
        runtime.database.close()


def open_door(runtime: Runtime, mail_came: Callable[[], None]) -> Door:
    """Give the mail door, not yet open; `mail_came` hears of every mail that was kept."""
    settings = runtime.settings

    def deliver(envelope: Envelope) -> None:
        receive_mail(
            runtime,
            envelope.raw,
            mail_from=envelope.mail_from,
            recipients=envelope.recipients,
            received_at=envelope.received_at,
            peer=envelope.peer,
        )
        mail_came()

    return Door(
        settings.door_host,
        settings.door_port,
        settings.door_protocol,
        max_bytes=settings.mail_max_bytes,
        accepts=lambda address: is_our_address(runtime, address),
        deliver=deliver,
        clock=runtime.clock,
    )


@contextmanager
def sandbox(settings: Settings) -> Iterator[None]:
    """Hold a mail sandbox open at the place where mail is sent to."""
    relay = open_sandbox(
        settings.smtp_host,
        settings.smtp_port,
        settings.sandbox_folder,
        max_bytes=settings.mail_max_bytes,
    )
    with relay:
        yield


def _stop_signal(hurry: Callable[[], None]) -> threading.Event:
    """Give what a signal sets that says stop; a second signal calls `hurry`."""
    stop = threading.Event()

    def hear(_number: int, _frame: object) -> None:
        if stop.is_set():
            hurry()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, hear)
    return stop


def _open(settings: Settings, clock: Clock | None) -> Runtime:
    _make_data_dir(settings)
    engine = open_engine(settings.effective_database_url, statement_seconds=_STATEMENT_SECONDS)
    return Runtime(
        database=Database(engine),
        blobs=_blobs(settings),
        settings=settings,
        clock=clock or clock_of(engine),
        secret_key=secret_key_of(settings),
    )


def _blobs(settings: Settings) -> Blobs:
    if settings.blob_store.startswith("s3://"):
        return open_s3(settings.blob_store)
    return BlobStore(Path(settings.blob_store or settings.data_dir / "blobs"))


def _make_data_dir(settings: Settings) -> None:
    # Customers' mails lie there: they are for nobody else on this machine.
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
