"""Machines are told from people."""

import pytest

from supportdesk.channels.email.parse import parse_message
from supportdesk.messages import Automatic, RecipientReport, ReportKind
from tests.channels.email.mails import mail, multipart

DAEMON = "From: MAILER-DAEMON@mx.example (Mail Delivery System)\nTo: business@operator.example\n"
NOTICE = "Content-Type: text/plain\n\nI am sorry to inform you."
RETURNED = (
    "Content-Type: message/rfc822\n\nFrom: business@operator.example\n"
    "Message-ID: <ours-1@operator.example>\nSubject: s\n\nreturned"
)
RETURNED_HEADERS = (
    "Content-Type: text/rfc822-headers\n\nFrom: business@operator.example\n"
    "Message-ID: <ours-1@operator.example>\nSubject: s\n"
)


def status_part(*recipients: str) -> str:
    return (
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        + "\n".join(recipients)
    )


def recipient(action: str, status: str) -> str:
    return f"Final-Recipient: rfc822; jan@kraj.example\nAction: {action}\nStatus: {status}\n"


def report(status: str, returned: str = RETURNED, base: str = DAEMON) -> bytes:
    header = "Auto-Submitted: auto-replied\n"
    raw = multipart("report", NOTICE, status, returned, header=header, base=base)
    return raw.replace(b"multipart/report;", b"multipart/report; report-type=delivery-status;")


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("", Automatic.NO),
        ("Auto-Submitted: no", Automatic.NO),
        ("X-Auto-Response-Suppress: None", Automatic.NO),
        ("Return-Path: <jan@kraj.example>", Automatic.NO),
        ("In-Reply-To: <a@b>", Automatic.NO),
        ("Subject: Re: Automatická odpověď: dovolená", Automatic.NO),
        ("Subject: Out of office nastavení", Automatic.NO),
        ("Auto-Submitted: auto-replied", Automatic.REPLY),
        ("Auto-Submitted: auto-replied (vacation)", Automatic.REPLY),
        ("Auto-Submitted: auto-generated\nIn-Reply-To: <a@b>", Automatic.REPLY),
        ("X-Autoreply: yes", Automatic.REPLY),
        ("Precedence: auto_reply", Automatic.REPLY),
        ("Return-Path: <>\nReferences: <a@b>", Automatic.REPLY),
        ("Subject: Automatická odpověď: faktura", Automatic.REPLY),
        ("Subject: =?utf-8?Q?Mimo_kancel=C3=A1=C5=99=3A_faktura?=", Automatic.REPLY),
        ("Subject: Automatic reply: invoice", Automatic.REPLY),
        ("Auto-Submitted: auto-generated", Automatic.GENERATED),
        ("Auto-Submitted: auto-notified; owner-email=a@b", Automatic.GENERATED),
        ("Precedence: bulk", Automatic.GENERATED),
        ("Precedence: list", Automatic.NO),
        ("Precedence: junk", Automatic.GENERATED),
        ("List-Id: <news.example>", Automatic.NO),
        ("List-Unsubscribe: <mailto:x@y.example>", Automatic.NO),
        ("X-Auto-Response-Suppress: All", Automatic.NO),
        ("Feedback-Id: 7:campaign:shop", Automatic.GENERATED),
        ("List-Unsubscribe-Post: List-Unsubscribe=One-Click", Automatic.GENERATED),
        ("List-Post: <mailto:l@y.example>\nFeedback-Id: 7:groups", Automatic.NO),
        ("Return-Path: <>", Automatic.GENERATED),
        ("X-Supportdesk-Instance: desk-1", Automatic.LOOP),
        ("X-Supportdesk-Instance: another-desk", Automatic.NO),
    ],
)
def test_the_header_tells_who_wrote_it(lines: str, kind: Automatic) -> None:
    message = parse_message(mail(f"{lines}\n"), instance_id="desk-1")

    assert message.automatic is kind


@pytest.mark.parametrize(
    ("lines", "refuses"),
    [
        ("", False),
        ("X-Auto-Response-Suppress: None", False),
        ("X-Auto-Response-Suppress: OOF, AutoReply", True),
        ("Precedence: list", True),
        ("List-Id: <discussion.example>", True),
        ("Auto-Submitted: auto-replied", True),
        ("Auto-Submitted: auto-generated", True),
        ("X-Failed-Recipients: a@b.example", True),
        ("X-Supportdesk-Instance: desk-1", True),
    ],
)
def test_what_comes_through_a_list_is_a_persons_and_only_not_acknowledged(
    lines: str, refuses: bool
) -> None:
    message = parse_message(mail(f"{lines}\n"), instance_id="desk-1")

    assert message.wants_no_answer is refuses


def test_without_an_instance_no_mail_is_a_loop() -> None:
    assert parse_message(mail("X-Supportdesk-Instance:\n")).automatic is Automatic.NO


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("no-reply@shop.example", Automatic.GENERATED),
        ("noreply@shop.example", Automatic.GENERATED),
        ("shop-noreply@shop.example", Automatic.GENERATED),
        ("noreply+123@shop.example", Automatic.GENERATED),
        ("neodpovidat@urad.example", Automatic.GENERATED),
        ("do-not-reply@shop.example", Automatic.GENERATED),
        ("norepl@shop.example", Automatic.NO),
        ("arnoreplyman@shop.example", Automatic.NO),
        ("postmaster@kraj.example", Automatic.NO),
        ("mailer-daemon@kraj.example", Automatic.BOUNCE),
    ],
)
def test_some_addresses_belong_to_machines(address: str, kind: Automatic) -> None:
    assert parse_message(mail(base=f"From: {address}\n")).automatic is kind


@pytest.mark.parametrize(
    ("recipients", "kind", "status"),
    [
        ([recipient("failed", "5.1.1")], Automatic.BOUNCE, "5.1.1"),
        ([recipient("failed", "5.7.1 (refused)")], Automatic.BOUNCE, "5.7.1"),
        ([recipient("failed", "4.4.7")], Automatic.BOUNCE, "4.4.7"),
        ([recipient("Failed", "5.2.2")], Automatic.BOUNCE, "5.2.2"),
        (
            [recipient("delivered", "2.1.5"), recipient("failed", "5.1.10")],
            Automatic.BOUNCE,
            "5.1.10",
        ),
        (
            ["Action: failed\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n"],
            Automatic.BOUNCE,
            "5.1.1",
        ),
        (["Action: failed\n"], Automatic.BOUNCE, None),
        (["Status: 5.0.0\n"], Automatic.BOUNCE, "5.0.0"),
        ([recipient("delayed", "4.4.1")], Automatic.REPORT, None),
        ([recipient("delivered", "2.1.5")], Automatic.REPORT, None),
        ([recipient("relayed", "2.0.0")], Automatic.REPORT, None),
        ([], Automatic.REPORT, None),
    ],
)
@pytest.mark.parametrize("returned", [RETURNED, RETURNED_HEADERS])
def test_a_delivery_status_is_a_bounce_only_when_delivery_failed(
    recipients: list[str], kind: Automatic, status: str | None, returned: str
) -> None:
    message = parse_message(report(status_part(*recipients), returned))

    assert (message.automatic, message.dsn_status) == (kind, status)
    assert message.reported_message_id == "<ours-1@operator.example>"
    assert message.text == "I am sorry to inform you."


@pytest.mark.parametrize("kind", ["disposition-notification", "feedback-report"])
def test_read_receipts_and_abuse_reports_are_reports(kind: str) -> None:
    raw = multipart("report", NOTICE, f"Content-Type: message/{kind}\n\nx: y\n", RETURNED)

    message = parse_message(raw)

    assert message.automatic is Automatic.REPORT
    assert message.reported_message_id == "<ours-1@operator.example>"
    assert message.reports == ()


@pytest.mark.parametrize(
    "raw",
    [
        multipart(
            "mixed",
            "\nDid you get this?",
            "Content-Type: message/rfc822\n\n"
            + report(status_part(recipient("failed", "5.1.1"))).decode().replace("\r\n", "\n"),
            header="Subject: Fwd: Undelivered Mail Returned to Sender\n",
        ),
        multipart("mixed", "\nSee", status_part(recipient("failed", "5.1.1")), RETURNED),
        mail("Subject: Fwd: Undelivered\n", "550 5.1.1 user unknown\nMessage-ID: <x@y>\n"),
    ],
)
def test_a_person_forwarding_a_bounce_is_a_person(raw: bytes) -> None:
    message = parse_message(raw)

    assert (message.automatic, message.dsn_status) == (Automatic.NO, None)
    assert message.reported_message_id is None


def test_a_bounce_in_plain_text_is_read_as_well() -> None:
    body = (
        "Hi. This is the qmail-send program.\n<jan@kraj.example>:\n550 5.1.1 unknown user\n"
        "--- Below this line is a copy of the message.\nFrom: business@operator.example\n"
        "Message-ID: <ours-2@operator.example>\n"
    )
    message = parse_message(mail("Return-Path: <>\nSubject: failure notice\n", body, base=DAEMON))

    assert (message.automatic, message.dsn_status) == (Automatic.BOUNCE, "5.1.1")
    assert message.reported_message_id == "<ours-2@operator.example>"
    assert message.reports == (
        RecipientReport(
            ReportKind.FAILED, ("jan@kraj.example",), "5.1.1", "550 5.1.1 unknown user"
        ),
    )


def test_a_delay_in_plain_text_is_no_bounce() -> None:
    raw = mail("Subject: Warning: message delayed 4 hours\n", "4.4.1 timeout", base=DAEMON)

    assert parse_message(raw).automatic is Automatic.REPORT


JAN = "jan@kraj.example"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            status_part(
                f"Original-Recipient: rfc822;{JAN}\nFinal-Recipient: rfc822; j@other.example\n"
                "Action: failed\nStatus: 5.2.2\n"
                "Diagnostic-Code: smtp; 552 5.2.2 Mailbox\n  is full\n"
            ),
            [
                RecipientReport(
                    ReportKind.FAILED,
                    (JAN, "j@other.example"),
                    "5.2.2",
                    "552 5.2.2 Mailbox is full",
                )
            ],
        ),
        (
            status_part(recipient("delayed", "4.4.1"), recipient("delivered", "2.0.0")),
            [
                RecipientReport(ReportKind.DELAYED, (JAN,), "4.4.1"),
                RecipientReport(ReportKind.DELIVERED, (JAN,), "2.0.0"),
            ],
        ),
        (status_part(recipient("relayed", "2.0.0")), []),
        (
            (
                "Content-Type: message/disposition-notification\n\n"
                f"Final-Recipient: rfc822;{JAN}\nOriginal-Message-ID: <ours-1@operator.example>\n"
                "Disposition: manual-action/MDN-sent-manually; displayed\n"
            ),
            [RecipientReport(ReportKind.READ, (JAN,))],
        ),
        (
            (
                "Content-Type: message/disposition-notification\n\n"
                "Disposition: automatic-action/MDN-sent-automatically; deleted\n"
            ),
            [],
        ),
        (
            (
                "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
                f"Original-Rcpt-To: <{JAN}>\n"
            ),
            [RecipientReport(ReportKind.COMPLAINT, (JAN,))],
        ),
        ("Content-Type: message/feedback-report\n\nFeedback-Type: not-spam\n", []),
    ],
)
def test_a_report_tells_what_became_of_each_recipient(
    part: str, expected: list[RecipientReport]
) -> None:
    message = parse_message(report(part, RETURNED))

    assert list(message.reports) == expected
    assert message.reported_message_id == "<ours-1@operator.example>"
