"""The table of faults. Each is done to a running installation, lasts a moment and heals itself.

An injection gives how many mails may go out again because of it: one for each sender that was
killed or frozen past its lease. What the relay leaves unconfirmed, it counts itself. None means
that there was nothing to break at that moment.
"""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.faults.campaign.brisk import LEASE_SECONDS
from tests.faults.campaign.faults_of_files import damage_blob, fill_disk, lose_blob
from tests.faults.campaign.installation import (
    SECONDS_TO_START,
    WORKERS,
    Installation,
    has_small_disk,
)
from tests.servers.proxy import Proxy
from tests.servers.smtp import SmtpReceiver
from tests.waiting import until

BOTH = ("sqlite", "postgresql")


Inject = Callable[[Installation, Random], int | None]
_PATIENCE_SECONDS = 4.0
_TAKEN_OVER_SECONDS = LEASE_SECONDS + 3.5  # others look for work every second or two
_ESTABLISHED = "01"  # as /proc/net/tcp writes it


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which things go wrong.

    `may_fail` tells that mails may be refused for good, `may_hold` that a good request may end in
    quarantine: in both cases people see it.
    """

    name: str
    inject: Inject
    databases: tuple[str, ...] = BOTH
    may_fail: bool = False
    may_hold: bool = False
    is_kill: bool = False


def kill_worker(target: Installation, chance: Random) -> int | None:
    return 1 if target.kill(chance.choice(WORKERS)) else None


def kill_intake(target: Installation, _chance: Random) -> int | None:
    return 0 if target.kill("intake") else None


def kill_web(target: Installation, _chance: Random) -> int | None:
    return 0 if target.kill("web") else None


def kill_everything(target: Installation, _chance: Random) -> int:
    """Kill every process as nearly at once as can be: a power cut without the disk."""
    killed = [role for role in target.services if target.kill(role)]
    return len(set(killed) & set(WORKERS))


def kill_parser(target: Installation, chance: Random) -> int | None:
    """Kill a child in which mails are parsed; what it had is parsed again, or held for people."""
    service = target.services[chance.choice(WORKERS)]
    children = _children(service.process.pid) if service.process else []
    if not children:
        return None
    os.kill(chance.choice(children), signal.SIGKILL)
    return 0


def freeze_worker(target: Installation, chance: Random) -> int | None:
    """Stop a worker until others have taken over what it held, and let it go on."""
    role = chance.choice(WORKERS)
    if not target.signal(role, signal.SIGSTOP):
        return None
    time.sleep(_TAKEN_OVER_SECONDS + chance.uniform(-1, 1))
    target.signal(role, signal.SIGCONT)
    return 1


def kill_sender(target: Installation, _chance: Random) -> int | None:
    """Kill a worker whose mail the relay has just taken and not yet said so: the worst moment."""
    with _sender_held_at(target, "END") as sender:
        return 1 if sender is not None and target.kill(sender) else None


def freeze_sender(target: Installation, _chance: Random) -> int | None:
    """Stop a worker that is handing a mail over until another has sent it; then let it go on.

    Nothing may go out again: who has slept must ask whether the mail is still his. So this is done
    while nothing else is on its way, which may have been taken by the relay and not yet noted.
    """
    with target.agent_may_write:
        until(target.has_answered_all, "everything is answered")
        with _sender_held_at(target, "DATA") as sender:
            if sender is not None:
                target.signal(sender, signal.SIGSTOP)
        if sender is None:
            return None
        time.sleep(_TAKEN_OVER_SECONDS)
        target.signal(sender, signal.SIGCONT)
    return 0


@contextmanager
def _sender_held_at(target: Installation, command: str) -> Iterator[str | None]:
    """Give the worker that waits for the relay's answer to a command, None when there is none."""
    relay = target.relay
    before = relay.failures
    release = relay.hold(command)
    target.have_somebody_write()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while relay.failures == before and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield next((role for role in WORKERS if _talks_to(target, role, relay.port)), None)
    finally:
        relay.work()
        release()


def end_politely(target: Installation, chance: Random) -> int | None:
    """Ask a process to end while it is busy: it ends well, and soon."""
    role = chance.choice(list(target.services))
    service = target.services[role]
    if service.process is None or service.has_ended():
        return None
    age = time.monotonic() - service.started_at
    time.sleep(max(0.0, SECONDS_TO_START - age))
    service.process.send_signal(signal.SIGTERM)
    code = service.process.wait(60)
    assert code == 0, f"{role} ended with {code} after SIGTERM:\n{target.log_of(role)}"
    return 0


def break_relay(target: Installation, chance: Random) -> int | None:
    """Have the relay refuse for now, hang up or say nothing at some command."""
    relay, times = target.relay, chance.randrange(1, 6)
    match chance.randrange(4):
        case 0:
            relay.answer(chance.choice(("MAIL", "RCPT", "DATA", "END")), "451 4.3.0 later", times)
        case 1:
            relay.drop(chance.choice(("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "QUIT")), times)
        case 2:  # taken, and never confirmed
            relay.drop("END", times)
        case _:
            relay.stall(chance.choice(("CONNECT", "EHLO", "MAIL", "DATA")), 1)
    return _came_to_pass(relay)


def refuse_mails(target: Installation, chance: Random) -> int | None:
    """Have the relay refuse mails for good."""
    command = chance.choice(("MAIL", "RCPT", "DATA", "END"))
    target.relay.answer(command, "550 5.7.1 no", chance.randrange(1, 4))
    return _came_to_pass(target.relay)


def break_imap(target: Installation, chance: Random) -> int | None:
    """Hang up on whoever reads the mailbox, at some step of it."""
    steps = (b"FETCH", b"SEARCH", b"EXAMINE", b"BODY", b"OK ")
    target.imap_line.drop(chance.choice(steps))
    return _came_to_pass(target.imap_line)


def silence_imap(target: Installation, chance: Random) -> int | None:
    """Leave whoever reads the mailbox connected and without an answer: a half-open line."""
    target.imap_line.stall(chance.choice((b"FETCH", b"SEARCH", b"OK ")))
    return _came_to_pass(target.imap_line)


def _came_to_pass(server: SmtpReceiver | Proxy) -> int | None:
    """Wait until something failed, and mend it; None when nobody came by."""
    before, deadline = server.failures, time.monotonic() + _PATIENCE_SECONDS
    while server.failures == before and time.monotonic() < deadline:
        time.sleep(0.02)
    happened = server.failures > before
    if isinstance(server, Proxy) or not happened:
        server.work()
    return 0 if happened else None


def new_uidvalidity(target: Installation, _chance: Random) -> int:
    """Give the mailbox another UIDVALIDITY, as a restored server does."""
    mailbox = target.mailbox
    folder = mailbox.account.folder
    with target.mailbox_is_moved, mailbox.client() as client:
        client.create_folder(f"{folder}.new")
        if uids := client.search():
            client.copy(uids, f"{folder}.new")
        client.unselect_folder()
        client.delete_folder(folder)
        client.rename_folder(f"{folder}.new", folder)
    return 0


def lock_database(target: Installation, chance: Random) -> int:
    """Hold the one right to write for some seconds, as a careless administrator's shell does."""
    path = target.runtime.database.engine.url.database or ""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(chance.uniform(0.5, 4))
        other.execute("ROLLBACK")
    return 0


def crash_postgresql(target: Installation, chance: Random) -> int:
    """Stop the database server without any goodbye; it recovers when it is started again."""
    assert target.postgresql is not None
    target.postgresql.stop("immediate")
    time.sleep(chance.uniform(0, 2))
    target.postgresql.start()
    target.runtime.database.engine.dispose()  # our own look into it begins anew, too
    return len(WORKERS)  # what was just sent could not be written down


def jump_clock(target: Installation, chance: Random) -> int:
    """Set clocks an hour off: of the one machine, or of one of several."""
    offset = chance.choice((-3600, 3600))
    roles = list(target.services) if target.is_sqlite else [chance.choice(list(target.services))]
    for role in roles:
        target.set_clock(role, offset)
    time.sleep(chance.uniform(1, 4))
    return 0


def _talks_to(target: Installation, role: str, port: int) -> bool:
    """Tell whether a process has a connection to a port of this machine."""
    process = target.services[role].process
    if process is None:
        return False
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    sockets = {
        f"socket:[{words[9]}]"
        for words in map(str.split, lines)
        if words[2].endswith(f":{port:04X}") and words[3] == _ESTABLISHED
    }
    with suppress(OSError):
        return any(
            str(one.readlink()) in sockets for one in Path(f"/proc/{process.pid}/fd").iterdir()
        )
    return False


def _children(pid: int) -> list[int]:
    """List the processes that a process has started; none when it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(one) for one in (task / "children").read_text().split()]
    return found


FAULTS = (
    Fault("kill -9 a worker", kill_worker, is_kill=True),
    Fault("kill -9 a worker whose mail was just taken", kill_sender, is_kill=True),
    Fault("kill -9 the intake", kill_intake, is_kill=True),
    Fault("kill -9 the web", kill_web, is_kill=True),
    Fault("kill -9 everything at once", kill_everything, is_kill=True),
    Fault("kill -9 a mail parser", kill_parser, is_kill=True, may_hold=True),
    Fault("a worker frozen past its lease", freeze_worker),
    Fault("a sender frozen until another has sent", freeze_sender),
    Fault("SIGTERM under load", end_politely),
    Fault("the relay refuses, hangs up or is silent", break_relay),
    Fault("the relay refuses for good", refuse_mails, may_fail=True),
    Fault("the mailbox hangs up", break_imap),
    Fault("the mailbox is silent (half-open)", silence_imap),
    Fault("a new UIDVALIDITY", new_uidvalidity),
    Fault("a stored mail is gone", lose_blob, is_kill=True),
    Fault("a stored mail is damaged", damage_blob, is_kill=True),
    *([Fault("the disk is full", fill_disk)] * has_small_disk()),
    Fault("clocks jump by an hour", jump_clock),
    Fault("the database is locked", lock_database, databases=("sqlite",)),
    Fault("PostgreSQL crashes", crash_postgresql, databases=("postgresql",)),
)
