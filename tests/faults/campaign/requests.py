"""What customers send in a campaign: good mails, twins that share an identity, and garbage."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.world import mail

SENDERS = ("ekonom@kraj.example", "technik@kraj.example", "reditel@gymnazium.example")
TO = "business@example.com"


class Way(StrEnum):
    """How a request comes in."""

    DOOR = "door"
    IMAP = "imap"


@dataclass(frozen=True, slots=True)
class Request:
    """One mail; whoever understands it opens one ticket. `is_good` means that it can be read."""

    raw: bytes
    sender: str
    way: Way
    is_good: bool = True

    @property
    def key(self) -> str:
        """The name under which its bytes are kept."""
        return hashlib.sha256(self.raw).hexdigest()


def draw_requests(count: int, chance: Random) -> list[Request]:
    """Draw so many requests: most are good, some share a Message-ID, some are garbled."""
    drawn: list[Request] = []
    while len(drawn) < count:
        name = f"<{chance.getrandbits(64):x}@customer.example>"
        request = _good(name, chance)
        match chance.choices(("good", "twins", "garbled"), (90, 4, 6))[0]:
            case "good":
                drawn.append(request)
            case "twins":  # a Message-ID is the sender's to choose: equal ones are not equal mails
                drawn += [request, _good(name, chance)]
            case _:
                drawn.append(_garbled(request, chance))
    return drawn[:count]


def _good(message_id: str, chance: Random) -> Request:
    sender = chance.choice(SENDERS)
    number = f"{chance.getrandbits(40):x}"
    text = f"Dobrý den, prosím o radu.\n\n{number}\n" + "Děkuji předem. " * chance.randrange(60)
    raw = mail(sender, text, subject=f"Dotaz {number}", Message_ID=message_id)
    return Request(_crlf(raw), sender, chance.choices(list(Way), (4, 1))[0])


def _garbled(request: Request, chance: Random) -> Request:
    """Damage a mail as broken programs do; its bytes stay unlike any other's."""
    raw = bytearray(request.raw)
    match chance.randrange(4):
        case 0:  # bytes that no charset knows, anywhere
            for _ in range(chance.randrange(1, 40)):
                raw[chance.randrange(len(raw))] = chance.choice(b'\x80\xff\xfe=?<>;:("')
        case 1:  # cut off in the middle
            del raw[chance.randrange(40, len(raw)) :]
        case 2:  # a structure that is announced and never comes
            raw = bytearray(raw.replace(b"text/plain", b"multipart/mixed; boundary=x", 1))
        case _:  # a header of nothing but brackets
            raw = bytearray(b"X-Depth: " + b"(" * 900 + b"\r\n") + raw
    clean = bytes(raw).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return Request(_crlf(clean), request.sender, Way.DOOR, is_good=False)


def _crlf(raw: bytes) -> bytes:
    lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n")
    return lines.replace(b"\n", b"\r\n") + b"\r\n"
