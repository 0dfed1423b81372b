"""A process that keeps mails and routes them, for tests that make a backup meanwhile."""

import sys
from pathlib import Path

from supportdesk.actions.receive_mail import receive_mail
from supportdesk.actions.runtime import Runtime
from supportdesk.clock import system_clock
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.settings import Settings
from tests.world import mail

if __name__ == "__main__":
    url, folder, name = sys.argv[1:]
    runtime = Runtime(
        Database(open_engine(url)),
        BlobStore(Path(folder) / "blobs"),
        Settings(data_dir=Path(folder)),
        system_clock,
        b"s" * 32,
    )
    print("at work", flush=True)
    for number in range(100_000):
        raw = mail("ekonom@kraj.example", f"{name} {number}", Message_ID=f"<{name}-{number}@x>")
        receive_mail(
            runtime,
            raw,
            mail_from="",
            recipients=["business@example.com"],
            received_at=runtime.clock(),
        )
