"""Mails as customers write them: by contacts on file, plain, with HTML, some with a file."""

import hashlib
from dataclasses import dataclass
from email.message import EmailMessage

from bench import centre

AUTHSERV_ID = "mx.example.com"

_TEXT = """Dobrý den,

prosíme o podrobný výpis hovorů za minulý měsíc k účtu číslo {number} a o vysvětlení, proč se
vyúčtování liší od předchozího období. Zároveň prosíme o potvrzení, že sdílený datový balíček
platí i pro nová čísla našeho odboru.

Děkujeme a přejeme pěkný den
{name}
Obec {organisation}
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to send; `message_id` with angle brackets, as it is stored."""

    sender: str
    message_id: str
    raw: bytes


def make_mails(count: int, *, series: str) -> list[Mail]:
    """Make new requests of one contact after the other; no two mails of all series are equal."""
    return [_make(number, series) for number in range(1, count + 1)]


def _make(number: int, series: str) -> Mail:
    contact = 1 + (number - 1) % centre.CONTACTS
    sender, name = centre.contact_address(contact), centre.contact_name(contact)
    domain = sender.partition("@")[2]
    text = _TEXT.format(
        number=f"{series}-{number}", name=name, organisation=centre.organisation_of(contact)
    )
    mail = EmailMessage()
    mail["Received"] = f"from mx.{domain} by {AUTHSERV_ID}; Fri, 20 Nov 2026 12:00:00 +0100"
    mail["Authentication-Results"] = (
        f"{AUTHSERV_ID}; spf=pass smtp.mailfrom={domain}; dmarc=pass header.from={domain}"
    )
    mail["From"] = f"{name} <{sender}>"
    mail["To"] = centre.MAILBOX
    mail["Subject"] = f"Výpis hovorů k účtu {series}-{number}"
    mail["Date"] = "Fri, 20 Nov 2026 12:00:00 +0100"
    mail["Message-ID"] = f"<{series}.{number}@{domain}>"
    mail.set_content(text)
    if number % 2:
        mail.add_alternative(f"<html><body><p>{text}</p></body></html>", subtype="html")
    if number % 10 == 0:
        content = hashlib.shake_256(f"{series} {number}".encode()).digest(40_000)
        mail.add_attachment(content, maintype="application", subtype="pdf", filename="účet.pdf")
    return Mail(sender, str(mail["Message-ID"]), mail.as_bytes().replace(b"\n", b"\r\n"))
