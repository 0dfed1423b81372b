"""Proving the domain in From ourselves, where no mail host of ours has done it: DKIM and SPF.

The outcome is that of DMARC with relaxed alignment, without asking for the domain's policy: what
is not proven is unproven, not forged. Source: RFC 6376, 7208, 7489, 8301.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dkim
import spf

from supportdesk.channels.email.authresults import is_same_domain
from supportdesk.channels.email.headers import MAX_FIELDS, split_header
from supportdesk.channels.email.hops import Unproven
from supportdesk.channels.email.names import Lookup, Unanswered
from supportdesk.messages import SenderAuth, Verdict

log = logging.getLogger(__name__)

SECONDS = 4.0
MAX_SIGNATURES = 3
MAX_SIGNATURE_BYTES = 4 * 1024
MIN_KEY_BITS = 1024
# A key of 4096 bits has 736 letters; a larger record only costs time.
MAX_KEY_RECORD_BYTES = 2 * 1024
# The library's patterns are quadratic in a run of blanks.
LONG_BLANKS = re.compile(rb"[ \t]{1000}")
# A signature covers one of each, and whoever sends the mail on may put another one before it.
ONCE = (
    b"sender", b"reply-to", b"to", b"cc", b"date", b"message-id", b"in-reply-to", b"references",
    b"subject", b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
LONG_GAP = re.compile(rb"\s{65}")


class Prover:
    """Proves senders, several at once. `lookup` asks the domain name system."""

    def __init__(self, lookup: Lookup, *, threads: int = 8) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="prover")

    def prove(self, mails: Sequence[Unproven]) -> list[SenderAuth]:
        """Give the outcome for each mail, in order; a name server that fails proves nothing."""
        if len(mails) == 1:
            return [self._prove(mails[0])]
        return list(self._threads.map(self._prove, mails))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _prove(self, mail: Unproven) -> SenderAuth:
        try:
            return prove(mail, _within(self._lookup, SECONDS))
        except Exception:
            # Crafted keys and records reach corners of the libraries. The mail is unproven then.
            log.warning("A sender could not be proven.", exc_info=True)
            return SenderAuth()


def prove(mail: Unproven, lookup: Lookup) -> SenderAuth:
    """Check signatures and the sending host; only what is aligned with From counts as a pass."""
    if "." not in mail.domain:
        return SenderAuth()
    signed = _check_signatures(mail, lookup)
    sent = Verdict.NONE if signed is Verdict.PASS else _check_host(mail, lookup)
    is_aligned = Verdict.PASS in {signed, sent}
    return SenderAuth(
        spf=sent,
        dkim=signed,
        dmarc=Verdict.PASS if is_aligned else Verdict.NONE,
        trusted={signed, sent} != {Verdict.NONE},
        aligned=is_aligned,
    )


def _within(lookup: Lookup, seconds: float) -> Lookup:
    """Let one mail ask for so long in all."""
    end = time.monotonic() + seconds

    def look_up(name: str, kind: str) -> list[Any]:
        if time.monotonic() > end:
            raise Unanswered(name)
        return lookup(name, kind)

    return look_up


def _check_signatures(mail: Unproven, lookup: Lookup) -> Verdict:
    """Check the signatures of From's own domain; those of others prove nothing for us.

    One that covers a part of the body only (l=) or uses SHA-1 is none.
    """
    if b"dkim-signature" not in mail.raw[: 64 * 1024].lower() or LONG_BLANKS.search(mail.raw):
        return Verdict.NONE
    headers, _ = split_header(mail.raw)
    if len(headers.fields) >= MAX_FIELDS:
        return Verdict.NONE
    verdict = Verdict.NONE
    checked = 0
    for index, field in enumerate(headers.all("dkim-signature")):
        if checked < MAX_SIGNATURES and _counts(field, mail.domain):
            checked += 1
            match _is_valid(mail.raw, index, lookup):
                case True:
                    return Verdict.PASS
                case False:
                    verdict = Verdict.FAIL
    return verdict


def _counts(field: bytes, domain: str) -> bool:
    if len(field) > MAX_SIGNATURE_BYTES or LONG_GAP.search(field):
        return False
    try:
        tags: dict[bytes, bytes] = dkim.util.parse_tag_value(field)
    except dkim.util.InvalidTagValueList:
        return False
    signer = tags.get(b"d", b"").decode("latin-1").lower()
    is_whole = b"l" not in tags and tags.get(b"a") != b"rsa-sha1"
    return is_whole and is_same_domain(signer, domain)


def _is_valid(raw: bytes, index: int, lookup: Lookup) -> bool | None:
    """Tell whether a signature holds; None when its key could not be had now."""
    is_answered = True

    def key_record(name: bytes, timeout: float = 0) -> bytes | None:
        nonlocal is_answered
        try:
            found = lookup(name.decode("ascii").rstrip("."), "TXT")
        except (Unanswered, UnicodeError):
            is_answered = False
            return None
        records = [b"".join(strings) for strings in found]
        return next((one for one in records if len(one) <= MAX_KEY_RECORD_BYTES), None)

    try:
        message = dkim.DKIM(raw, minkey=MIN_KEY_BITS)
        names = Counter(name.lower() for name, _ in message.headers)
        is_plain = names[b"from"] == 1 and all(names[one] <= 1 for one in ONCE)
        is_valid = is_plain and bool(message.verify(index, dnsfunc=key_record))
    except dkim.DKIMException:
        is_valid = False
    return is_valid if is_answered else None


def _check_host(mail: Unproven, lookup: Lookup) -> Verdict:
    """Check the host that gave us the mail, where it speaks for From's own domain."""
    hop, sender = mail.transport.hop, mail.transport.mail_from
    if hop is None or sender is None:
        return Verdict.NONE
    speaks_for = sender.rpartition("@")[2].lower() if sender else hop.helo
    if not is_same_domain(speaks_for, mail.domain):
        return Verdict.NONE
    query = _SpfQuery(lookup, i=hop.address, s=sender, h=hop.helo)
    match query.check()[0]:
        case "pass":
            return Verdict.PASS
        case "fail" | "softfail":
            return Verdict.FAIL
        case _:
            return Verdict.NONE


class _SpfQuery(spf.query):  # type: ignore[misc] # the library has no types
    """A query of the library that asks our name servers."""

    def __init__(self, lookup: Lookup, **of_mail: str) -> None:
        super().__init__(**of_mail)
        self._look_up = lookup

    def dns(
        self, name: object, qtype: str, cnames: object = None, ignore_void: bool = False
    ) -> list[Any]:
        """Give the records, and count the questions without an answer (RFC 7208, 4.6.4)."""
        try:
            found = self._look_up(str(name).rstrip(".").lower(), qtype)
        except Unanswered:
            raise spf.TempError(f"No answer about {name}") from None
        if not found and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("Too many questions without an answer")
        return found
