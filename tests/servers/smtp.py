"""A real SMTP receiver on loopback that keeps every mail and fails wherever a test wants it to."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from supportdesk.channels.email.smtp import Relay
from tests.servers.certificates import Certificates

USERNAME, PASSWORD = "desk", "tajné heslo"
COMMANDS = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "END", "QUIT")


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One mail as it arrived; `options` are those of the MAIL command."""

    mail_from: str
    recipients: tuple[str, ...]
    raw: bytes
    options: tuple[str, ...]


@dataclass(slots=True)
class _Fault:
    """What happens instead of the right answer: `text` is said, None means that nothing is."""

    text: str | None
    hangs_up: bool
    times: int | None
    until: asyncio.Event | None = None  # what is obeyed only then


class SmtpReceiver:
    """The receiver. A fault at "END" stands after the final dot: kept, but not confirmed.

    Commands are those of `COMMANDS`. `times` None is for ever.
    """

    def __init__(
        self, certificates: Certificates, *, tls: bool = False, smtputf8: bool = True
    ) -> None:
        self.mails: list[ReceivedMail] = []
        self.commands: list[str] = []
        self.failures = 0  # answers that were other than they should be
        self.unconfirmed = 0  # mails that were kept without saying so
        self._faults: dict[str, _Fault] = {}
        self._refused: dict[str, str] = {}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server, certificates.key)
        self._tls = tls
        self._smtputf8 = smtputf8
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-receiver")
        self._server = self._loop.run_until_complete(
            self._loop.create_server(
                self._dialogue, "127.0.0.1", 0, ssl=self._context if tls else None
            )
        )

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def relay(self, **changes: Any) -> Relay:
        """Give the settings that send through this receiver."""
        return Relay("localhost", self.port, **changes)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Hang up on everybody and close the port."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _dialogue(self) -> "_Dialogue":
        return _Dialogue(
            self,
            tls_context=None if self._tls else self._context,
            enable_SMTPUTF8=self._smtputf8,
            authenticator=_log_in,
            auth_require_tls=False,
            hostname="receiver",
            loop=self._loop,
        )

    def answer(self, command: str, text: str, times: int | None = None) -> None:
        """Say `text`, such as "450 4.2.0 later", instead of obeying `command`."""
        self._faults[command] = _Fault(text, hangs_up=False, times=times)

    def stall(self, command: str, times: int | None = None) -> None:
        """Say nothing more once `command` has come."""
        self._faults[command] = _Fault(None, hangs_up=False, times=times)

    def hold(self, command: str) -> Callable[[], None]:
        """Obey the next `command` only when what is given is called."""
        released = asyncio.Event()
        self._faults[command] = _Fault(None, hangs_up=False, times=1, until=released)

        def release() -> None:
            self._loop.call_soon_threadsafe(released.set)

        return release

    def drop(self, command: str, times: int | None = None) -> None:
        """Hang up without an answer once `command` has come."""
        self._faults[command] = _Fault(None, hangs_up=True, times=times)

    def refuse(self, address: str, text: str) -> None:
        """Answer the RCPT of one address with `text`."""
        self._refused[address] = text

    def work(self) -> None:
        """Obey everything from now on."""
        self._faults.clear()
        self._refused.clear()

    def refusal_of(self, address: str) -> str | None:
        return self._refused.get(address)

    def next_fault(self, command: str) -> _Fault | None:
        """Note the command and give what shall go wrong with it."""
        self.commands.append(command)
        fault = self._faults.get(command)
        if fault is None or fault.times == 0:
            return None
        self.failures += 1
        if fault.times is not None:
            fault.times -= 1
        return fault


class _Dialogue(SMTP):
    def __init__(self, receiver: SmtpReceiver, **options: Any) -> None:
        super().__init__(_Hooks(receiver), **options)
        self._receiver = receiver
        for command in ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"):
            self._smtp_methods[command] = self._scripted(command, self._smtp_methods[command])

    def _scripted(
        self, command: str, obey: Callable[[str | None], Awaitable[None]]
    ) -> Callable[[str | None], Awaitable[None]]:
        async def method(argument: str | None) -> None:
            if not await self.fails_at(command):
                await obey(argument)

        return method

    async def fails_at(self, command: str) -> bool:
        fault = self._receiver.next_fault(command)
        if fault is None:
            return False
        if fault.until is not None:
            await fault.until.wait()
            return False
        if fault.text is not None:
            await self.push(fault.text)
        elif fault.hangs_up:
            self._writer.close()
        else:
            # Cancelled when the other side gives up.
            await asyncio.Event().wait()
        return True

    async def _handle_client(self) -> None:
        if not await self.fails_at("CONNECT"):
            await super()._handle_client()


class _Hooks:
    def __init__(self, receiver: SmtpReceiver) -> None:
        self._receiver = receiver

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self._receiver.refusal_of(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: _Dialogue, session: Session, envelope: Envelope
    ) -> str:
        fault = self._receiver.next_fault("END")
        if fault is not None and fault.text is not None:
            return fault.text
        sender = envelope.mail_from or ""
        content = envelope.original_content or b""
        self._receiver.mails.append(
            ReceivedMail(
                "" if sender == "<>" else sender,
                tuple(envelope.rcpt_tos),
                content,
                tuple(envelope.mail_options),
            )
        )
        if fault is not None and fault.until is not None:
            await fault.until.wait()
        elif fault is not None:
            self._receiver.unconfirmed += 1
            if fault.hangs_up:
                server._writer.close()
            else:
                await asyncio.Event().wait()
        return f"250 2.0.0 OK: queued as {len(self._receiver.mails)}"


def _log_in(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
) -> AuthResult:
    is_right = given == LoginPassword(USERNAME.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@pytest.fixture
def smtp_receiver(certificates: Certificates) -> Iterator[SmtpReceiver]:
    """Run a receiver that offers STARTTLS and log-in but insists on neither."""
    with running_receiver(certificates) as receiver:
        yield receiver


@pytest.fixture
def smtps_receiver(certificates: Certificates) -> Iterator[SmtpReceiver]:
    """Run a receiver that speaks TLS from the start."""
    with running_receiver(certificates, tls=True) as receiver:
        yield receiver


@pytest.fixture
def ascii_receiver(certificates: Certificates) -> Iterator[SmtpReceiver]:
    """Run a receiver that knows no SMTPUTF8."""
    with running_receiver(certificates, smtputf8=False) as receiver:
        yield receiver


@contextmanager
def running_receiver(certificates: Certificates, **options: bool) -> Iterator[SmtpReceiver]:
    """Run a receiver on a port of its own."""
    receiver = SmtpReceiver(certificates, **options)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
