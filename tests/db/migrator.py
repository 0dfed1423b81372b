"""A process that migrates to the end of a folder of migrations, for tests that kill it."""

import sys
from pathlib import Path

from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import upgrade

if __name__ == "__main__":
    url, folder = sys.argv[1:]
    print("at work", flush=True)
    upgrade(open_engine(url), further=Path(folder))
