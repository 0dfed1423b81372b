"""What our own mail host found out about the sender, from Authentication-Results.

Source: RFC 8601, 5: results of other hosts, and forged ones of ours, prove nothing.
"""

import re
from dataclasses import dataclass

from supportdesk.channels.email.headers import Headers
from supportdesk.messages import InboundMessage, SenderAuth, Verdict

MAX_VALUE_CHARS = 8 * 1024

COMMENT = re.compile(r"\([^()]{0,2000}\)")
RESULT = re.compile(r"\s*([a-z0-9-]{1,50})(?:\s*/\s*\d{1,5})?\s*=\s*([a-z]{1,30})", re.IGNORECASE)
PROPERTY = re.compile(r"([a-z]{1,20}\.[a-z0-9_-]{1,50})\s*=\s*([^\s;]+)", re.IGNORECASE)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\\.|[^"\\()]+|.', re.DOTALL)
IN_COMMENT = re.compile(r"\\.|[^\\()]+|.", re.DOTALL)
ACTIVE = re.compile(r'[\s;="\\()]')
RECEIVED_BY = re.compile(r"\bby\s+([a-z0-9_.-]{1,255})", re.IGNORECASE)
IP_ADDRESS = re.compile(r"[\d.]+")
# Under these a domain belongs to whoever has the third label.
SECOND_LEVELS = {"ac", "co", "com", "edu", "gov", "net", "org"}
FAILED = {"fail", "softfail", "hardfail"}


@dataclass(frozen=True, slots=True)
class Result:
    """One method's result with its properties, such as "header.d"."""

    method: str
    result: str
    properties: dict[str, str]


def sender_auth(headers: Headers, authserv_id: str, sender_domain: str) -> SenderAuth:
    """Read the verdict of the host `authserv_id`; nothing is trusted when it is ""."""
    results = trusted_results(headers, authserv_id)
    if results is None:
        return SenderAuth()
    return SenderAuth(
        spf=_verdict(results, "spf"),
        dkim=_verdict(results, "dkim"),
        dmarc=_verdict(results, "dmarc"),
        trusted=True,
        aligned=_aligned(results, sender_domain.lower()),
    )


def is_aligned(message: InboundMessage) -> bool:
    """Tell whether the domain in From is proven: DMARC, or aligned SPF or DKIM (assurance L1)."""
    return message.sender is not None and message.auth.trusted and message.auth.aligned


def trusted_results(headers: Headers, authserv_id: str) -> list[Result] | None:
    """Collect the results of our host, None when it left none.

    Above the first Received line every field of our host counts: a sender cannot write there.
    Below it only the topmost counts, and none below a hop that a foreign host wrote.
    """
    wanted = authserv_id.strip().lower()
    found: list[Result] | None = None
    received = 0
    for name, value in headers.fields if wanted else ():
        if name == "received":
            received += 1
            if found is not None or _is_foreign(value, wanted):
                break
        elif name == "authentication-results":
            host, results = parse_results(value.decode("latin-1"))
            if host != wanted:
                continue
            found = (found or []) + results
            if received:
                break
    return found


def parse_results(value: str) -> tuple[str, list[Result]]:
    """Split a field into the lower-case host that wrote it and its results."""
    head, *statements = _plain(value[:MAX_VALUE_CHARS]).split(";")
    host = head.split()[0].lower() if head.split() else ""
    results = []
    for statement in statements:
        if match := RESULT.match(statement):
            properties: dict[str, str] = {}
            for found in PROPERTY.finditer(statement):
                properties.setdefault(found[1].lower(), found[2].lower())
            results.append(Result(match[1].lower(), match[2].lower(), properties))
    return host, results


def _plain(value: str) -> str:
    """Take comments out and the edge off quoted strings: a sender chooses what stands in both.

    An envelope sender such as <"x; dkim=pass header.d=bank.example"@evil.example> is legal. What
    follows a quote that never ends says nothing.
    """
    pieces: list[str] = []
    depth = position = 0
    while token := (IN_COMMENT if depth else TOKEN).match(value, position):
        text, position = token[0], token.end()
        if text in {"(", ")"}:
            depth = max(depth + (1 if text == "(" else -1), 0)
            pieces.append(" ")
        elif depth:
            continue
        elif text == '"':
            break
        elif text[0] in {'"', "\\"}:
            pieces.append(ACTIVE.sub("_", text[1:-1] if text[0] == '"' else text))
        else:
            pieces.append(text)
    return "".join(pieces)


def _is_foreign(received: bytes, authserv_id: str) -> bool:
    """Tell whether a hop's line was written by a host outside our host's domain."""
    by = RECEIVED_BY.search(COMMENT.sub(" ", received[:MAX_VALUE_CHARS].decode("latin-1")))
    host = by[1].lower().rstrip(".") if by else ""
    if "." not in host or IP_ADDRESS.fullmatch(host) or host.endswith((".local", ".internal")):
        return False
    return _organisation(host) != _organisation(authserv_id)


def _organisation(host: str) -> str:
    labels = host.split(".")
    return ".".join(labels[-3 if labels[-2:-1] and labels[-2] in SECOND_LEVELS else -2 :])


def _verdict(results: list[Result], method: str) -> Verdict:
    said = {result.result for result in results if result.method == method}
    if "pass" in said:
        return Verdict.PASS
    return Verdict.FAIL if said & FAILED else Verdict.NONE


def _aligned(results: list[Result], domain: str) -> bool:
    if not domain or _verdict(results, "dmarc") is Verdict.FAIL:
        return False
    return any(_proves(result, domain) for result in results if result.result == "pass")


def _proves(result: Result, domain: str) -> bool:
    properties = result.properties
    match result.method:
        case "dmarc":
            return is_same_domain(properties.get("header.from", domain), domain)
        case "spf":
            return is_same_domain(properties.get("smtp.mailfrom", ""), domain)
        case "dkim":
            signer = properties.get("header.d") or properties.get("header.i", "")
            return is_same_domain(signer, domain)
        case _:
            return False


def is_same_domain(proven: str, domain: str) -> bool:
    """Compare relaxed: equal, or one below the other; both in lower case."""
    proven = proven.rpartition("@")[2].strip(".<>")
    if "." not in proven or "." not in domain:
        return False
    return proven == domain or domain.endswith(f".{proven}") or proven.endswith(f".{domain}")
