"""The part of a text that its sender wrote, above the quoted history.

Only a proposal for what to show first: the whole text stays with the message. In doubt nothing is
hidden, above all no answer written between quoted lines. Every expression here is linear; the
library mail-parser-reply is not, and knows neither Gmail's nor Seznam's Czech attribution.
"""

import re
from collections.abc import Iterator

SEPARATOR = re.compile(
    r"^[ \t]*+-{2,}+[ \t]*+(?:original (?:message|appointment|e-?mail)|původní (?:zpráva|e-?mail|schůzka)"
    r"|pôvodn(?:á správa|ý e-?mail)|ursprüngliche nachricht)[ \t]*+-{2,}+[ \t]*+$",
    re.IGNORECASE | re.MULTILINE,
)
FROM_LINE = re.compile(r"^[ \t]*+\*?(?:from|od|von)[ \t]*+:", re.IGNORECASE | re.MULTILINE)
HEADER_LINE = re.compile(
    r"[ \t]*+\*?(?:sent|date|to|subject|cc|odesláno|datum|komu|předmět|kopie|predmet|odoslané|"
    r"gesendet|an|betreff)[ \t]*+:",
    re.IGNORECASE,
)
ATTRIBUTION_END = re.compile(
    r"(?:napsal|napsala|napsal\(a\)|napsal/a|napísal|napísala|napísal\(a\)|píše|wrote|writes|schrieb|"
    r"@[^\s@<>]{1,255}>)[ \t]*+:[ \t]*+$",
    re.IGNORECASE | re.MULTILINE,
)
ATTRIBUTION_START = re.compile(
    r"[ \t]*+(?:dne|dňa|on|am|po|út|st|čt|pá|so|ne|ut|št|pi|mon|tue|wed|thu|fri|sat|sun|pondělí|úterý|"
    r"středa|čtvrtek|pátek|sobota|neděle|\d{1,4}[./-])(?:[\s,.]|(?<=[./-]))",
    re.IGNORECASE,
)
CLOCK_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}\b")
QUOTED = re.compile(r"^[ \t]?>", re.MULTILINE)
FORWARD = re.compile(r"\s*(?:fwd?|předáno|přeposláno|tr|wg)\s*:", re.IGNORECASE)
ANSWERS_BELOW = re.compile(
    r"níže|v textu|mezi řádky|červeně|barevně|modře|zeleně|inline|in-line|below|in red|in blue|in green",
    re.IGNORECASE,
)
RULE = re.compile(r"(?:[_-]{8,}|>)[ \t]*")
MAX_LINE_CHARS = 500
HEADER_BLOCK_LINES = 8


def reply_text(text: str, subject: str = "") -> str:
    """Return what stands above the quoted history; the whole text when in doubt or forwarded."""
    whole = text.strip()
    if FORWARD.match(subject):
        return whole
    quoted = QUOTED.search(text)
    marks = [mark for mark in (_separator(text), _header_block(text)) if mark is not None]
    block = min(marks, default=len(text))
    quote = _quote_start(text, block, quoted.start() if quoted else len(text))
    start = min(block, quote)
    if start == len(text) or (quote < block and _answers_follow(text[quote:block])):
        return whole
    own = _without_rules(text[:start])
    if not own or ANSWERS_BELOW.search(own):
        return whole
    return own


def _separator(text: str) -> int | None:
    found = SEPARATOR.search(text)
    return found.start() if found else None


def _header_block(text: str) -> int | None:
    """Find a "From: … Sent: … To: …" block that a mail program wrote above the older mail."""
    for found in FROM_LINE.finditer(text):
        end = found.end()
        matched = 0
        for line in _lines(text, end, HEADER_BLOCK_LINES):
            matched += HEADER_LINE.match(line) is not None
        if matched >= 2:
            return found.start()
    return None


def _lines(text: str, position: int, count: int) -> Iterator[str]:
    """Yield the lines after the one at `position`, each cut to a length that costs little."""
    for _ in range(count):
        newline = text.find("\n", position)
        if newline < 0:
            return
        position = newline + 1
        end = text.find("\n", position, position + MAX_LINE_CHARS)
        yield text[position : end if end >= 0 else position + MAX_LINE_CHARS]


def _quote_start(text: str, limit: int, quoted: int) -> int:
    """Find where the quoted mail begins, its attribution ("Dne … napsal(a):") included."""
    for end in ATTRIBUTION_END.finditer(text, 0, limit):
        start = _attribution_start(text, end.end())
        if start is None:
            continue
        follows_quote = QUOTED.match(text, _next_text(text, end.end())) is not None
        if follows_quote or (quoted > end.end() and CLOCK_TIME.search(text, start, end.end())):
            return min(start, quoted)
    return min(quoted, limit)


def _next_text(text: str, position: int) -> int:
    """Skip the rest of this line and blank lines."""
    blank = re.compile(r"[ \t]*\n?(?:[ \t]*\n)*").match(text, position)
    return blank.end() if blank else position


def _attribution_start(text: str, end: int) -> int | None:
    """Look for the beginning of an attribution, which may be wrapped over three lines."""
    start = end
    for _ in range(3):
        start = text.rfind("\n", max(0, end - 3 * MAX_LINE_CHARS), max(start - 1, 0)) + 1
        line = text[start:end]
        if ATTRIBUTION_START.match(line) and any(c.isdigit() for c in line):
            return start
        if not start:
            break
    return None


def _answers_follow(history: str) -> bool:
    """Tell whether own words stand between or below quoted lines."""
    seen_quote = False
    for line in history.split("\n"):
        if QUOTED.match(line):
            seen_quote = True
        elif seen_quote and line.strip() and not RULE.fullmatch(line.strip()):
            return True
    return False


def _without_rules(text: str) -> str:
    lines = text.rstrip().split("\n")
    while lines and (not lines[-1].strip() or RULE.fullmatch(lines[-1].strip())):
        lines.pop()
    return "\n".join(lines).strip()
