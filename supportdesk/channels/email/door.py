"""The door: our own LMTP or SMTP receiver. It says "250" only after `deliver` has returned.

An MTA in front of it speaks LMTP; "smtp" is for relays that cannot. Both are plain text and know
no log-in: the door belongs on loopback or a private network.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from supportdesk.channels.email.dialogue import Dialogue, LmtpDialogue, SmtpDialogue
from supportdesk.channels.email.hops import Hop
from supportdesk.clock import Clock, system_clock
from supportdesk.errors import ChannelError

log = logging.getLogger(__name__)
# aiosmtpd writes every address and command there at level INFO.
logging.getLogger("mail.log").setLevel(logging.WARNING)

TAKEN = "250 2.0.0 Accepted"
TRY_AGAIN = "451 4.3.0 Cannot be stored now, please try again later"

REMEMBER_SECONDS = 5.0
"""How long an address stays ours without being asked for; delivering asks again in any case."""

MOST_REMEMBERED = 1000
"""How many addresses are remembered; with a plus part there is no end of them."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail as it came through the door.

    `mail_from` is "" for the null return path; `recipients` are as the sender wrote them, only
    those that were accepted. `raw` is what stood between DATA and the final dot, byte for byte,
    with the doubled dots undone. `received_at` is the end of DATA, aware, in UTC. `peer` is who
    was at the door, None when nobody can be named.
    """

    mail_from: str
    recipients: tuple[str, ...]
    raw: bytes
    received_at: datetime
    peer: Hop | None = None


class Door:
    """Receives mail on a thread of its own and gives it to `deliver`.

    `accepts` is asked for the whole address of every recipient, and its yes is remembered for some
    seconds. `deliver` commits; it runs on one of `deliverers` threads, and so does `accepts`. A
    ChannelError of `deliver` that is permanent refuses the mail for good; any other exception asks
    the sender to try again later.
    """

    def __init__(
        self,
        host: str,
        port: int,
        protocol: Literal["lmtp", "smtp"],
        *,
        max_bytes: int,
        accepts: Callable[[str], bool],
        deliver: Callable[[Envelope], None],
        clock: Clock = system_clock,
        deliverers: int = 4,
        max_connections: int = 100,
        max_transfers: int = 16,
        idle_seconds: float = 300,
        stop_seconds: float = 30,
    ) -> None:
        """Prepare the door; port 0 takes any free one.

        `max_transfers` bounds how many mails are in memory at the same time; further senders wait
        for their "354". `stop_seconds` is how long `stop` waits for a sender amid its DATA.
        """
        self.host = host
        self.port = port
        self.protocol = protocol
        self.max_bytes = max_bytes
        self.max_connections = max_connections
        self.idle_seconds = idle_seconds
        self.is_stopping = False
        self.dialogues: set[Dialogue] = set()
        self._accepts = accepts
        self._deliver = deliver
        self._clock = clock
        self._stop_seconds = stop_seconds
        self._remembered: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(deliverers, thread_name_prefix="door-deliver")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="door", daemon=True)
        self._server: asyncio.Server | None = None
        self.transfers = asyncio.Semaphore(max_transfers)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Open the door; afterwards `port` is the real one.

        Raises:
            ChannelError: the port cannot be opened.
        """
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except OSError as error:
            self._end()
            raise ChannelError(
                "The mail door cannot open {host}:{port}: {reason}."
                " Set another door_port (or door_host), or end the program that holds it.",
                permanent=True,
                host=self.host,
                port=self.port,
                reason=error.strerror,
            ) from error

    def stop(self) -> None:
        """Close the door: tell idle senders to come back, finish the mails that are being taken.

        A door that is not open stays so.
        """
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._end()

    async def _open(self) -> None:
        dialogue = LmtpDialogue if self.protocol == "lmtp" else SmtpDialogue
        self._server = await self._loop.create_server(
            lambda: dialogue(self, self._loop), self.host, self.port, backlog=self.max_connections
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self.is_stopping = True
        if self._server is not None:
            self._server.close()
        for dialogue in list(self.dialogues):
            if not dialogue.is_transferring:
                dialogue.dismiss()
        waiting = [dialogue.closed for dialogue in self.dialogues]
        if waiting:
            await asyncio.wait(waiting, timeout=self._stop_seconds)
        for dialogue in list(self.dialogues):
            dialogue.dismiss()

    def _end(self) -> None:
        self._pool.shutdown(wait=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def is_accepted(self, address: str) -> bool:
        """Ask whether mail for this address is ours, away from the event loop."""
        now = self._loop.time()
        if self._remembered.get(address, 0) > now:
            return True
        is_ours = await self._loop.run_in_executor(self._pool, self._accepts, address)
        if is_ours:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[address] = now + REMEMBER_SECONDS
        return is_ours

    async def take(
        self, mail_from: str, recipients: tuple[str, ...], raw: bytes, peer: Hop | None
    ) -> str:
        """Deliver one mail and return the reply that the sender gets for it; this never fails."""
        envelope = Envelope(mail_from, recipients, raw, self._clock(), peer)
        try:
            return await self._loop.run_in_executor(self._pool, self._delivered, envelope)
        except RuntimeError:
            return TRY_AGAIN  # the pool is shut down: a sender ended its mail too late for stop()

    def _delivered(self, envelope: Envelope) -> str:
        try:
            self._deliver(envelope)
        except ChannelError as error:
            log.warning("The door refused a mail for %s: %s", envelope.recipients, error)
            return "554 5.7.0 This mail is not accepted" if error.permanent else TRY_AGAIN
        except Exception:
            log.exception("The door could not store a mail for %s", envelope.recipients)
            return TRY_AGAIN
        return TAKEN
