"""Sending: one finished mail is handed to the relay, and the answer says how sure we are."""

import base64
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from supportdesk.errors import ChannelError, InvalidInput, Uncertain

_LINE_END = re.compile(rb"\r\n|\r|\n")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\x85<>\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that takes our mail; no username means no log-in."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the relay said of one recipient that it did not take."""

    address: str
    code: int
    text: str

    @property
    def permanent(self) -> bool:
        """Whether trying again is useless."""
        return self.code >= 500

    @property
    def status(self) -> str | None:
        """Give the enhanced status, such as "5.1.1". Source: RFC 2034."""
        found = _STATUS.match(self.text)
        return found[1] if found else None


class NobodyAccepted(ChannelError):
    """The relay takes the mail for none of its recipients; `refused` says why."""

    refused: Sequence[Refusal] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The relay took the mail, for everybody but `refused`; `answer` is its last word."""

    answer: str
    refused: tuple[Refusal, ...] = ()


def send(
    relay: Relay, envelope_from: str, recipients: Sequence[str], raw: bytes, **timeouts: float
) -> Sent:
    """Hand one mail to the relay, with the timeouts and the errors of `ready_to_send`."""
    with ready_to_send(relay, envelope_from, recipients, raw, **timeouts) as say_the_last_dot:
        return say_the_last_dot()


@contextmanager
def ready_to_send(
    relay: Relay,
    envelope_from: str,
    recipients: Sequence[str],
    raw: bytes,
    *,
    timeout_seconds: float = 30,
    final_timeout_seconds: float = 120,
) -> Iterator[Callable[[], Sent]]:
    """Tell the relay everything but the last dot; what is given says that and hears the answer.

    Until then the relay drops the mail when the connection ends. `envelope_from` "" is the null
    return path. Each network operation has its own timeout; the last answer, after which the relay
    is responsible, has `final_timeout_seconds`.

    Raises:
        InvalidInput: an address cannot be written into the dialogue; nothing was sent.
        ChannelError: nobody gets the mail. Permanent only when the relay refused this mail or all
            of its recipients for good; a relay that fails as such (log-in, TLS, "no service") is
            not, because other mails and a mended setting will pass.
        Uncertain: the mail was handed over, but the answer did not arrive.
    """
    sender, *addressees = [_envelope_address(one) for one in (envelope_from, *recipients)]
    if not addressees:
        raise InvalidInput("The mail has no recipient; name at least one.")
    with _connection(relay, timeout_seconds) as connection:
        options = _mail_options(connection, [sender, *addressees], raw)
        # Not smtplib's mail() and rcpt(): they parse the address again and may change it.
        command = " ".join([f"FROM:<{sender}>", *options])
        _expect_for_sender(connection.docmd("MAIL", command), relay, sender)
        refused = _name_recipients(connection, relay, addressees)
        _expect(connection.docmd("DATA"), relay, wanted=354)
        connection.send(_as_data(raw))

        def say_the_last_dot() -> Sent:
            answer = _hand_over(connection, relay, final_timeout_seconds)
            return Sent(answer, tuple(refused))

        yield say_the_last_dot


def _envelope_address(address: str) -> str:
    if _UNSAFE.search(address):
        raise InvalidInput(
            "{address!r} cannot be an envelope address: it holds a line break, a space, a control"
            " character or an angle bracket. Correct the address.",
            address=address,
        )
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}" if at else address
    except UnicodeError:
        raise InvalidInput(
            "{address!r} has no usable domain. Correct the address.", address=address
        ) from None


@contextmanager
def _connection(relay: Relay, timeout_seconds: float) -> Iterator[smtplib.SMTP]:
    """Connect, secure and log in; a failure of the network here or inside is the relay's."""
    try:
        connection = _connect(relay, timeout_seconds)
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        raise _unusable(relay, error) from error
    try:
        yield connection
        _say_goodbye(connection)
    except (OSError, smtplib.SMTPException) as error:
        raise _unusable(relay, error) from error
    finally:
        connection.close()


def _connect(relay: Relay, timeout_seconds: float) -> smtplib.SMTP:
    name = _own_name()
    if relay.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            relay.host,
            relay.port,
            name,
            timeout=timeout_seconds,
            context=ssl.create_default_context(),
        )
    else:
        connection = smtplib.SMTP(relay.host, relay.port, name, timeout=timeout_seconds)
    try:
        if relay.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        connection.ehlo_or_helo_if_needed()
        if relay.username:
            _log_in(connection, relay)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _own_name() -> str:
    """Find out this host's name once; the look-up can take seconds where DNS is broken."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"


def _log_in(connection: smtplib.SMTP, relay: Relay) -> None:
    if "PLAIN" not in connection.esmtp_features.get("auth", "").split():
        connection.login(relay.username, relay.password)
        return
    # smtplib's login() cannot encode a password beyond ASCII; PLAIN is UTF-8 (RFC 4616).
    secret = base64.b64encode(f"\0{relay.username}\0{relay.password}".encode()).decode("ascii")
    reply = connection.docmd("AUTH", f"PLAIN {secret}")
    if reply[0] != 235:
        raise smtplib.SMTPAuthenticationError(*reply)


def _unusable(relay: Relay, error: Exception) -> ChannelError:
    match error:
        case smtplib.SMTPAuthenticationError():
            settings = ["smtp_username", "smtp_password"]
        case ssl.SSLError():
            settings = ["smtp_host", "smtp_security"]
        case smtplib.SMTPNotSupportedError():
            settings = ["smtp_security", "smtp_username"]
        case _:
            settings = ["smtp_host", "smtp_port"]
    return ChannelError(
        "The mail relay {relay} cannot be used now: {reason}. Check the relay and these settings:"
        " {settings}. The mail stays queued and is tried again.",
        permanent=False,
        relay=str(relay),
        reason=_reason(error),
        settings=settings,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer((error.smtp_code, error.smtp_error))
    return str(error) or type(error).__name__


def _mail_options(connection: smtplib.SMTP, addresses: list[str], raw: bytes) -> list[str]:
    options = []
    if connection.has_extn("size"):
        options.append(f"SIZE={len(raw)}")
    if not raw.isascii() and connection.has_extn("8bitmime"):
        options.append("BODY=8BITMIME")
    if _needs_smtputf8(addresses, raw):
        if not connection.has_extn("smtputf8"):
            raise ChannelError(
                "The mail relay does not take addresses with letters beyond ASCII (SMTPUTF8):"
                " {addresses}. Use another address of that person.",
                permanent=True,
                addresses=[one for one in addresses if not one.isascii()],
            )
        # smtplib writes its commands in ASCII unless this is set.
        connection.command_encoding = "utf-8"
        options.append("SMTPUTF8")
    return options


def _needs_smtputf8(addresses: list[str], raw: bytes) -> bool:
    header = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    return not header.isascii() or any(not address.isascii() for address in addresses)


def _name_recipients(
    connection: smtplib.SMTP, relay: Relay, addressees: list[str]
) -> list[Refusal]:
    refused = []
    for address in addressees:
        code, text = connection.docmd("RCPT", f"TO:<{address}>")
        if code == 421 or code < 0:
            raise smtplib.SMTPServerDisconnected(_answer((code, text)))
        if code not in {250, 251}:
            refused.append(Refusal(address, code, _words(text)))
    if len(refused) == len(addressees):
        error = NobodyAccepted(
            "The mail relay {relay} refused every recipient: {answers}",
            permanent=all(one.permanent for one in refused),
            relay=str(relay),
            answers="; ".join(f"<{one.address}> {one.code} {one.text}" for one in refused),
        )
        error.refused = refused
        raise error
    return refused


def _hand_over(connection: smtplib.SMTP, relay: Relay, final_timeout_seconds: float) -> str:
    connection.send(b".\r\n")
    # From here on the relay may have the mail although we do not learn it (RFC 1047).
    try:
        if connection.sock is not None:
            connection.sock.settimeout(final_timeout_seconds)
        reply = connection.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise _uncertain(relay, _reason(error)) from error
    if not 200 <= reply[0] < 600:
        raise _uncertain(relay, _answer(reply))
    return _expect(reply, relay)


def _uncertain(relay: Relay, reason: str) -> Uncertain:
    return Uncertain(
        "The mail relay {relay} was given the whole mail but did not confirm it: {reason}."
        " It may have been delivered; it is sent again with the same Message-ID.",
        permanent=False,
        relay=str(relay),
        reason=reason,
    )


def _as_data(raw: bytes) -> bytes:
    """Double leading dots and let no line end but CRLF through, so that nothing can be smuggled.

    The dot that ends the mail is not part of it.
    """
    text = _LINE_END.sub(b"\r\n", raw)
    if not text.endswith(b"\r\n"):
        text += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", text)


def _expect_for_sender(reply: tuple[int, bytes], relay: Relay, sender: str) -> None:
    if reply[0] != 250:
        raise ChannelError(
            "The mail relay {relay} refused the sender <{sender}>: {answer}",
            permanent=_is_for_good(reply[0]),
            relay=str(relay),
            sender=sender,
            answer=_answer(reply),
        )


def _expect(reply: tuple[int, bytes], relay: Relay, *, wanted: int = 250) -> str:
    if reply[0] != wanted:
        raise ChannelError(
            "The mail relay {relay} refused the mail: {answer}",
            permanent=_is_for_good(reply[0]),
            relay=str(relay),
            answer=_answer(reply),
        )
    return _answer(reply)


def _is_for_good(code: int) -> bool:
    # 530, 534, 535 and 538 are about our log-in and 554 at DATA about the mail (RFC 4954 s6).
    return 500 <= code < 600 and code not in {530, 534, 535, 538}


def _answer(reply: tuple[int, bytes | str]) -> str:
    return f"{reply[0]} {_words(reply[1])}"


def _words(text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(words.split())[:500]


def _say_goodbye(connection: smtplib.SMTP) -> None:
    """Say QUIT; the mail has been taken, so nothing that happens now is an error."""
    try:
        connection.docmd("QUIT")
    except (OSError, smtplib.SMTPException):
        return
