"""Parsing in bounded child processes, so that a crafted mail harms nothing but itself.

A child that takes too long is killed, one that takes too much memory ends by itself; only the mail
it was at is unreadable, and another child goes on with the rest.
"""

import os
import pickle
import queue
import select
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from supportdesk.channels.email.pool_child import LENGTH, OUT_OF_MEMORY
from supportdesk.errors import ChannelError, SupportdeskError, Unreadable
from supportdesk.messages import InboundMessage

PARSE_MESSAGE = "supportdesk.channels.email.parse:parse_message"
START_SECONDS = 20.0
LAST_WORDS_SECONDS = 10.0  # from closing its pipe to ending: a busy machine takes its time
# Jobs on their way to one child. Together they fit into a pipe, so that writing them never waits
# for a child that waits for us to read.
BATCH_JOBS = 16
BATCH_BYTES = 48 * 1024
READ_BYTES = 1024 * 1024
# What may wait in memory before `submit` makes its caller wait.
QUEUED_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class _Job:
    data: bytes
    future: "Future[Any]"


class _ChildEnded(SupportdeskError):
    """A child is gone or was killed; the text says why."""


class _Child:
    """One child process and its two pipes."""

    def __init__(self, function: str, seconds: float, megabytes: int) -> None:
        self.seconds = seconds
        self.megabytes = megabytes
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        command = [sys.executable, "-m", "supportdesk.channels.email.pool_child", function]
        self.process = subprocess.Popen(  # noqa: S603 # our own interpreter and module
            [*command, str(seconds), str(megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # Nothing of the service's settings or secrets is within a stranger's reach.
            env={"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8"},
        )
        self.received = bytearray()
        try:
            self._receive(1, time.monotonic() + START_SECONDS)
        except _ChildEnded as error:
            self.end()
            raise ChannelError(
                "The mail parser cannot start: {reason}. Mails wait until it can.",
                permanent=False,
                reason=error,
            ) from None

    def send(self, jobs: Iterable[_Job]) -> None:
        """Hand over jobs; one that is larger than a batch goes alone."""
        stdin = self.process.stdin
        assert stdin is not None  # noqa: S101 # it is a pipe by construction
        data = b"".join(LENGTH.pack(len(job.data)) + job.data for job in jobs)
        view = memoryview(data)
        try:
            while view:
                view = view[stdin.write(view) :]
        except OSError:
            raise self._ended() from None

    def result(self) -> Any:
        """Wait for the result of the oldest job; Raises _ChildEnded after the time allowed."""
        deadline = time.monotonic() + self.seconds
        size = LENGTH.unpack(self._receive(LENGTH.size, deadline))[0]
        # Only our own child writes into this pipe.
        return pickle.loads(self._receive(size, deadline))  # noqa: S301

    def _receive(self, size: int, deadline: float) -> bytes:
        stdout = self.process.stdout
        assert stdout is not None  # noqa: S101 # it is a pipe by construction
        poller = select.poll()
        poller.register(stdout, select.POLLIN)
        while len(self.received) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                raise _ChildEnded(
                    "it takes longer than {seconds} seconds", seconds=f"{self.seconds:g}"
                )
            piece = os.read(stdout.fileno(), READ_BYTES)
            if not piece:
                raise self._ended()
            self.received += piece
        data = bytes(self.received[:size])
        del self.received[:size]
        return data

    def _ended(self) -> _ChildEnded:
        with suppress(subprocess.TimeoutExpired):
            status = self.process.wait(LAST_WORDS_SECONDS)
            if status == OUT_OF_MEMORY:
                return _ChildEnded("it needs more than {megabytes} MB", megabytes=self.megabytes)
            return _ChildEnded("the parser ended with status {status}", status=status)
        return _ChildEnded("the parser closed its pipe")

    def has_ended(self) -> bool:
        """Tell whether the child is gone, killed from outside for example."""
        return self.process.poll() is not None

    def end(self) -> None:
        """Kill the child and leave nothing of it behind."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


class ParserPool:
    """Parses mails in `processes` children, each mail within `seconds` and `megabytes`.

    May be used by several threads at once. Children start with the first mail and end with the
    pool or with this process, whichever comes first. `function` is "module:name" of what a child
    calls with the raw bytes and the options; its result must be picklable.
    """

    def __init__(
        self,
        processes: int = 2,
        seconds: float = 2.0,
        megabytes: int = 500,
        *,
        function: str = PARSE_MESSAGE,
    ) -> None:
        self._limits = (function, seconds, megabytes)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._processes = processes
        self._threads: list[threading.Thread] = []
        self._room = threading.Condition()
        self._queued_bytes = 0
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, raw: bytes, **options: Any) -> "Future[Any]":
        """Queue one mail; the future gives what the function returned or raises Unreadable.

        Waits while very much is queued. Raises ChannelError when the pool is closed, and through
        the future when no child can be started.
        """
        job = _Job(pickle.dumps((raw, options), pickle.HIGHEST_PROTOCOL), Future())
        with self._room:
            while self._queued_bytes and self._queued_bytes + len(job.data) > QUEUED_BYTES:
                self._room.wait()
            if self._closed:
                raise ChannelError("The mail parser is closed; start it anew.", permanent=False)
            self._queued_bytes += len(job.data)
            self._start_threads()
            self._jobs.put(job)
        return job.future

    def parse(self, raw: bytes, **options: Any) -> InboundMessage:
        """Parse one mail with the options of `parse_message`.

        Raises Unreadable with the reason when it cannot be understood within the limits.
        """
        message: InboundMessage = self.submit(raw, **options).result()
        return message

    def parse_many(
        self, raws: Iterable[bytes], **options: Any
    ) -> "list[InboundMessage | Unreadable]":
        """Parse mails on all processes; results are in the order of the mails."""
        return list(self.stream(raws, **options))

    def stream(self, raws: Iterable[bytes], **options: Any) -> Iterator[Any]:
        """Yield results, or Unreadable, in order as they become ready; holds few mails at once."""
        waiting: deque[Future[Any]] = deque()
        for raw in raws:
            waiting.append(self.submit(raw, **options))
            if len(waiting) >= 4 * BATCH_JOBS * self._processes:
                yield outcome(waiting.popleft())
        while waiting:
            yield outcome(waiting.popleft())

    def close(self) -> None:
        """End all children; mails still queued are parsed first."""
        with self._room:
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _start_threads(self) -> None:
        if self._threads:
            return
        for number in range(self._processes):
            thread = threading.Thread(target=self._run, name=f"parser-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self) -> None:
        child: _Child | None = None
        while (job := self._jobs.get()) is not None:
            batch, is_last = self._batch(job)
            if child is not None and child.has_ended():
                child.end()
                child = None
            while batch:
                try:
                    child = child or _Child(*self._limits)
                    self._exchange(child, batch)
                except _ChildEnded as ended:
                    if child is not None:
                        child.end()
                    child = None
                    self._settle(
                        batch, Unreadable("The mail cannot be parsed: {reason}.", reason=ended)
                    )
                except Exception as error:
                    while batch:
                        self._settle(batch, error)
            if is_last:
                break
        if child is not None:
            child.end()

    def _batch(self, first: _Job) -> tuple[deque[_Job], bool]:
        """Take some more small jobs, leaving the other children theirs; True when told to end."""
        batch = deque([first])
        size = len(first.data)
        fair = min(BATCH_JOBS, 1 + self._jobs.qsize() // self._processes)
        while len(batch) < fair and size < BATCH_BYTES // 2:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
            size += len(job.data)
        return batch, False

    def _exchange(self, child: _Child, batch: deque[_Job]) -> None:
        """Send a batch and settle its futures one by one; those unsettled stay in the batch."""
        small = [job for job in batch if len(job.data) < BATCH_BYTES // 2]
        if len(small) == len(batch):
            child.send(batch)
            while batch:
                self._settle(batch, child.result())
            return
        while batch:
            child.send([batch[0]])
            self._settle(batch, child.result())

    def _settle(self, batch: deque[_Job], answer: Any) -> None:
        job = batch.popleft()
        with self._room:
            self._queued_bytes -= len(job.data)
            self._room.notify_all()
        if isinstance(answer, Exception):
            job.future.set_exception(answer)
        else:
            job.future.set_result(answer)


def outcome(future: "Future[Any]") -> Any:
    """Return a job's result, or the Unreadable that it raised."""
    try:
        return future.result()
    except Unreadable as error:
        return error
