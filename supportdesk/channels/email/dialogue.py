"""What the door says and hears: aiosmtpd's dialogue, mended where a mail could be lost or forged.

Compared with aiosmtpd 1.4: LMTP answers once for every recipient (its issue #517); lines of any
length are taken, because mail with long lines is common and refusing it loses it; the bytes of a
mail stay as they are; addresses are never decoded; a slow transfer or delivery is not idleness.
"""

import asyncio
import logging
import re
from typing import AnyStr, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, syntax
from aiosmtpd.smtp import Envelope as SmtpEnvelope
from aiosmtpd.smtp import Session as SmtpSession

from supportdesk.channels.email.hops import Hop

log = logging.getLogger(__name__)

END_OF_DATA = b"\r\n.\r\n"
MAX_RECIPIENTS = 100
NULL_PATH = "<>"  # aiosmtpd takes an empty sender for a missing MAIL command

TOO_LARGE = "552 5.3.4 The mail is larger than {} bytes"
NOT_HERE = "550 5.1.1 No such mailbox here"
CLOSING = "421 4.3.2 Closing down, please come back later"
CROWDED = "421 4.3.2 Too many connections, please come back later"
FAILED = "451 4.3.0 Something failed here, please try again later"
IDLE = "421 4.4.2 Nothing heard for too long"

_CHUNK = 64 * 1024
_PATH = re.compile(
    r"""<(?:@[^:<>\s]+:)?                               # an old source route is skipped
        ((?:"(?:[^"\\\x00-\x1f\x7f\ud800-\udfff]|\\[ -~])*"|[^<>"\s\x00-\x1f\x7f\ud800-\udfff])*)>
        (?:[ ]+(.*))?""",
    re.VERBOSE | re.DOTALL,
)
_UNCODED = re.compile(r"([45])(\d\d) (?!\d\.\d+\.\d)")


class Host(Protocol):
    """What a dialogue needs of the door it stands in."""

    max_bytes: int
    max_connections: int
    idle_seconds: float
    is_stopping: bool
    transfers: asyncio.Semaphore
    dialogues: "set[Dialogue]"

    async def is_accepted(self, address: str) -> bool:
        """Tell whether mail for this address is ours."""

    async def take(
        self, mail_from: str, recipients: tuple[str, ...], raw: bytes, peer: Hop | None
    ) -> str:
        """Deliver a mail and return the reply for it."""


class _Hooks:
    """The decisions that aiosmtpd leaves to its user."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def handle_EHLO(  # noqa: N802
        self,
        server: SMTP,
        session: SmtpSession,
        envelope: SmtpEnvelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-ENHANCEDSTATUSCODES", "250-PIPELINING", responses[-1]]

    async def handle_MAIL(  # noqa: N802
        self,
        server: SMTP,
        session: SmtpSession,
        envelope: SmtpEnvelope,
        address: str,
        options: list[str],
    ) -> str:
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: SmtpSession,
        envelope: SmtpEnvelope,
        address: str,
        options: list[str],
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients for one mail"
        if not await self._host.is_accepted(address):
            return NOT_HERE
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_exception(self, error: Exception) -> str:
        log.error("The mail door failed", exc_info=error)
        return FAILED


class Dialogue(SMTP):
    """One connection."""

    # The stream's buffer: with aiosmtpd's own 1001 octets the sender would be halted all the time.
    line_length_limit = _CHUNK
    replies_for_each_recipient = False

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        # A given hostname spares the look-up of this machine's name, which can block.
        super().__init__(
            _Hooks(host),
            data_size_limit=host.max_bytes,
            enable_SMTPUTF8=True,
            hostname="supportdesk",
            ident="ready",
            timeout=host.idle_seconds,
            loop=loop,
        )
        self._host = host
        self.is_transferring = False
        self.closed: asyncio.Future[None] = loop.create_future()

    def dismiss(self) -> None:
        """Tell the sender to come back later, and hang up."""
        self._last_word(CLOSING)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in, from the first byte."""
        self._host.dialogues.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Count the connection out; whoever stops the door waits for that."""
        super().connection_lost(error)
        self._host.dialogues.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)

    async def push(self, status: AnyStr) -> None:
        """Write one reply line."""
        if isinstance(status, str):
            await super().push(_with_code(status))
        else:
            await super().push(status)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take a mail: the sender hears "354" only when there is room for it in memory."""
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 Send MAIL and an accepted RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        async with self._host.transfers:
            self.is_transferring = True
            try:
                status = await self._transfer(envelope)
            finally:
                self.is_transferring = False
        for _ in envelope.rcpt_tos if self.replies_for_each_recipient else ["all"]:
            await self.push(status)
        self.envelope = SmtpEnvelope()
        if self._host.is_stopping:
            self.dismiss()

    async def _transfer(self, envelope: SmtpEnvelope) -> str:
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        raw = await self._read_mail()
        if raw is None:
            return TOO_LARGE.format(self._host.max_bytes)
        sender = envelope.mail_from or ""
        # Waiting for our own commit is not the sender's idleness.
        self._stop_clock()
        status = await self._host.take(
            "" if sender == NULL_PATH else sender, tuple(envelope.rcpt_tos), raw, self._peer()
        )
        self._reset_timeout()
        return status

    def _peer(self) -> Hop | None:
        session = self.session
        if session is None or not isinstance(session.peer, tuple):
            return None
        return Hop(str(session.peer[0]), str(session.host_name or ""))

    async def _read_mail(self) -> bytes | None:
        """Read up to CRLF.CRLF, and nothing else ends a mail; None when it is too large."""
        limit = self._host.max_bytes
        # Every line of a mail may have its dot doubled: at worst three octets become four.
        wire_limit = limit * 4 // 3 + len(END_OF_DATA)
        data = bytearray()
        discarded = 0
        # A mail without content is the dot at once; its CRLF is that of the DATA command.
        while not data.endswith(END_OF_DATA) and data != b".\r\n":
            data += await self._read_piece()
            self._reset_timeout()
            if discarded or len(data) > wire_limit:
                discarded += len(data) - len(END_OF_DATA)
                del data[: -len(END_OF_DATA)]
            if discarded > 2 * wire_limit:
                self._last_word(TOO_LARGE.format(limit))
        raw = data[:-3].replace(b"\r\n.", b"\r\n")
        if raw.startswith(b"."):
            del raw[0]
        return None if discarded or len(raw) > limit else bytes(raw)

    async def _read_piece(self) -> bytes:
        """Return what there is up to the next possible end; it never splits one."""
        try:
            return await self._reader.readuntil(b".\r\n")
        except asyncio.LimitOverrunError as error:
            return await self._reader.readexactly(error.consumed)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read a path literally.

        aiosmtpd uses the parser for mail headers, which decodes encoded words: an address could
        come to contain a line break, or become that of somebody else.
        """
        found = _PATH.fullmatch(arg.strip())
        if found is None:
            return None, None
        return found[1] or NULL_PATH, found[2] or ""

    def _stop_clock(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def _timeout_cb(self) -> None:
        self._last_word(IDLE)

    def _last_word(self, status: str) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(status.encode("ascii") + b"\r\n")
            self.transport.close()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()

    async def _handle_client(self) -> None:
        if self._host.is_stopping or len(self._host.dialogues) > self._host.max_connections:
            self._last_word(CLOSING if self._host.is_stopping else CROWDED)
            return
        await super()._handle_client()


class SmtpDialogue(Dialogue):
    """SMTP: one reply for a mail, whoever its recipients are (RFC 5321)."""


class LmtpDialogue(Dialogue, LMTP):
    """LMTP: a mail is answered for each of its recipients (RFC 2033 s4.2)."""

    replies_for_each_recipient = True


def _with_code(status: str) -> str:
    """Add the enhanced status code (RFC 3463) where aiosmtpd gives none."""
    if status == "250 OK":
        return "250 2.0.0 OK"
    if status == "221 Bye":
        return "221 2.0.0 Bye"
    if status.startswith("552 Error"):
        return "552 5.3.4 The mail is too large"
    return _UNCODED.sub(r"\g<0>\g<1>.0.0 ", status, count=1) if _UNCODED.match(status) else status
