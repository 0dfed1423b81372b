"""Received mails are understood the way their senders meant them."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.channels.email.invitations import read_invitation
from supportdesk.channels.email.parse import parse_message, readable_headers
from supportdesk.errors import Unreadable
from supportdesk.messages import Address, Automatic, Channel, Invitation
from tests.channels.email.mails import attached, mail, multipart

WORDS = "=?utf-8?B?UMWZw61saQ==?=\n =?utf-8?B?xaEgxb5sdcWlb3XEjWvDvQ==?= =?utf-8?Q?_k=C5=AF=C5=88?="


def test_an_ordinary_czech_mail_is_read_whole() -> None:
    message = parse_message(
        mail(
            f"Cc: účetní <ucetni@kraj.example>\nReply-To: helpdesk@kraj.example\nSubject: {WORDS}\n"
            "Date: Mon, 5 Jan 2026 10:00:00 +0100\nMessage-ID: <1@kraj.example>\n"
            "In-Reply-To: <0@operator.example>\n"
            "References: <a@operator.example>\n <0@operator.example>\n"
            "Content-Type: text/plain; charset=utf-8\n",
            "Prosím o zablokování SIM.\n",
        )
    )

    assert message.channel is Channel.EMAIL
    assert message.sender == Address("Jan Novák", "jan@kraj.example")
    assert message.to == (Address("", "business@operator.example"),)
    assert message.cc == (Address("účetní", "ucetni@kraj.example"),)
    assert message.reply_to == (Address("", "helpdesk@kraj.example"),)
    assert message.subject == "Příliš žluťoučký kůň"
    assert message.text == message.reply_text == "Prosím o zablokování SIM."
    assert message.html == ""
    assert message.message_id == "<1@kraj.example>"
    assert message.in_reply_to == "<0@operator.example>"
    assert message.references == ("<a@operator.example>", "<0@operator.example>")
    assert message.sent_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert message.automatic is Automatic.NO


@pytest.mark.parametrize(
    ("sender_lines", "address"),
    [
        ("From: jan@kraj.example", "jan@kraj.example"),
        ("From: (Jan (on the phone)) jan@kraj.example", "jan@kraj.example"),
        ("From: Novák, Jan <jan@kraj.example>", "jan@kraj.example"),
        ('From: "a@b.example" <jan@kraj.example>', "jan@kraj.example"),
        ("From: =?utf-8?Q?boss=40op=2Eexample=3E=2C?= <jan@kraj.example>", "jan@kraj.example"),
        ("From: =?utf-8?Q?=3Cboss=40op.example=3E?= jan@kraj.example", "jan@kraj.example"),
        ("From: jan@příklad.example", "jan@příklad.example"),
        ('From: "jan novák"@kraj.example', '"jan novák"@kraj.example'),
        ("From: Jan <jan@kraj.example", "jan@kraj.example"),
        ("From: <@relay.example:jan@kraj.example>", "jan@kraj.example"),
        ("From: Jan Novák jan@kraj.example", "jan@kraj.example"),
    ],
)
def test_the_sender_is_the_address_as_it_stands_undecoded(sender_lines: str, address: str) -> None:
    sender = parse_message(mail(base=f"{sender_lines}\nSubject: x\n")).sender

    assert sender is not None
    assert sender.address == address


@pytest.mark.parametrize(
    "sender_lines",
    [
        "Subject: nobody wrote this",
        "From: jan@kraj.example\nFrom: boss@operator.example",
        "From: jan@kraj.example, boss@operator.example",
        'From: "jan" <jan@kraj.example> <boss@operator.example>',
        "From: =?utf-8?Q?jan=40kraj.example?=",
        "From: undisclosed:;",
        "From: jan@kraj.example\x00.operator.example",
        "From: jan@\u202ekraj.example",
        'From: "',
        "From: <>",
        "From: " + "(" * 1000,
    ],
)
def test_two_authors_or_none_are_no_identity(sender_lines: str) -> None:
    assert parse_message(mail(base=f"{sender_lines}\nTo: a@b.example\n")).sender is None


@pytest.mark.parametrize(
    "words",
    [
        "=?utf-8?Q?Faktura=0D=0ABcc:_evil@example.org?=",
        "Faktura\x00\x0b\x85 \u202eBcc: evil@example.org",
        "=?utf-8?B?RmFrdHVyYeKAqEJjYzog4oCuZXZpbEBleGFtcGxlLm9yZw==?=",
    ],
)
def test_line_ends_controls_and_direction_marks_leave_every_header_value(words: str) -> None:
    message = parse_message(
        mail(f"Subject: {words}\n", base=f"From: {words} <jan@kraj.example>\nTo: a@b.example\n")
    )

    assert message.sender is not None
    for value in (message.subject, message.sender.name):
        assert value.startswith("Faktura")
        assert not set(value) & set("\r\n\x00\x0b\x85\u2028\u202e")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('filename="smlouva.pdf"', "smlouva.pdf"),
        ('filename="../../etc/passwd"', "passwd"),
        ('filename="C:\\\\Users\\\\jan\\\\plan.doc"', "plan.doc"),
        ('filename="..\\\\..\\\\x.txt"', "x.txt"),
        ("filename*=utf-8''p%C5%99%C3%ADloha%20%C4%8D.%201.pdf", "příloha č. 1.pdf"),
        ("filename*0*=utf-8''p%C5%99%C3%AD; filename*1=loha; filename*2=.pdf", "příloha.pdf"),
        ("filename*=windows-1250''p%F8%EDloha.pdf", "příloha.pdf"),
        ('filename="=?utf-8?Q?p=C5=99=C3=ADloha.pdf?="', "příloha.pdf"),
        ('filename="faktura\u202egnp.exe"', "fakturagnp.exe"),
        ('filename="a\x00.pdf"', "a.pdf"),
        ("filename*=utf-8''a%0D%0AX-Evil:%201.pdf", "a X-Evil_ 1.pdf"),
        ('filename="....."', "document-1.pdf"),
        ("filename*", "document-1.pdf"),
        ('filename="' + "x" * 5000 + '.pdf"', "x" * 146 + ".pdf"),
    ],
)
def test_a_file_name_is_a_safe_base_name(sent: str, kept: str) -> None:
    raw = multipart("mixed", "\ntext", attached("application/pdf", sent, b"%PDF"))

    (attachment,) = parse_message(raw).attachments

    assert (attachment.filename, attachment.content) == (kept, b"%PDF")


@pytest.mark.parametrize(
    ("lines", "message_id"),
    [
        ("Message-ID: <[abc]@x.example>", "<[abc]@x.example>"),
        ("Message-ID: <[abc>", "<[abc>"),
        ("Message-ID: <abc\n def@x.example>", "<abcdef@x.example>"),
        ("Message-ID: abc@x.example", "<abc@x.example>"),
        ("Message-ID:", None),
        ("X-No-Id: 1", None),
    ],
)
def test_message_identifiers_keep_their_brackets(lines: str, message_id: str | None) -> None:
    assert parse_message(mail(lines + "\n")).message_id == message_id


def test_both_versions_of_an_alternative_are_kept() -> None:
    message = parse_message(
        multipart(
            "alternative",
            "Content-Type: text/plain\n\nPlain",
            "Content-Type: text/html\n\n<b>Rich</b><script>alert(1)</script>",
        )
    )

    assert (message.text, message.html) == ("Plain", "<b>Rich</b>")
    assert message.attachments == ()


def test_html_without_a_plain_version_becomes_readable_text() -> None:
    page = (
        "<html><head><title>t</title><style>p{}</style></head><body><p>Dobrý&nbsp;den,</p>"
        "<p>potřebuji:<ul><li>SIM<li>tarif</ul><a href='https://x.example/a'>odkaz</a><br>Jan</p>"
        "<blockquote>starší zpráva</blockquote>"
    )
    message = parse_message(mail("Content-Type: text/html; charset=utf-8\n", page))

    assert message.text == (
        "Dobrý den,\n\npotřebuji:\n\n- SIM\n- tarif\n\nodkaz <https://x.example/a>\nJan\n\n"
        "> starší zpráva"
    )
    assert message.reply_text.endswith("Jan")


def test_an_inline_image_keeps_its_content_id_and_stays_out_of_the_text() -> None:
    image = attached("image/png", "filename=logo.png", b"PNG", "Content-ID: <logo@x>\r\n")
    raw = multipart(
        "related",
        "Content-Type: text/html\n\n<img src='cid:logo@x'><img src='https://spy.example/1.png'>Hi",
        image.replace(b"attachment;", b"inline;"),
    )
    message = parse_message(raw)

    assert message.html == '<img src="cid:logo@x"><img>Hi'
    assert message.text == "Hi"
    assert [(a.content_id, a.is_inline) for a in message.attachments] == [("logo@x", True)]


def test_text_parts_between_images_are_joined_and_attached_text_is_no_body() -> None:
    message = parse_message(
        multipart(
            "mixed",
            "Content-Type: text/plain\n\nFirst",
            attached("image/png", "filename=a.png", b"PNG"),
            "Content-Type: text/plain\n\nSecond",
            "Content-Type: text/plain; name=log.txt\n\nnot for reading",
            "Content-Type: text/plain\nContent-Disposition: attachment\n\nneither",
        )
    )

    assert message.text == "First\n\nSecond"
    assert [a.filename for a in message.attachments] == ["a.png", "log.txt", "text-3.txt"]


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("application/ms-tnef", "winmail.dat"),
        ("application/pkcs7-mime; smime-type=enveloped-data", "smime.p7m"),
        ("text/calendar; method=REQUEST", "invite.ics"),
        ("application/pgp-encrypted", "pgp-version-1.txt"),
        ("message/rfc822", "message-1.eml"),
        ("image/svg+xml", "attachment-1.bin"),
    ],
)
def test_what_is_not_understood_is_kept_as_an_attachment(content_type: str, filename: str) -> None:
    raw = multipart("mixed", f"Content-Type: {content_type}\n\nFrom: boss@operator.example\n\nx")

    (attachment,) = parse_message(raw).attachments

    assert attachment.filename == filename
    assert attachment.content.startswith(b"From: boss@operator.example")


def test_nothing_inside_an_attached_message_sets_identity_or_threading() -> None:
    inner = (
        "Content-Type: message/rfc822\n\nFrom: boss@operator.example\nSubject: inner\n"
        "Message-ID: <inner@x>\nReferences: <secret@operator.example>\n"
        "Auto-Submitted: auto-replied\n"
        "\nDo it."
    )
    message = parse_message(multipart("mixed", "\nSee attached.", inner, header="Subject: outer\n"))

    assert message.sender == Address("Jan Novák", "jan@kraj.example")
    assert (message.subject, message.message_id, message.references) == ("outer", None, ())
    assert message.automatic is Automatic.NO
    assert message.text == "See attached."


def test_one_mail_in_two_mailboxes_has_one_content_hash() -> None:
    date = "Date: Mon, 5 Jan 2026 10:00:00 +0100\n"
    first = parse_message(b"Received: from a by b\r\nDelivered-To: x\r\n" + mail(date))
    second = parse_message(b"Received: by c\r\nX: y\r\n" + mail(date).replace(b"\r\n", b"\n"))

    assert first.content_hash == second.content_hash


@pytest.mark.parametrize(
    "other",
    [
        mail("Date: Mon, 5 Jan 2026 10:00:01 +0100\n"),
        mail("Date: Mon, 5 Jan 2026 10:00:00 +0100\n", "Other words"),
        mail("Date: Mon, 5 Jan 2026 10:00:00 +0100\n", base="From: eva@kraj.example\n"),
    ],
)
def test_another_date_sender_or_body_is_another_content_hash(other: bytes) -> None:
    message = parse_message(mail("Date: Mon, 5 Jan 2026 10:00:00 +0100\n"))

    assert parse_message(other).content_hash != message.content_hash


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "Mon, 5 Jan 99999999999 10:00:00 +9999999", "Mon, 32 Foo 2026", "1 " * 40000],
)
def test_an_unreadable_date_is_none(date: str) -> None:
    assert parse_message(mail(f"Date: {date}\n")).sent_at is None


@pytest.mark.parametrize("raw", [b"", b"\x00" * 1000, b"\r\n\r\nbody", b"\x89PNG\r\n\x1a\n"])
def test_bytes_without_any_header_are_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="no header lines"):
        parse_message(raw)

    assert readable_headers(raw).subject == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"From jan Mon Jan  5\nFrom: jan@kraj.example\nSubject: s\n\nbody",
        b"From: jan@kraj.example\nsome stray line\nSubject: s\n\nbody",
        b"From: jan@kraj.example\r\nSubject : s\r\n\r\nbody",
        b"from: jan@kraj.example\nSUBJECT: s\n\nbody",
    ],
)
def test_slightly_broken_headers_are_still_read(raw: bytes) -> None:
    message = parse_message(raw)

    assert message.sender == Address("", "jan@kraj.example")
    assert (message.subject, message.text) == ("s", "body")


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_ordinary_mails_have_the_parts_that_the_standard_library_sees(line_end: str) -> None:
    composed = EmailMessage(policy=policy.SMTP.clone(linesep=line_end))
    composed["From"], composed["Subject"] = "Jan Novák <jan@kraj.example>", "Výpověď smlouvy " * 9
    composed.set_content("Dobrý den,\n\nposílám přílohy.\n" * 20)
    composed.add_alternative("<p>Dobrý den,</p>", subtype="html")
    for number in range(3):
        name = f"příloha dlouhého jména, které se nevejde na řádek {number}.pdf"
        composed.add_attachment(
            bytes([number]) * 5000, maintype="application", subtype="pdf", filename=name
        )
    raw = composed.as_bytes()
    known = message_from_bytes(raw, policy=policy.default)
    plain = known.get_body(("plain",))

    message = parse_message(raw)

    assert plain is not None
    assert message.text == plain.get_content().replace("\r\n", "\n").strip()
    assert message.subject == known["Subject"].strip()
    assert [(a.filename, a.content) for a in message.attachments] == [
        (part.get_filename(), part.get_content()) for part in known.iter_attachments()
    ]


ICS = (
    "Content-Type: text/calendar; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\n"
    "BEGIN:VTIMEZONE\nDTSTART:19701025T030000\nEND:VTIMEZONE\nBEGIN:VEVENT\n"
    "SUMMARY:Předání SIM\\, 2. patro\n"
    'ORGANIZER;CN="Jan: Novák";ROLE=CHAIR:mailto:jan@kraj.example\n{}END:VEVENT\nEND:VCALENDAR\n'
)


@pytest.mark.parametrize(
    ("lines", "starts", "ends", "zone", "is_cancelled"),
    [
        (
            "DTSTART:20261125T100000Z\nDTEND:20261125T1\n 10000Z\n",
            "2026-11-25T10:00:00+00:00",
            "2026-11-25T11:00:00+00:00",
            "",
            False,
        ),
        (
            "DTSTART;TZID=Europe/Prague:20261125T100000\n",
            "2026-11-25T10:00:00",
            "",
            "Europe/Prague",
            False,
        ),
        ("DTSTART;VALUE=DATE:20261125\nSTATUS:CANCELLED\n", "2026-11-25", "", "", True),
        ("DTSTART:nonsense\n", "", "", "", False),
    ],
)
def test_an_invitation_tells_what_and_when(
    lines: str, starts: str, ends: str, zone: str, is_cancelled: bool
) -> None:
    message = parse_message(multipart("alternative", "\nZveme vás.", ICS.format(lines)))
    (attachment,) = message.attachments
    assert (message.text, attachment.filename) == ("Zveme vás.", "invite.ics")
    assert attachment.invitation == Invitation(
        "Předání SIM, 2. patro", starts, ends, zone, "Jan: Novák", is_cancelled
    )


@given(st.text(max_size=2000))
def test_a_calendar_of_any_kind_is_read_or_not(text: str) -> None:
    read_invitation(text)
    read_invitation(f"BEGIN:VEVENT\nDTSTART{text}\nORGANIZER{text}")


def test_what_pgp_encrypted_is_a_file_and_no_text() -> None:
    raw = multipart(
        'encrypted; protocol="application/pgp-encrypted"',
        "Content-Type: application/pgp-encrypted\n\nVersion: 1\n",
        "Content-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n",
    )
    message = parse_message(raw)
    assert [one.filename for one in message.attachments] == ["pgp-version-1.txt", "encrypted.asc"]
    assert message.text == ""


def test_the_words_of_a_signed_mail_are_read_as_ever() -> None:
    raw = multipart("signed", "\nDobrý den.", "Content-Type: application/pkcs7-signature\n\nMIIB\n")
    message = parse_message(raw)
    assert message.text == "Dobrý den."
    assert [one.filename for one in message.attachments] == ["smime.p7s"]
