"""Sending: what the relay says decides between done, later, never, and "perhaps"."""

import socket

import pytest

from supportdesk.channels.email.smtp import Refusal, Relay, Sent, send
from supportdesk.errors import ChannelError, InvalidInput, Uncertain
from tests.servers.certificates import Certificates
from tests.servers.smtp import PASSWORD, USERNAME, SmtpReceiver

RAW = b"Message-ID: <a@b>\r\nSubject: x\r\n\r\nDobr\xc3\xbd den\r\n.\r\n..\r\nend\r\n"
SENDER = "business+t7.abc@example.cz"


def test_a_mail_arrives_byte_for_byte_with_its_envelope(smtp_receiver: SmtpReceiver) -> None:
    sent = send(smtp_receiver.relay(), SENDER, ["a@example.cz", "b@example.cz"], RAW)
    assert sent == Sent("250 2.0.0 OK: queued as 1")
    (mail,) = smtp_receiver.mails
    assert mail.raw == RAW
    assert mail.mail_from == SENDER
    assert mail.recipients == ("a@example.cz", "b@example.cz")
    assert mail.options == (f"SIZE={len(RAW)}", "BODY=8BITMIME")


def test_an_automatic_answer_has_the_null_return_path(smtp_receiver: SmtpReceiver) -> None:
    send(smtp_receiver.relay(), "", ["a@example.cz"], RAW)
    assert smtp_receiver.mails[0].mail_from == ""


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("450 4.2.0 try later", False), ("452 4.3.1 full", False), ("550 5.1.1 never", True)],
)
def test_a_refusal_says_whether_to_try_again(
    smtp_receiver: SmtpReceiver, command: str, answer: str, permanent: bool
) -> None:
    smtp_receiver.answer(command, answer)
    with pytest.raises(ChannelError, match=answer[:9]) as caught:
        send(smtp_receiver.relay(), SENDER, ["a@example.cz"], RAW)
    assert caught.value.permanent is permanent
    assert not isinstance(caught.value, Uncertain)
    assert smtp_receiver.mails == []


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_relay_that_hangs_up_is_tried_again(smtp_receiver: SmtpReceiver, command: str) -> None:
    smtp_receiver.drop(command)
    with pytest.raises(ChannelError, match="tried again") as caught:
        send(smtp_receiver.relay(), SENDER, ["a@example.cz"], RAW)
    assert not caught.value.permanent
    assert not isinstance(caught.value, Uncertain)


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_relay_that_falls_silent_is_tried_again(
    smtp_receiver: SmtpReceiver, command: str
) -> None:
    smtp_receiver.stall(command)
    with pytest.raises(ChannelError, match="timed out") as caught:
        send(smtp_receiver.relay(), SENDER, ["a@example.cz"], RAW, timeout_seconds=0.3)
    assert not caught.value.permanent
    assert not isinstance(caught.value, Uncertain)


@pytest.mark.parametrize("fault", ["drop", "stall"])
def test_a_mail_that_is_not_confirmed_may_have_been_delivered(
    smtp_receiver: SmtpReceiver, fault: str
) -> None:
    getattr(smtp_receiver, fault)("END")
    with pytest.raises(Uncertain, match="may have been delivered") as caught:
        send(smtp_receiver.relay(), SENDER, ["a@example.cz"], RAW, final_timeout_seconds=0.3)
    assert not caught.value.permanent
    assert len(smtp_receiver.mails) == 1


@pytest.mark.parametrize("fault", ["drop", "stall"])
def test_trouble_after_the_confirmation_does_not_matter(
    smtp_receiver: SmtpReceiver, fault: str
) -> None:
    getattr(smtp_receiver, fault)("QUIT")
    relay = smtp_receiver.relay()
    sent = send(relay, SENDER, ["a@example.cz"], RAW, timeout_seconds=5, final_timeout_seconds=0.3)
    assert sent.answer.startswith("250")


@pytest.mark.parametrize(
    ("answer", "permanent"), [("450 4.2.2 box is full", False), ("550 5.1.1 unknown", True)]
)
def test_one_refused_recipient_does_not_stop_the_others(
    smtp_receiver: SmtpReceiver, answer: str, permanent: bool
) -> None:
    smtp_receiver.refuse("b@example.cz", answer)
    sent = send(smtp_receiver.relay(), SENDER, ["a@example.cz", "b@example.cz"], RAW)
    assert smtp_receiver.mails[0].recipients == ("a@example.cz",)
    assert sent.refused == (Refusal("b@example.cz", int(answer[:3]), answer[4:]),)
    assert sent.refused[0].permanent is permanent


def test_all_refused_but_one_only_for_now_is_tried_again(smtp_receiver: SmtpReceiver) -> None:
    smtp_receiver.refuse("a@example.cz", "550 5.1.1 unknown")
    smtp_receiver.refuse("b@example.cz", "450 4.2.2 full")
    with pytest.raises(ChannelError, match=r"<a@example.cz> 550 5.1.1 unknown; <b@") as caught:
        send(smtp_receiver.relay(), SENDER, ["a@example.cz", "b@example.cz"], RAW)
    assert not caught.value.permanent


def test_nobody_listening_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ChannelError, match=f"localhost:{port} cannot be used now") as caught:
        send(Relay("localhost", port), SENDER, ["a@example.cz"], RAW)
    assert not caught.value.permanent


def test_a_relay_without_service_is_no_fault_of_the_mail(smtp_receiver: SmtpReceiver) -> None:
    smtp_receiver.answer("CONNECT", "554 5.3.2 no service here")
    with pytest.raises(ChannelError) as caught:
        send(smtp_receiver.relay(), SENDER, ["a@example.cz"], RAW)
    assert not caught.value.permanent


def test_starttls_and_log_in(
    smtp_receiver: SmtpReceiver, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.trust(monkeypatch)
    relay = smtp_receiver.relay(security="starttls", username=USERNAME, password=PASSWORD)
    send(relay, SENDER, ["a@example.cz"], RAW)
    assert smtp_receiver.commands == [
        "CONNECT", "EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "END", "QUIT",
    ]  # fmt: skip


def test_tls_from_the_start(
    smtps_receiver: SmtpReceiver, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.trust(monkeypatch)
    send(smtps_receiver.relay(security="tls"), SENDER, ["a@example.cz"], RAW)
    assert len(smtps_receiver.mails) == 1


def test_a_certificate_of_nobody_known_is_refused_before_anything_is_said(
    smtp_receiver: SmtpReceiver,
) -> None:
    relay = smtp_receiver.relay(security="starttls", username=USERNAME, password=PASSWORD)
    with pytest.raises(ChannelError, match="certificate") as caught:
        send(relay, SENDER, ["a@example.cz"], RAW)
    assert not caught.value.permanent
    assert "AUTH" not in smtp_receiver.commands


def test_a_relay_that_cannot_starttls_gets_no_password(smtp_receiver: SmtpReceiver) -> None:
    smtp_receiver.answer("STARTTLS", "454 4.7.0 not now")
    relay = smtp_receiver.relay(security="starttls", username=USERNAME, password=PASSWORD)
    with pytest.raises(ChannelError):
        send(relay, SENDER, ["a@example.cz"], RAW)
    assert "AUTH" not in smtp_receiver.commands


def test_a_wrong_password_waits_for_somebody_to_mend_it(smtp_receiver: SmtpReceiver) -> None:
    relay = smtp_receiver.relay(username=USERNAME, password="tajemstvi")
    with pytest.raises(ChannelError, match="smtp_password") as caught:
        send(relay, SENDER, ["a@example.cz"], RAW)
    assert not caught.value.permanent
    assert "tajemstvi" not in str(caught.value)
    assert "tajemstvi" not in repr(relay)


def test_a_relay_that_wants_a_log_in_is_no_fault_of_the_mail(smtp_receiver: SmtpReceiver) -> None:
    smtp_receiver.answer("MAIL", "530 5.7.0 Authentication required")
    with pytest.raises(ChannelError) as caught:
        send(smtp_receiver.relay(), SENDER, ["a@example.cz"], RAW)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "address",
    ["a@example.cz\r\nRCPT TO:<evil@example.org>", "a\n@example.cz", "a\r@example.cz", "a@b.cz> X",
     "a@example.cz\0", "a b@example.cz", "a@example\u2028.cz", "<a@example.cz"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["sender", "recipient"])
def test_an_address_cannot_add_a_command(
    smtp_receiver: SmtpReceiver, address: str, place: str
) -> None:
    sender, recipient = (address, "a@b.cz") if place == "sender" else (SENDER, address)
    with pytest.raises(InvalidInput, match="Correct the address"):
        send(smtp_receiver.relay(), sender, [recipient], RAW)
    assert smtp_receiver.commands == []


@pytest.mark.parametrize(
    "trick", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n"]
)
def test_no_line_end_of_a_body_can_end_the_mail(smtp_receiver: SmtpReceiver, trick: bytes) -> None:
    body = b"Subject: x\r\n\r\nfirst" + trick + b"MAIL FROM:<evil@example.org>\r\n"
    send(smtp_receiver.relay(), SENDER, ["a@example.cz"], body)
    (mail,) = smtp_receiver.mails
    assert b"\r\n.\r\nMAIL FROM:<evil@example.org>\r\n" in mail.raw
    assert smtp_receiver.commands.count("MAIL") == 1


def test_a_czech_local_part_needs_a_relay_that_knows_smtputf8(
    smtp_receiver: SmtpReceiver, ascii_receiver: SmtpReceiver
) -> None:
    send(smtp_receiver.relay(), SENDER, ["jiří@example.cz"], RAW)
    assert smtp_receiver.mails[0].recipients == ("jiří@example.cz",)
    assert "SMTPUTF8" in smtp_receiver.mails[0].options
    with pytest.raises(ChannelError, match=r"jiří@example\.cz") as caught:
        send(ascii_receiver.relay(), SENDER, ["jiří@example.cz"], RAW)
    assert caught.value.permanent
    assert ascii_receiver.mails == []


def test_a_czech_domain_goes_through_every_relay(ascii_receiver: SmtpReceiver) -> None:
    send(ascii_receiver.relay(), SENDER, ["info@háčkyčárky.cz"], RAW)
    assert ascii_receiver.mails[0].recipients == ("info@xn--hkyrky-ptac70bc.cz",)


def test_a_mail_for_nobody_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no recipient"):
        send(Relay("localhost", 9), SENDER, [], RAW)
