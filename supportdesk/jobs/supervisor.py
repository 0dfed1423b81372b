"""Keep a few child processes running until told to stop: what `supportdesk run` is."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

_RESTART_SECONDS = 2.0
_HURRY_SECONDS = 5.0


def supervise(
    commands: Sequence[Sequence[str]],
    environ: Mapping[str, str],
    stop: threading.Event,
    hurry: threading.Event,
    *,
    stop_seconds: float,
) -> None:
    """Run `supportdesk` with each of `commands`, restart what dies, and end all when `stop` is set.

    Children have `stop_seconds` to end; when `hurry` is set they are told once more, to end now.
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
        _end(list(children.values()), hurry, stop_seconds)


def _start(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Our own program; a session of its own, so that Ctrl+C reaches it through us only.
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "supportdesk.cli", *command],
        env=dict(environ),
        start_new_session=True,
    )


def _end(
    children: Sequence[subprocess.Popen[bytes]], hurry: threading.Event, stop_seconds: float
) -> None:
    _terminate(children)
    deadline = time.monotonic() + stop_seconds
    while _running(children) and time.monotonic() < deadline and not hurry.wait(0.1):
        pass
    if hurry.is_set():
        _terminate(children)
        deadline = time.monotonic() + _HURRY_SECONDS
    while _running(children) and time.monotonic() < deadline:
        time.sleep(0.1)
    for child in _running(children):
        child.kill()
        child.wait()


def _terminate(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in _running(children):
        child.terminate()


def _running(children: Sequence[subprocess.Popen[bytes]]) -> list[subprocess.Popen[bytes]]:
    return [child for child in children if child.poll() is None]
