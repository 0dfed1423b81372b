"""Composed mails: what we mean is what every reader gets, and nobody can write our headers."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.channels.email.automatic import INSTANCE_HEADER
from supportdesk.channels.email.compose import MAX_REFERENCES, compose
from supportdesk.channels.email.parse import parse_message
from supportdesk.errors import InvalidInput
from supportdesk.messages import Address, Attachment, Automatic, OutboundMessage

REPLY = OutboundMessage(
    message_id="<t1042.aaaaaaaa.bbbbbbbbbbbbbbbb@desk.example.cz>",
    sender=Address("Zákaznické centrum – business", "business@example.cz"),
    to=(Address("Jiří Příhoda, Ph.D.", "prihoda@mesto.example.cz"),),
    subject="Re: Vyúčtování služeb za říjen – číslo 603 604 644",
    text="Dobrý den,\n\nvyúčtování posíláme v příloze.\n.\nS pozdravem\n-- \nJana Nováková\n",
    html="<p>Dobrý den,</p><p>vyúčtování posíláme v příloze.</p>",
    sent_at=datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC),
    envelope_from="business@example.cz",
)

# What a person may type: everything but controls and lone surrogates.
words = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn")), min_size=1, max_size=120
)
local_parts = st.text(
    "abcdefghijklmnopqrstuvwxyz0123456789.+_-' ,;:()<>@[]\"\\", min_size=1, max_size=30
)


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=SMTPUTF8)
    assert isinstance(message, EmailMessage)
    return message


def composed(**changes: Any) -> EmailMessage:
    return read(compose(replace(REPLY, **changes), instance_id="desk-1"))


def squeezed(text: object) -> str:
    return " ".join(str(text).split())


def name_of_recipient(raw: bytes) -> str:
    """Read it the old way: the new one puts a space between two encoded words of a name."""
    name, _ = parseaddr(message_from_bytes(raw)["to"])
    return str(make_header(decode_header(name)))


def test_a_reply_says_who_to_whom_about_what_and_when() -> None:
    message = composed(
        cc=(Address("", "ekonom@mesto.example.cz"),),
        reply_to=Address("", "business+t1042.aaaabbbbccccdddd@example.cz"),
        in_reply_to="<c@mesto.example.cz>",
        references=("<a@mesto.example.cz>", "<b@example.cz>"),
    )
    assert message["from"].addresses[0].display_name == "Zákaznické centrum – business"
    assert message["from"].addresses[0].addr_spec == "business@example.cz"
    assert message["to"].addresses[0].display_name == "Jiří Příhoda, Ph.D."
    assert message["to"].addresses[0].addr_spec == "prihoda@mesto.example.cz"
    assert message["cc"] == "ekonom@mesto.example.cz"
    assert message["reply-to"] == "business+t1042.aaaabbbbccccdddd@example.cz"
    assert message["subject"] == REPLY.subject
    assert message["date"].datetime == REPLY.sent_at
    assert message["message-id"] == REPLY.message_id
    assert message["in-reply-to"] == "<c@mesto.example.cz>"
    assert squeezed(message["references"]) == (
        "<a@mesto.example.cz> <b@example.cz> <c@mesto.example.cz>"
    )
    assert message[INSTANCE_HEADER] == "desk-1"
    assert message["auto-submitted"] is None
    assert message["mime-version"] == "1.0"


def test_text_and_html_are_alternatives() -> None:
    message = composed()
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == REPLY.text
    assert html.get_content().strip() == REPLY.html


def test_a_mail_without_html_is_plain_text() -> None:
    assert composed(html="").get_content_type() == "text/plain"


def test_attachments_keep_their_czech_names_types_and_bytes() -> None:
    name = "Vyúčtování služeb – říjen 2026, s velmi dlouhým názvem souboru (kopie).pdf"
    files = (
        Attachment(name, "application/pdf", b"%PDF-1.7\r\n\x00\xff"),
        Attachment("logo.png", "image/png", b"\x89PNG", content_id="logo@desk", is_inline=True),
        Attachment("původní zpráva.eml", "message/rfc822", b"Subject: x\r\n\r\ny\r\n"),
        Attachment("přehled.csv", "text/csv", "číslo;minuty\r\n".encode("cp1250")),
    )
    raw = compose(replace(REPLY, attachments=files), instance_id="desk-1")
    assert b"filename*0*=utf-8''Vy%C3%BA" in raw
    assert raw.isascii()
    found = list(read(raw).iter_attachments())
    assert [part.get_filename() for part in found] == [file.filename for file in files]
    assert [part.get_payload(decode=True) for part in found] == [file.content for file in files]
    assert [part.get_content_disposition() for part in found] == [
        "attachment", "inline", "attachment", "attachment",
    ]  # fmt: skip
    assert found[1]["content-id"] == "<logo@desk>"
    assert found[0].get_content_type() == "application/pdf"
    # A forwarded mail must be a file, not a part that a reader takes for our own words.
    assert found[2].get_content_type() == "application/octet-stream"


def test_an_automatic_answer_says_so_to_other_machines() -> None:
    message = composed(auto_submitted="auto-replied", envelope_from="")
    assert message["auto-submitted"] == "auto-replied"
    assert message["x-auto-response-suppress"] == "All"


def test_a_long_conversation_keeps_the_first_and_the_newest_references() -> None:
    known = tuple(f"<{number}.{'x' * 90}@example.cz>" for number in range(100))
    raw = compose(replace(REPLY, references=known, in_reply_to=known[-1]), instance_id="d")
    # EmailMessage would have made encoded words of them.
    assert b"=?" not in raw.partition(b"References:")[2].partition(b"X-Supportdesk")[0]
    written = squeezed(read(raw)["references"]).split(" ")
    assert len(written) == MAX_REFERENCES
    assert written[0] == known[0]
    assert written[1:] == list(known[-(MAX_REFERENCES - 1) :])


@given(name=words, subject=words)
def test_names_and_subjects_come_back_as_typed(name: str, subject: str) -> None:
    raw = compose(
        replace(REPLY, to=(Address(name, "a@example.cz"),), subject=subject), instance_id="d"
    )
    message = read(raw)
    assert squeezed(message["subject"]) == squeezed(subject)
    assert [address.addr_spec for address in message["to"].addresses] == ["a@example.cz"]
    assert squeezed(name_of_recipient(raw)) == squeezed(name)
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


@given(name=words, subject=words, text=words)
def test_our_own_parser_reads_what_we_write(name: str, subject: str, text: str) -> None:
    message = replace(REPLY, sender=Address(name, "a@example.cz"), subject=subject, text=text)
    found = parse_message(compose(message, instance_id="desk-1"))
    assert found.sender is not None
    assert found.sender.address == "a@example.cz"
    assert squeezed(found.subject) == squeezed(subject)
    assert found.message_id == REPLY.message_id
    assert found.sent_at == REPLY.sent_at
    assert found.text.split() == text.split()


def test_our_own_mail_is_known_when_it_comes_back_and_only_to_us() -> None:
    raw = compose(REPLY, instance_id="desk-1")
    assert parse_message(raw, instance_id="desk-1").automatic is Automatic.LOOP
    assert parse_message(raw, instance_id="desk-2").automatic is Automatic.NO


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_any_text_comes_back_and_fits_every_relay(text: str) -> None:
    raw = compose(replace(REPLY, text=text, html=""), instance_id="d")
    assert raw.isascii()
    assert not set(b"\r\n\0") & set(raw.replace(b"\r\n", b""))
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    got = read(raw).get_content()
    assert got.split() == text.replace("\0", "\ufffd").split()


@given(local=local_parts)
def test_an_odd_address_is_written_right_or_refused(local: str) -> None:
    address = f"{local}@example.cz"
    try:
        raw = compose(replace(REPLY, to=(Address("Jan", address),)), instance_id="d")
    except InvalidInput:
        return
    found = message_from_bytes(raw, policy=SMTP)["to"].addresses
    assert len(found) == 1
    assert found[0].domain == "example.cz"


@pytest.mark.parametrize(
    "break_", ["\r", "\n", "\r\n", "\0", "\u2028", "\u2029", "\x85", "\x0b", "\x1b", "\ud800"]
)
@pytest.mark.parametrize(
    "field",
    ["subject", "name", "address", "reply_to", "message_id", "in_reply_to", "references",
     "auto_submitted", "filename", "content_id"],
)  # fmt: skip
def test_a_line_break_in_a_header_is_refused(field: str, break_: str) -> None:
    evil = f"x{break_}Bcc: victim@example.org"
    identifier = f"<x{break_}y@example.cz>"
    file = Attachment("a.pdf", "application/pdf", b"", content_id="a@b")
    changes: dict[str, dict[str, Any]] = {
        "subject": {"subject": evil},
        "name": {"to": (Address(evil, "a@example.cz"),)},
        "address": {"to": (Address("", f"a{break_}b@example.cz"),)},
        "reply_to": {"reply_to": Address(evil, "a@example.cz")},
        "message_id": {"message_id": identifier},
        "in_reply_to": {"in_reply_to": identifier},
        "references": {"references": (identifier,)},
        "auto_submitted": {"auto_submitted": evil},
        "filename": {"attachments": (replace(file, filename=evil),)},
        "content_id": {"attachments": (replace(file, content_id=f"a{break_}b"),)},
    }
    with pytest.raises(InvalidInput):
        compose(replace(REPLY, **changes[field]), instance_id="desk-1")


@pytest.mark.parametrize(
    "subject", ["=?utf-8?q?=0D=0ABcc:_victim@example.org?=", "=?utf-8?b?DQpCY2M6IHg=?="]
)
def test_an_encoded_word_typed_by_a_person_stays_what_was_typed(subject: str) -> None:
    message = composed(subject=subject)
    assert message["subject"] == subject
    assert message["bcc"] is None


@pytest.mark.parametrize(
    "address",
    ["", "jan", "@example.cz", "jan@", "a@b@c.cz, d@e.cz", "jan@exa mple.cz", "jan@a,b@c",
     "jan@example.cz>", "<jan@example.cz", "jan@" + "x" * 64 + "ž.cz"],
)  # fmt: skip
def test_what_is_no_address_is_refused_by_name(address: str) -> None:
    with pytest.raises(InvalidInput, match="To: "):
        composed(to=(Address("Jan", address),))


def test_a_domain_with_czech_letters_is_written_for_every_mail_system() -> None:
    raw = compose(replace(REPLY, to=(Address("", "info@háčkyčárky.cz"),)), instance_id="desk-1")
    assert b"To: info@xn--hkyrky-ptac70bc.cz\r\n" in raw


def test_a_local_part_with_czech_letters_makes_an_smtputf8_mail() -> None:
    raw = compose(replace(REPLY, to=(Address("", "jiří@example.cz"),)), instance_id="desk-1")
    assert "To: jiří@example.cz\r\n".encode() in raw


def test_a_mail_to_nobody_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no recipient"):
        composed(to=())


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no zone"):
        composed(sent_at=REPLY.sent_at.replace(tzinfo=None))


@pytest.mark.parametrize(
    "content_type",
    ["", "pdf", "text/", "multipart/mixed", "te xt/plain",
    "text/x\r\nBcc: a@b.cz", "text/plain; name=x"],
)  # fmt: skip
def test_an_attachment_of_no_usable_type_becomes_plain_bytes(content_type: str) -> None:
    file = Attachment("a.bin", content_type, b"\x00\x01")
    found = list(composed(attachments=(file,)).iter_attachments())
    assert [part.get_content_type() for part in found] == ["application/octet-stream"]
    assert found[0].get_payload(decode=True) == b"\x00\x01"
