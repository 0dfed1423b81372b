"""Proving senders ourselves: what counts, what does not, and what a failing name server does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.channels.email import proof
from supportdesk.channels.email.hops import Hop, Transport, Unproven, transport_of
from supportdesk.channels.email.names import Names, Unanswered
from supportdesk.channels.email.proof import Prover, prove
from supportdesk.messages import SenderAuth, Verdict
from tests.channels.email.mails import mail
from tests.channels.email.zone import SILENT, Zone, key_pair, signed, txt

KRAJ = "kraj.example"
LETTER = mail("Subject: Faktura\n")
KEY = {("s._domainkey.kraj.example", "TXT"): txt(key_pair(1024)[1])}
PASS = SenderAuth(dkim=Verdict.PASS, dmarc=Verdict.PASS, trusted=True, aligned=True)
FAIL = SenderAuth(dkim=Verdict.FAIL, trusted=True)
NOTHING = SenderAuth()
HOST = Hop("5.6.7.8", "mx.kraj.example")


def proven(raw: bytes, zone: Zone, transport: Transport | None = None) -> SenderAuth:
    return prove(Unproven(raw, KRAJ, transport or Transport()), zone.look_up)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(signed(LETTER, KRAJ), PASS, id="signed by the domain itself"),
        pytest.param(
            signed(LETTER, "evil.example") + b"", NOTHING, id="signed by somebody else only"
        ),
        pytest.param(
            signed(signed(LETTER, KRAJ), "list.example"), PASS, id="signed by a list as well"
        ),
        pytest.param(signed(LETTER, KRAJ) + b"More.\r\n", FAIL, id="something was added"),
        pytest.param(
            signed(LETTER, KRAJ).replace(b"Faktura", b"Pokuta!"), FAIL, id="the subject was changed"
        ),
        pytest.param(
            b"Subject: [#7] Pokuta\r\n" + signed(LETTER, KRAJ), FAIL, id="a subject put before"
        ),
        pytest.param(
            b"Reply-To: a@b.example\r\nReply-To: c@d.example\r\n" + signed(LETTER, KRAJ),
            FAIL,
            id="two addresses to answer to",
        ),
        pytest.param(
            b"From: jan@kraj.example\r\n" + signed(LETTER, KRAJ), FAIL, id="an author put before"
        ),
        pytest.param(signed(LETTER, KRAJ, length=True), NOTHING, id="a part of the body only"),
        pytest.param(
            signed(LETTER, KRAJ, signature_algorithm=b"rsa-sha1"), NOTHING, id="with SHA-1"
        ),
        pytest.param(
            signed(signed(LETTER, KRAJ) + b"More.\r\n", KRAJ),
            PASS,
            id="one of two signatures holds",
        ),
        pytest.param(LETTER, NOTHING, id="not signed"),
        pytest.param(b"DKIM-Signature: \xff; ;=\r\n" + LETTER, NOTHING, id="no signature at all"),
        pytest.param(signed(LETTER + b" " * 2000, KRAJ), NOTHING, id="blanks that would take long"),
    ],
)
def test_only_a_whole_signature_of_the_domain_in_from_proves_it(
    raw: bytes, expected: SenderAuth
) -> None:
    assert proven(raw, Zone(KEY)) == expected


@pytest.mark.parametrize("signer", ["posta.kraj.example", KRAJ])
def test_a_part_of_the_organisation_may_sign_for_it(signer: str) -> None:
    zone = Zone({(f"s._domainkey.{signer}", "TXT"): txt(key_pair(1024)[1])})
    assert proven(signed(LETTER, signer), zone).aligned


def test_nobody_is_asked_about_signatures_that_prove_nothing() -> None:
    zone = Zone(KEY)
    proven(signed(LETTER, "evil.example"), zone)
    assert zone.asked == []


@pytest.mark.parametrize(
    "record",
    [
        "v=DKIM1; p=",  # withdrawn
        "v=DKIM1; k=rsa; p=nonsense",
        key_pair(1024)[1] + "; n=" + "x" * 2048,
        key_pair(2048)[1],  # somebody else's
    ],
)
def test_a_key_that_does_not_fit_proves_nothing(record: str) -> None:
    zone = Zone({("s._domainkey.kraj.example", "TXT"): txt(record)})
    assert not proven(signed(LETTER, KRAJ), zone).aligned


def test_a_tiny_key_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MIN_KEY_BITS", 2048)  # tiny ones are not even made any more
    assert proven(signed(LETTER, KRAJ), Zone(KEY)) == FAIL


def test_a_key_that_cannot_be_had_now_leaves_the_sender_unproven() -> None:
    zone = Zone({("s._domainkey.kraj.example", "TXT"): SILENT})
    assert proven(signed(LETTER, KRAJ), zone) == NOTHING


SPF = ("kraj.example", "TXT")


@pytest.mark.parametrize(
    ("records", "transport", "expected"),
    [
        ({SPF: txt("v=spf1 ip4:5.6.7.8 -all")}, Transport(HOST, "jan@kraj.example"), Verdict.PASS),
        (
            {SPF: txt("v=spf1 mx -all"), (KRAJ, "MX"): [(10, "mx.kraj.example")]}
            | {("mx.kraj.example", "A"): ["5.6.7.8"]},
            Transport(HOST, "jan@kraj.example"),
            Verdict.PASS,
        ),
        ({SPF: txt("v=spf1 ip4:9.9.9.9 -all")}, Transport(HOST, "jan@kraj.example"), Verdict.FAIL),
        ({SPF: SILENT}, Transport(HOST, "jan@kraj.example"), Verdict.NONE),
        ({SPF: txt("v=spf1 +nonsense")}, Transport(HOST, "jan@kraj.example"), Verdict.NONE),
        ({}, Transport(HOST, "jan@kraj.example"), Verdict.NONE),
        ({SPF: txt("v=spf1 +all")}, Transport(HOST, "x@evil.example"), Verdict.NONE),
        ({SPF: txt("v=spf1 +all")}, Transport(None, "jan@kraj.example"), Verdict.NONE),
        ({SPF: txt("v=spf1 +all")}, Transport(HOST, None), Verdict.NONE),
        (
            {("mx.kraj.example", "TXT"): txt("v=spf1 ip4:5.6.7.8 -all")},
            Transport(HOST, ""),
            Verdict.PASS,
        ),
    ],
)
def test_the_host_proves_the_domain_that_it_speaks_for(
    records: dict[tuple[str, str], object], transport: Transport, expected: Verdict
) -> None:
    found = proven(LETTER, Zone(records), transport)
    assert (found.spf, found.aligned) == (expected, expected is Verdict.PASS)


@given(record=st.text(max_size=300), path=st.text(max_size=50))
def test_no_record_and_no_sender_ever_stops_a_mail(record: str, path: str) -> None:
    zone = Zone({SPF: [(record.encode("utf-8", "replace")[:255],)]})
    sender = f"{path}@kraj.example"
    (found,) = Prover(zone.look_up).prove([Unproven(LETTER, KRAJ, Transport(HOST, sender))])
    assert isinstance(found, SenderAuth)


def test_mails_are_proven_side_by_side_and_answered_in_order() -> None:
    together = threading.Barrier(3, timeout=20)
    zone = Zone(KEY)

    def look_up(name: str, kind: str) -> list[object]:
        together.wait()
        return zone.look_up(name, kind)

    prover = Prover(look_up, threads=3)
    good, bad = signed(LETTER, KRAJ), signed(LETTER, KRAJ) + b"More.\r\n"
    found = prover.prove([Unproven(raw, KRAJ, Transport()) for raw in (good, bad, good)])
    prover.close()
    assert found == [PASS, FAIL, PASS]


OUR_RELAY = "Received: from {} by mx.operator.example with ESMTPS; Tue, 24 Nov 2026\n"


@pytest.mark.parametrize(
    ("lines", "peer", "expected"),
    [
        ("", Hop("5.6.7.8", "mx"), Hop("5.6.7.8", "mx")),
        ("", Hop("127.0.0.1", "mx"), None),
        ("", Hop("5.5.5.5", "our-relay"), None),
        ("", None, None),
        (OUR_RELAY.format("Mx.Kraj.example (mx [5.6.7.8])"), None, HOST),
        (OUR_RELAY.format("mx.kraj.example (mx [5.6.7.8])"), Hop("10.0.0.1", "relay"), HOST),
        (OUR_RELAY.format("mx.kraj.example ([IPv6:2a00::1])"), None, Hop("2a00::1", HOST.helo)),
        # A relay of ours behind another: the foreign host is one line further down.
        (
            OUR_RELAY.format("inner (inner [10.0.0.2])")
            + OUR_RELAY.format("mx.kraj.example (mx [5.6.7.8])"),
            None,
            HOST,
        ),
        # What strangers write, about themselves or below the lines of our relays, counts nothing.
        (OUR_RELAY.format("[9.9.9.9] (unknown [5.6.7.8])"), None, None),
        (OUR_RELAY.format("mx.kraj.example"), None, None),
        ("Received: from a (a [9.9.9.9]) by mx.evil.example; x\n", None, None),
        (
            "Received: from a (a [9.9.9.9]) by other.example; x\n"
            + OUR_RELAY.format("mx.kraj.example (mx [5.6.7.8])"),
            None,
            None,
        ),
    ],
)
def test_only_our_own_hosts_tell_who_gave_us_the_mail(
    lines: str, peer: Hop | None, expected: Hop | None
) -> None:
    relays = ("mx.operator.example", "5.5.5.0/24")
    found = transport_of(
        mail(base=f"{lines}From: jan@kraj.example\n"), peer=peer, mail_from="", relays=relays
    )
    assert found.hop == expected


@pytest.mark.parametrize(
    ("header", "mail_from", "expected"),
    [
        ("Return-Path: <jan@kraj.example>\nReceived: from x by y\n", None, "jan@kraj.example"),
        ("Received: from x by y\nReturn-Path: <jan@kraj.example>\n", None, None),
        ("", None, None),
        ("Return-Path: <jan@kraj.example>\n", "", ""),
    ],
)
def test_the_envelope_sender_is_the_doors_or_stands_on_top(
    header: str, mail_from: str | None, expected: str | None
) -> None:
    raw = mail(base=f"{header}From: jan@kraj.example\n")
    assert transport_of(raw, peer=None, mail_from=mail_from, relays=()).mail_from == expected


class NameServer(threading.Thread):
    """A name server on loopback that knows one TXT record, and is silent or broken on demand."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.asked = 0

    def run(self) -> None:
        """Answer until the socket is closed."""
        with suppress(OSError):
            while True:
                wire, client = self.socket.recvfrom(4096)
                self.asked += 1
                question = dns.message.from_wire(wire)
                name = question.question[0].name.to_text()
                if name.startswith("silent"):
                    continue
                answer = dns.message.make_response(question)
                answer.flags |= dns.flags.RA
                if name.startswith("broken"):
                    answer.set_rcode(dns.rcode.SERVFAIL)
                elif name == "kraj.example.":
                    answer.answer.append(
                        dns.rrset.from_text(name, 300, "IN", "TXT", '"v=spf1" " -all"')
                    )
                else:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                self.socket.sendto(answer.to_wire(), client)


@pytest.fixture
def server() -> Iterator[NameServer]:
    server = NameServer()
    server.start()
    yield server
    server.socket.close()


def names_at(server: NameServer) -> Names:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = server.socket.getsockname()[1]
    resolver.cache = dns.resolver.LRUCache(100)
    return Names(resolver)


def test_a_real_server_is_asked_once(server: NameServer) -> None:
    names = names_at(server)
    for _ in range(2):
        assert names.look_up("kraj.example", "TXT") == [(b"v=spf1", b" -all")]
        assert names.look_up("nobody.example", "TXT") == []
    asked = server.asked
    assert names.look_up("kraj.example", "TXT")
    assert server.asked == asked


@pytest.mark.parametrize("name", ["broken.example", "silent.example"])
def test_a_name_without_an_answer_is_not_asked_for_again_at_once(
    server: NameServer, name: str
) -> None:
    names = names_at(server)
    with pytest.raises(Unanswered):
        names.look_up(name, "TXT")
    asked = server.asked
    with pytest.raises(Unanswered):
        names.look_up(name, "TXT")
    assert server.asked == asked
    assert names.look_up("kraj.example", "TXT")


def test_what_is_no_name_has_no_records(server: NameServer) -> None:
    assert names_at(server).look_up("a" * 70 + ".example", "TXT") == []
