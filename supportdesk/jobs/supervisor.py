"""Keep a few child processes running until told to stop: what `supportdesk run` is."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

_RESTART_SECONDS = 2.0
_STOP_SECONDS = 40.0


def supervise(
    commands: Sequence[Sequence[str]], environ: Mapping[str, str], stop: threading.Event
) -> None:
    """Run `supportdesk` with each of `commands`, restart what dies, and end all when `stop` is set.

    A child that dies at once is restarted after a pause, so that a broken setting does not spin.
    """
    children = {tuple(command): _start(command, environ) for command in commands}
    try:
        while not stop.wait(0.2):
            for command, child in children.items():
                if child.poll() is None:
                    continue
                log.warning("supportdesk %s ended with %s.", " ".join(command), child.returncode)
                if stop.wait(_RESTART_SECONDS):
                    break
                children[command] = _start(command, environ)
    finally:
        _end(list(children.values()))


def _start(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Our own program; a session of its own, so that Ctrl+C reaches it through us only.
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "supportdesk.cli", *command],
        env=dict(environ),
        start_new_session=True,
    )


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
