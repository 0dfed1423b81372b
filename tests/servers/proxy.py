"""A line between a client and a server on loopback that breaks where a test wants it to."""

import socket
import threading
from contextlib import suppress
from typing import Self


class Proxy:
    """Passes bytes both ways until the text of a fault comes by, from either side."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._fault: tuple[str, bytes, bytes] | None = None
        self.failures = 0  # times that a fault came to pass
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown() wakes the threads that wait in accept() and recv(); close() does not.
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def drop(self, text: bytes) -> None:
        """Hang up on both sides in place of passing on what contains `text`."""
        self._fault = ("drop", text, b"")

    def stall(self, text: bytes) -> None:
        """Pass nothing more on, beginning with what contains `text`, and stay connected."""
        self._fault = ("stall", text, b"")

    def answer(self, command: bytes, text: bytes) -> None:
        """Answer an IMAP command that contains `command` in the server's place."""
        self._fault = ("answer", command, text)

    def say(self, text: bytes) -> None:
        """Send `text` to the newest client in the server's place."""
        self._sockets[-2].sendall(text)

    def work(self) -> None:
        """Pass everything on from now on."""
        self._fault = None

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._sockets += [client, server]
                self._start(self._pass_on, client, server)
                self._start(self._pass_on, server, client)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        stalled = False
        with suppress(OSError):
            while data := source.recv(65536):
                kind, text, answer = self._fault or ("", b"", b"")
                if kind and text in data:
                    self.failures += 1
                    if kind == "answer":
                        source.sendall(data.split(b" ")[0] + b" " + answer + b"\r\n")
                        continue
                    if kind == "drop":
                        break
                    stalled = True
                if not stalled:
                    sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
