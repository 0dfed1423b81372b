"""Crafted mails cost no more than honest ones, and nothing but Unreadable is ever raised."""

import base64
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from supportdesk.channels.email.invitations import read_invitation
from supportdesk.channels.email.parse import parse_message, readable_headers
from supportdesk.errors import Unreadable
from supportdesk.messages import Address, InboundMessage
from tests.channels.email.mails import attached, mail, multipart, nested

HTML = "Content-Type: text/html\n"
MIXED = "Content-Type: multipart/mixed; boundary=b\n"
SEED = multipart(
    "report",
    "Content-Type: text/plain; charset=windows-1250\nContent-Transfer-Encoding: 8bit\n\nP\u0159",
    multipart(
        "alternative",
        "\nPlain",
        "Content-Type: text/html; charset=utf-8\n\n<p>Rich</p>",
        base="x: y",
    ),
    attached("application/pdf", "filename*0*=utf-8''a%20b; filename*1=c.pdf", b"%PDF"),
    "Content-Type: message/delivery-status\n\nx: y\n\nAction: failed\nStatus: 5.1.1\n",
    "Content-Type: message/rfc822\n\nFrom: a@b\nMessage-ID: <c@d>\n\nx",
    header=(
        "Subject: =?utf-8?B?UMWZw61saQ==?= =?iso-8859-2?Q?=B9?=\nReferences: <a@b> <c@d>\n"
        "Date: Mon, 5 Jan 2026 10:00:00 +0100\nMessage-ID: <1@kraj.example>\n"
        "Authentication-Results: mx.operator.example; dmarc=pass header.from=kraj.example\n"
        'Cc: "Nov\u00e1k, Jan" <j@x.example>, group: a@b.example;, (c) d@e.example\n'
    ),
)
HAZARDS = {
    "quotes in an address list": mail("Cc: " + '"' * 50_000 + ",<" * 16_000 + "\n"),
    "escaped quotes": mail("Cc: " + '"\\' * 32_000 + "\n"),
    "an open quote": mail('Cc: "\n'),
    "folded encoded words": mail("Subject: " + "=?utf-8?B?YWJj?=\n " * 20_000 + "\n"),
    "open encoded words": mail("Subject: " + "=?utf-8?Q?" * 40_000 + "\n"),
    "encoded words in many charsets": mail(
        "Subject: " + " ".join(f"=?x{n}?Q?a?=" for n in range(5_000)) + "\n"
    ),
    "nested comments": mail("Cc: " + "(" * 60_000 + "\n"),
    "angles": mail("Cc: " + "<" * 60_000 + "\nReferences: " + "<" * 60_000 + "\n"),
    "50,000 recipients": mail("Cc: " + ", ".join(f"u{n}@x.example" for n in range(50_000)) + "\n"),
    "quoted parameters": mail("Content-Type: text/plain" + ';a="\\' * 12_000 + "\n"),
    "continued parameters": mail(
        "Content-Type: text/plain" + "".join(f";n*{n}=a" for n in range(9_000)) + "\n"
    ),
    "an empty continued parameter": mail("Content-Type: text/plain; name*\n"),
    "a header of many fields": mail("a: b\n" * 200_000),
    "a header of one long field": mail("X: " + "a" * 8_000_000 + "\n"),
    "a header of many folds": mail("X: a\n" + " b\n" * 1_000_000),
    "2,000 nested parts": nested(2_000),
    "10,000 nested parts": nested(10_000),
    "100,000 parts": mail(MIXED, "--b\n\nx\n" * 100_000),
    "parts that reuse the boundary": mail(MIXED, f"--b\n{MIXED}\n" * 20_000),
    "delimiters that are none": mail(MIXED, "--bx\n" * 1_000_000),
    "a short line a million times": mail("", "a\n" * 1_000_000),
    "attributions": mail("", "On x wrote:\n" * 200_000),
    "older headers": mail("", "Od: x\n" * 200_000),
    "deep html": mail(HTML, "<div>" * 150_000),
    "many tags": mail(HTML, "<br>" * 240_000),
    "many entities": mail(HTML, "&" * 1_000_000),
    "bad base64": mail("Content-Transfer-Encoding: base64\n", "QUJ=D*" * 1_000_000),
    "punycode": mail("Content-Type: text/plain; charset=punycode\n", "a-" * 500_000),
    "comments in results": mail(
        "Authentication-Results: mx.operator.example; " + "(a" * 30_000 + "\n"
    ),
    "a delivery status of many blocks": mail(
        "Content-Type: multipart/report; boundary=b\n",
        "--b\nContent-Type: message/delivery-status\n\n" + "\nAction: delayed\n" * 100_000,
    ),
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_a_hazard_is_read_in_bounded_time_and_memory(hazard: str) -> None:
    raw = HAZARDS[hazard]
    started = time.process_time()
    message = parse_message(raw, authserv_id="mx.operator.example")
    # Far above what is measured, far below what the email package takes.
    assert time.process_time() - started < 2
    assert message.sender == Address("Jan Novák", "jan@kraj.example")

    tracemalloc.start()
    parse_message(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(raw) + 30_000_000


def test_what_lies_too_deep_or_after_too_many_parts_is_kept_undivided() -> None:
    deep = parse_message(nested(60))
    many = parse_message(mail(MIXED, "--b\n\nx\n" * 5_000))

    assert b"bottom" in deep.attachments[0].content
    assert many.attachments[-1].content.count(b"--b") > 3_900


def test_parts_down_to_a_sensible_depth_are_read() -> None:
    assert parse_message(nested(49)).text == "bottom"


def test_a_text_too_long_to_read_is_kept_as_an_attachment_too() -> None:
    body = "Dlouhý řádek textu.\n" * 100_000

    message = parse_message(mail("", body))

    assert body.startswith(message.text)
    assert len(message.text) > 500_000
    assert message.attachments[0].content.decode().replace("\r\n", "\n") == body


def test_deep_html_keeps_its_words() -> None:
    message = parse_message(mail(HTML, "<div>" * 5_000 + "Ztratil jsem SIM" + "<script>"))

    assert (message.text, message.html) == ("Ztratil jsem SIM", "")
    assert message.attachments[0].content_type == "text/html"


@settings(max_examples=300)
@given(data=st.data())
def test_mutated_mails_raise_nothing_but_unreadable(data: st.DataObject) -> None:
    raw = bytearray(SEED)
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(raw)))
        length = data.draw(st.integers(0, 20))
        raw[position : position + length] = data.draw(INSERTED)

    assert isinstance(outcome(bytes(raw)), InboundMessage | Unreadable)


INSERTED = st.binary(max_size=6) | st.sampled_from(
    [
        *(b'"', b"<", b">", b"(", b",", b";", b":", b"\\", b"=", b"?=", b"=?utf-8?Q?", b"*"),
        *(b"\r\n", b"\r\n\r\n", b"\n ", b"\x00", b"--", b"boundary=", b"charset=utf-16", b"\xff"),
        *(b"From: x@y\r\n", b"Content-Type: multipart/mixed", b"name*1*=utf-16''%", b"&#x110000;"),
    ]
)


@given(st.binary(max_size=500))
@example(b"From: \xff\nContent-Type: text/html; charset=utf-7\n\n+2AA-")
@example(b"a:\nContent-Transfer-Encoding: x-uuencode\n\n" + b"M" * 100)
@example(b"a:\nContent-Type: text/html\n\n&#xd800;&#0;&#x110000;" + base64.b64encode(b"x"))
def test_any_bytes_give_a_message_or_unreadable(raw: bytes) -> None:
    message = outcome(raw)
    headers = readable_headers(raw)

    assert isinstance(message, InboundMessage | Unreadable)
    if isinstance(message, InboundMessage):
        assert (message.subject, message.sender) == (headers.subject, headers.sender)
        for value in (message.text, message.reply_text, message.html, message.subject):
            assert "\x00" not in value
            value.encode()
        assert message.reply_text or not message.text


def outcome(raw: bytes) -> InboundMessage | Unreadable:
    try:
        return parse_message(raw, authserv_id="mx.operator.example", instance_id="desk-1")
    except Unreadable as error:
        return error


@pytest.mark.parametrize("row", [";" * 60_000 + "x", ';a"b"' * 12_000 + "x", ';A="x"' * 9_000])
def test_a_calendar_row_with_endless_parameters_is_read_at_once(row: str) -> None:
    found = read_invitation(f"BEGIN:VEVENT\nSUMMARY{row}\nSTATUS:CANCELLED\nEND:VEVENT")
    assert found is not None
    assert found.title == ""
