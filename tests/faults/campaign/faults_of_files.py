"""Faults of what lies on disk: no room, and stored mails that are gone or altered."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import sqlalchemy as sa

from supportdesk.actions.receipts import replay_receipt
from supportdesk.db.models import Receipt, ReceiptState, Work, WorkState
from supportdesk.db.queries.viewers import load_viewer
from tests.faults.campaign.installation import WORKERS, Installation
from tests.waiting import until


def fill_disk(target: Installation, chance: Random) -> int:
    """Leave no byte free where mails are kept, for some seconds."""
    filler = target.data_dir / "filler"
    free = os.statvfs(target.data_dir)
    with filler.open("wb") as file:
        _take_all(file.fileno(), free.f_bavail * free.f_bsize)
        time.sleep(chance.uniform(1, 3))
    filler.unlink()
    return 0


def _take_all(handle: int, size: int) -> None:
    """Take the room in ever smaller pieces: others write at the same time."""
    done = 0
    while size >= 4096:
        try:
            os.posix_fallocate(handle, done, size)
            done += size
        except OSError:
            size //= 2


def lose_blob(target: Installation, _chance: Random) -> int:
    """Take a stored mail away before it is routed, and bring it back once people were told."""
    return _spoil(target, Path.unlink, "is missing")


def damage_blob(target: Installation, chance: Random) -> int:
    """Turn one bit of a stored mail before it is routed, and mend it once people were told."""

    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)

    return _spoil(target, flip, "is damaged")


def _spoil(target: Installation, spoil: Callable[[Path], None], told: str) -> int:
    """Spoil a mail that waits to be routed: it is held until it is mended, then it is routed."""
    killed = sum(target.kill(role) for role in WORKERS)
    target.have_somebody_write()
    waiting = _wait_for_mail(target)
    path = target.data_dir / "blobs" / waiting.blob_key[:2] / waiting.blob_key
    content = path.read_bytes()
    spoil(path)
    target.start_dead()
    until(lambda: _is_held(target, waiting.id, told), f"the mail that {told} is held", seconds=120)
    path.write_bytes(content)
    with target.runtime.database.read() as session:
        jana = load_viewer(session, target.cast.jana.id, today=target.runtime.clock().date())
    assert jana is not None
    replay_receipt(target.runtime, jana, waiting.id)
    return killed


def _wait_for_mail(target: Installation) -> Receipt:
    """Wait until a mail is kept; nobody routes it."""
    found: list[Receipt] = []

    def is_there() -> bool:
        with target.runtime.database.read() as session:
            receipt = session.scalar(
                sa.select(Receipt).where(Receipt.state == ReceiptState.RECEIVED).limit(1)
            )
        found.extend([receipt] if receipt else [])
        return bool(found)

    until(is_there, "a mail is kept", seconds=120)
    return found[0]


def _is_held(target: Installation, receipt_id: int, told: str) -> bool:
    """Tell whether people see the mail and why; its attempts are used up meanwhile."""
    time.sleep(0.2)  # others want to write, too
    with target.runtime.database.write() as session:
        session.execute(
            sa.update(Work)
            .where(Work.state == WorkState.READY, Work.problem.contains(told))
            .values(attempts=Work.max_attempts - 1)
        )
        receipt = session.get_one(Receipt, receipt_id)
        return receipt.state is ReceiptState.QUARANTINED and told in (receipt.problem or "")
