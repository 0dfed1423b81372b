"""The loop inside one bounded child of `pool.ParserPool`: a job in, a result out.

Run as `python -m supportdesk.channels.email.pool_child MODULE:FUNCTION SECONDS MEGABYTES`.
"""

import gc
import importlib
import io
import os
import pickle
import resource
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from supportdesk.errors import Unreadable

# Exit status of a child that reached its limit.
OUT_OF_MEMORY = 12
LENGTH = struct.Struct(">Q")


def limit_memory(megabytes: int) -> None:
    """Let no allocation take this process beyond so many MiB of addresses, libraries included."""
    size = megabytes * 1024 * 1024
    # macOS refuses this limit; the time limit still holds there.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(function: Callable[..., Any], jobs: BinaryIO, results: BinaryIO, seconds: float) -> None:
    """Answer jobs until the parent closes its end; an alarm ends a child whose parent died.

    Raises MemoryError with the job unanswered, so that the parent gives the rest to a fresh child.
    """
    results.write(b"\x01")
    results.flush()
    while len(head := jobs.read(LENGTH.size)) == LENGTH.size:
        raw, options = pickle.loads(jobs.read(LENGTH.unpack(head)[0]))  # noqa: S301 # our parent's
        signal.setitimer(signal.ITIMER_REAL, 2 * seconds + 1)
        answer = _answer(function, raw, options)
        signal.setitimer(signal.ITIMER_REAL, 0)
        data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        results.write(LENGTH.pack(len(data)))
        results.write(data)
        results.flush()


def _answer(function: Callable[..., Any], raw: bytes, options: dict[str, Any]) -> Any:
    try:
        return function(raw, **options)
    except Unreadable as error:
        return error
    except MemoryError:
        raise
    except Exception as error:
        return Unreadable(
            "The mail could not be understood: {reason}.", reason=type(error).__name__
        )


def main() -> None:
    """Serve the function named on the command line over standard input and output."""
    name, seconds, megabytes = sys.argv[1:4]
    jobs = io.BufferedReader(io.FileIO(os.dup(0), "r"), 256 * 1024)
    results = io.BufferedWriter(io.FileIO(os.dup(1), "w"), 256 * 1024)
    # Nothing that parsing prints may end up among the results.
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    module, _, attribute = name.partition(":")
    function = getattr(importlib.import_module(module), attribute)
    limit_memory(int(megabytes))
    gc.freeze()
    try:
        serve(function, jobs, results, float(seconds))
    except BrokenPipeError:
        os._exit(0)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    os._exit(0)


if __name__ == "__main__":
    main()
