"""Only what our own mail host found out proves a sender."""

import pytest

from supportdesk.channels.email.authresults import is_aligned
from supportdesk.channels.email.parse import parse_message
from supportdesk.messages import SenderAuth, Verdict
from tests.channels.email.mails import mail

OURS = "Authentication-Results: mx.operator.example;"
ALL_PASS = (
    f"{OURS} spf=pass smtp.mailfrom=kraj.example; dkim=pass header.d=kraj.example; dmarc=pass"
)
FROM_OUTSIDE = "Received: from mail.kraj.example (1.2.3.4) by mx.operator.example with ESMTPS"
INSIDE = "Received: from mx.operator.example by store.operator.example with LMTP"
BY_STRANGER = "Received: from pc by relay.evil.example with SMTP"


def auth_of(*lines: str, sender: str = "From: Jan <jan@kraj.example>") -> tuple[SenderAuth, bool]:
    raw = mail(base="\n".join([*lines, sender]) + "\n")
    message = parse_message(raw, authserv_id="mx.operator.example")
    return message.auth, is_aligned(message)


@pytest.mark.parametrize(
    "lines",
    [
        [ALL_PASS],
        [ALL_PASS, FROM_OUTSIDE],
        [FROM_OUTSIDE, ALL_PASS],
        [INSIDE, FROM_OUTSIDE, ALL_PASS],
        ["Received: by localhost", "Received: by 10.1.2.3 with SMTP id x", ALL_PASS],
        [ALL_PASS.replace("mx.operator.example;", "MX.Operator.Example 1;")],
        [
            f"{OURS} spf=pass",
            f"{OURS} dkim=pass header.d=kraj.example",
            f"{OURS} dmarc=pass",
            INSIDE,
        ],
        ["Authentication-Results: mx.other.example; dmarc=fail", ALL_PASS],
    ],
)
def test_results_of_our_host_are_trusted(lines: list[str]) -> None:
    auth, aligned = auth_of(*lines)

    assert auth == SenderAuth(Verdict.PASS, Verdict.PASS, Verdict.PASS, trusted=True, aligned=True)
    assert aligned


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["Authentication-Results: mx.evil.example; dmarc=pass; spf=pass; dkim=pass"],
        ["Authentication-Results: spf=pass; dmarc=pass"],
        ["Authentication-Results: ; dmarc=pass", "Authentication-Results:"],
        ["Authentication-Results: (mx.operator.example) evil.example; dmarc=pass"],
        ["Authentication-Results: mx.operator.example.evil.example; dmarc=pass"],
        [FROM_OUTSIDE, BY_STRANGER, ALL_PASS],
        [BY_STRANGER, ALL_PASS],
        ["X-Authentication-Results: mx.operator.example; dmarc=pass"],
        ["ARC-Authentication-Results: i=1; mx.operator.example; dmarc=pass"],
    ],
)
def test_results_of_others_prove_nothing(lines: list[str]) -> None:
    assert auth_of(*lines) == (SenderAuth(), False)


@pytest.mark.parametrize(
    "lines",
    [
        [f"{OURS} dmarc=fail", FROM_OUTSIDE, ALL_PASS],
        [FROM_OUTSIDE, f"{OURS} dmarc=fail", ALL_PASS],
        [FROM_OUTSIDE, f"{OURS} dmarc=fail", FROM_OUTSIDE, ALL_PASS],
    ],
)
def test_a_forged_result_below_the_real_one_does_not_count(lines: list[str]) -> None:
    auth, aligned = auth_of(*lines)

    assert (auth.dmarc, auth.spf, auth.trusted) == (Verdict.FAIL, Verdict.NONE, True)
    assert not aligned


def test_nothing_is_trusted_when_no_host_is_configured() -> None:
    raw = mail(base=f"{ALL_PASS}\nAuthentication-Results: ; dmarc=pass\nFrom: jan@kraj.example\n")

    assert parse_message(raw).auth == SenderAuth()


@pytest.mark.parametrize(
    ("results", "aligned"),
    [
        ("dmarc=pass header.from=kraj.example", True),
        ("dmarc=pass (p=none dis=none) header.from=kraj.example", True),
        ("dmarc=pass header.from=evil.example", False),
        ("dmarc=fail; dkim=pass header.d=kraj.example", False),
        ("dmarc=none; dkim=pass header.d=kraj.example", True),
        ("dkim=pass header.d=evil.example", False),
        ("dkim=pass header.i=@kraj.example header.s=s1", True),
        ("dkim=pass header.d=mail.kraj.example", True),
        ("dkim=pass header.d=akraj.example", False),
        ("dkim=pass header.d=example", False),
        ("dkim=fail header.d=kraj.example; dkim=pass header.d=kraj.example", True),
        ("dkim=fail header.d=kraj.example; dkim=pass header.d=list.example", False),
        ("spf=pass smtp.mailfrom=jan@kraj.example", True),
        ("spf=pass smtp.mailfrom=bounce@evil.example", False),
        ("spf=pass smtp.helo=kraj.example", False),
        ("spf=softfail smtp.mailfrom=kraj.example", False),
        ("spf=pass (comment; dmarc=pass) smtp.mailfrom=evil.example", False),
        ('spf=fail reason="dmarc=pass" smtp.mailfrom=evil.example', False),
        ('spf=pass smtp.mailfrom="x; dkim=pass header.d=kraj.example "@evil.example', False),
        ('spf=pass smtp.mailfrom="x smtp.mailfrom=kraj.example"@evil.example', False),
        (r'spf=pass smtp.mailfrom="\" ; dkim=pass header.d=kraj.example"@evil.example', False),
        (r"spf=pass (of a\) ; dkim=pass header.d=kraj.example) smtp.mailfrom=evil.example", False),
        (r"spf=pass smtp.mailfrom=a\; dkim=pass header.d=kraj.example", False),
        ('spf=pass smtp.mailfrom=" ; dkim=pass header.d=kraj.example', False),
        (f"spf=pass smtp.mailfrom={'a' * 700}.kraj.example@evil.example", False),
        ('dkim=pass header.d="kraj.example"', True),
        ('dkim=pass (a "quote) header.d=kraj.example; spf=pass smtp.helo="x"', True),
        ("none", False),
        ("(((((", False),
    ],
)
def test_only_a_check_of_the_domain_in_from_proves_it(results: str, aligned: bool) -> None:
    assert auth_of(f"{OURS} {results}")[1] is aligned


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ("pass", Verdict.PASS),
        ("fail", Verdict.FAIL),
        ("softfail", Verdict.FAIL),
        ("neutral", Verdict.NONE),
        ("none", Verdict.NONE),
        ("temperror", Verdict.NONE),
        ("permerror", Verdict.NONE),
        ("passx", Verdict.NONE),
    ],
)
def test_results_are_pass_fail_or_none(result: str, verdict: Verdict) -> None:
    assert auth_of(f"{OURS} spf={result} smtp.mailfrom=x.example")[0].spf is verdict


def test_a_mail_without_a_single_author_is_never_aligned() -> None:
    auth, aligned = auth_of(ALL_PASS, sender="From: a@kraj.example\nFrom: b@kraj.example")

    assert auth.trusted
    assert not aligned
