"""Where the processes of one web add up what they count.

The library decides when it is first imported whether processes count together, so this comes
before everything else and imports nothing of it.
"""

import os
import shutil

from supportdesk.settings import Settings

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_counts(settings: Settings) -> None:
    """Have this process and those it forks count together from zero, when a port asks for it."""
    if not settings.metrics_port:
        return
    folder = settings.data_dir / f"metrics-{settings.metrics_port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ[VARIABLE] = str(folder)
