"""A process that migrates to the end of a folder of migrations, for tests that kill it."""

import subprocess
import sys
from pathlib import Path

from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import upgrade
from tests.db.migrated import FUTURE

ROOT = Path(__file__).parents[2]


def start_migrator(url: str) -> "subprocess.Popen[bytes]":
    """Start to migrate to the schema of the future; it says a line when it begins."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.db.migrator", url, str(FUTURE)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


if __name__ == "__main__":
    url, folder = sys.argv[1:]
    print("at work", flush=True)
    upgrade(open_engine(url), further=Path(folder))
