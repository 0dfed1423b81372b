"""Mail servers that hand mails to the door by LMTP, each over one connection, one by one."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import centre
from bench.mails import Mail


@dataclass(slots=True)
class Handed:
    """When the data of each mail ended, and when the door confirmed it, by Message-ID."""

    ended: dict[str, float] = field(default_factory=dict)
    confirmed: dict[str, float] = field(default_factory=dict)


def hand_in(
    port: int, mails: Sequence[Mail], *, connections: int, per_second: float | None = None
) -> Handed:
    """Hand in all mails; each connection as fast as the door answers, or all at a steady pace.

    Raises:
        RuntimeError: the door refused something.
    """
    handed, problems = Handed(), list[BaseException]()
    began = time.monotonic()

    def send(number: int) -> None:
        try:
            with _Sender(port) as sender:
                for position in range(number, len(mails), connections):
                    if per_second:
                        time.sleep(max(0, began + position / per_second - time.monotonic()))
                    sender.send(mails[position], handed)
        except BaseException as error:  # a thread's error belongs to whoever started it
            problems.append(error)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise RuntimeError("Not all mails could be handed in.") from problems[0]
    return handed


class _Sender:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._expect(b"220")
        self._command(b"LHLO sender.example", b"250")

    def __enter__(self) -> "_Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, mail: Mail, handed: Handed) -> None:
        self._command(b"MAIL FROM:<%s>" % mail.sender.encode(), b"250")
        self._command(b"RCPT TO:<%s>" % centre.MAILBOX.encode(), b"250")
        self._command(b"DATA", b"354")
        data = mail.raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        handed.ended[mail.message_id] = time.monotonic()
        self._socket.sendall(data)
        self._expect(b"250")
        handed.confirmed[mail.message_id] = time.monotonic()

    def _command(self, line: bytes, expected: bytes) -> None:
        self._socket.sendall(line + b"\r\n")
        self._expect(expected)

    def _expect(self, expected: bytes) -> None:
        line = self._file.readline()
        while line[3:4] == b"-":
            line = self._file.readline()
        if not line.startswith(expected):
            raise RuntimeError(f"The door answered {line!r} instead of {expected!r}.")
