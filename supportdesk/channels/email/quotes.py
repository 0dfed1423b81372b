"""The part of a text that its sender wrote, above the quoted history.

Only a proposal for what to show first: the whole text stays with the message. In doubt nothing is
hidden, above all no answer written between quoted lines. Linear in the length of the text, which
the library mail-parser-reply is not; nor does it know Gmail's, Apple's or Seznam's Czech.
"""

import re
from collections.abc import Sequence

SEPARATOR = re.compile(
    r"-{2,}+[ \t]*+(?:original (?:message|appointment|e-?mail)|původní (?:zpráva|e-?mail|schůzka)|"
    r"pôvodn(?:á správa|ý e-?mail)|ursprüngliche nachricht)[ \t]*+-{2,}+",
    re.IGNORECASE,
)
# The fields that mail programs write above an older mail, in Czech, Slovak, English and German.
FROM_FIELDS = frozenset({"from", "od", "von"})
OTHER_FIELDS = frozenset(
    "sent date to subject cc odesláno datum komu předmět kopie odoslané predmet kópia "
    "gesendet an betreff".split()
)
ATTRIBUTION_START = re.compile(
    r"(?:dne|dňa|on|am|po|út|ut|st|čt|št|pá|pi|so|ne|mon|tue|wed|thu|fri|sat|sun|pondělí|úterý|"
    r"středa|čtvrtek|pátek|sobota|neděle)[\s,.]|\d{1,4}[./-]",
    re.IGNORECASE,
)
ATTRIBUTION_END = re.compile(
    r"(?:napsal|napsala|napsal\(a\)|napsal/a|napísal|napísala|napísal\(a\)|píše|wrote|writes|"
    r"schrieb|@[^\s@<>]{1,255}>)[ \t]*+:",
    re.IGNORECASE,
)
CLOCK_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}\b")
DIGIT = re.compile(r"\d")
FORWARD = re.compile(r"\s*(?:fwd?|předáno|přeposláno|tr|wg)\s*:", re.IGNORECASE)
# Whoever announces answers in the history, often only by colour, must not have them hidden.
ANSWERS_BELOW = (
    *("níže", "v textu", "mezi řádky", "červeně", "barevně", "modře", "zeleně"),
    *("inline", "in-line", "below", "in red", "in blue", "in green"),
)
RULE = re.compile(r"[_-]{8,}|>")
MAX_LINE_CHARS = 500
# Nobody writes more; what does is a log or an attack, and is shown whole.
MAX_LINES = 20_000
HEADER_BLOCK_LINES = 8


def reply_text(text: str, subject: str = "") -> str:
    """Return what stands above the quoted history; the whole text when in doubt or forwarded."""
    whole = text.strip()
    if FORWARD.match(subject) or whole.count("\n") > MAX_LINES:
        return whole
    lines = [line.strip() for line in whole.split("\n")]
    start = _history_start(lines)
    if start is None or _answers_follow(lines[start:]):
        return whole
    own = "\n".join(_without_rules(lines[:start], whole.split("\n", start)))
    lowered = own.lower()
    if not own or any(words in lowered for words in ANSWERS_BELOW):
        return whole
    return own


def _history_start(lines: Sequence[str]) -> int | None:
    """Find the first line of the history, None when there is none."""
    for index, line in enumerate(lines):
        if not line:
            continue
        if line[0] == ">" or _opens_older_mail(lines, index):
            return index
        if line[-1] == ":" and (start := _attribution_start(lines, index)) is not None:
            return start
    return None


def _opens_older_mail(lines: Sequence[str], index: int) -> bool:
    """Tell whether "-----Původní zpráva-----" or a block "Od: … Komu: …" begins here."""
    line = lines[index]
    if line[0] == "-":
        return SEPARATOR.fullmatch(line[:MAX_LINE_CHARS]) is not None
    if _field(line) not in FROM_FIELDS:
        return False
    following = lines[index + 1 : index + 1 + HEADER_BLOCK_LINES]
    return sum(_field(other) in OTHER_FIELDS for other in following) >= 2


def _field(line: str) -> str:
    """Return the field name that a line begins with, which some programs make bold with stars."""
    name, colon, _ = line[:20].partition(":")
    return name.strip("* \t").lower() if colon else ""


def _attribution_start(lines: Sequence[str], end: int) -> int | None:
    """Find where "Dne … napsal(a):" begins, which may be wrapped over three lines."""
    if not ATTRIBUTION_END.search(lines[end][-MAX_LINE_CHARS:]):
        return None
    for start in range(end, max(end - 3, -1), -1):
        if ATTRIBUTION_START.match(lines[start]):
            words = " ".join(line[:MAX_LINE_CHARS] for line in lines[start : end + 1])
            following = next((line for line in lines[end + 1 : end + 4] if line), "")
            if DIGIT.search(words) and (following[:1] == ">" or CLOCK_TIME.search(words)):
                return start
    return None


def _answers_follow(history: Sequence[str]) -> bool:
    """Tell whether own words stand between or below lines quoted with ">"."""
    has_quote = False
    for index, line in enumerate(history):
        if not line or RULE.fullmatch(line[:MAX_LINE_CHARS]):
            continue
        if line[0] == ">":
            has_quote = True
        elif _opens_older_mail(history, index):
            return False
        elif has_quote:
            return True
    return False


def _without_rules(stripped: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Drop blank lines and ruled lines from the end."""
    end = len(stripped)
    while end and (not stripped[end - 1] or RULE.fullmatch(stripped[end - 1][:MAX_LINE_CHARS])):
        end -= 1
    return [line.rstrip() for line in lines[:end]]
