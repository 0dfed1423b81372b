"""Header fields cut to size before anything parses them, then decoded leniently.

The email package is quadratic or recursive on several crafted headers and raises on others, so
fields are read here in linear time; nothing in this module raises on any input.
"""

import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from supportdesk.channels.email import charsets

MAX_FIELD_BYTES = 64 * 1024
MAX_HEADER_BYTES = 1024 * 1024
MAX_FIELDS = 1000
# Parameters (boundary, filename) beyond this are no honest ones; it also bounds the regex below.
MAX_PARAMETER_CHARS = 8 * 1024

FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
END_OF_HEADER = re.compile(rb"\n\r?\n")
ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
TO_SPACE = re.compile("[\t\n\x0b\x0c\r\x1c-\x1f\x85\u2028\u2029]+")
# NUL and other controls, direction marks that make text lie, halves of surrogate pairs.
FORBIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
PARAMETER = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
CONTINUED = re.compile(r"(.+?)\*(\d{1,3})?(\*?)")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields of one header, in order: lower-case name and unfolded raw value.

    `charset` is a hint for raw 8-bit values, None when the mail declares nothing.
    """

    fields: tuple[tuple[str, bytes], ...]
    charset: str | None = None

    def raw(self, name: str) -> bytes:
        """Return the first field of this name as sent, b"" when there is none."""
        return next((value for field, value in self.fields if field == name), b"")

    def all(self, name: str) -> list[bytes]:
        """Return all fields of this name, from the top."""
        return [value for field, value in self.fields if field == name]

    def has(self, name: str) -> bool:
        """Tell whether there is a field of this name."""
        return any(field == name for field, _ in self.fields)

    def undecoded(self, name: str) -> str:
        """Return the first field as characters, with its encoded words still encoded."""
        return charsets.decode_field(self.raw(name), self.charset)

    def text(self, name: str) -> str:
        """Return the first field for people: words decoded, controls gone."""
        return clean(decode_words(self.undecoded(name)))


def split_header(raw: bytes, start: int = 0, end: int | None = None) -> tuple[Headers, int]:
    """Read the header that begins at `start`; return it with the offset of the body.

    Fields are cut at 64 KiB each, 1 MiB together and 1,000 in number.
    """
    end = len(raw) if end is None else end
    limit = min(end, start + MAX_HEADER_BYTES)
    fields: list[tuple[str, bytearray]] = []
    position = start
    while position < limit and len(fields) <= MAX_FIELDS:
        newline = raw.find(b"\n", position, end)
        next_line = end if newline < 0 else newline + 1
        line = raw[position : min(next_line, limit, position + MAX_FIELD_BYTES)].rstrip(b"\r\n")
        if not line:
            return _headers(fields), next_line
        if line[:1] in b" \t":
            if fields:
                room = MAX_FIELD_BYTES - len(fields[-1][1])
                fields[-1][1].extend(line[: max(room, 0)])
        elif match := FIELD.match(line):
            fields.append((match[1].decode("ascii").lower(), bytearray(line[match.end() :])))
        elif not _goes_on(raw, position, next_line, start):
            return _headers(fields), position
        position = next_line
    if position >= end:
        return _headers(fields), end
    blank = END_OF_HEADER.search(raw, max(position - 2, 0), end)
    return _headers(fields), blank.end() if blank else end


def _goes_on(raw: bytes, position: int, next_line: int, start: int) -> bool:
    """Tell whether a line that is no field is a stray one, with the header going on after it."""
    if position == start and raw.startswith((b"From ", b">From "), position):
        return True
    return position > start and _field_follows(raw, next_line)


def _field_follows(raw: bytes, position: int) -> bool:
    """Tell whether a header field begins at this offset."""
    return FIELD.match(raw, position, position + 300) is not None


def _headers(fields: list[tuple[str, bytearray]]) -> Headers:
    kept = tuple((name, bytes(value).strip()) for name, value in fields[:MAX_FIELDS])
    declared = next((value for name, value in kept if name == "content-type"), b"")
    _, parameters = parse_parameters(declared.decode("latin-1"))
    return Headers(kept, parameters.get("charset"))


def clean(text: str) -> str:
    """Make a value safe for one line: no controls, no direction marks, line ends as spaces."""
    return FORBIDDEN.sub("", TO_SPACE.sub(" ", text)).strip()


def decode_words(text: str) -> str:
    """Decode encoded words; the bytes of adjacent ones are joined first (letters may be split).

    Source: RFC 2047; joining and spaces inside words are leniency towards real senders.
    """
    if "=?" not in text:
        return text
    pieces: list[str] = []
    pending, charset, last = b"", "", 0
    for match in ENCODED_WORD.finditer(text):
        between = text[last : match.start()]
        if between.strip() or match[1].lower() != charset:
            pieces.append(charsets.decode(pending, charset))
            pending = b""
            if between.strip() or not last:
                pieces.append(between)
        charset, last = match[1].lower(), match.end()
        pending += _word_bytes(match[2], match[3])
    pieces += [charsets.decode(pending, charset), text[last:]]
    return "".join(pieces)


def _word_bytes(encoding: str, payload: str) -> bytes:
    data = payload.encode("utf-8", "replace")
    return from_base64(data) if encoding in "bB" else binascii.a2b_qp(data, header=True)


NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def from_base64(data: bytes) -> bytes:
    """Decode base64 whatever stands between or after it."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        digits = NOT_BASE64.sub(b"", data)
        whole = len(digits) - (len(digits) % 4 == 1)
        return binascii.a2b_base64(digits[:whole] + b"=" * (-whole % 4))


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split a Content-Type or Content-Disposition into its lower-case value and parameters.

    Source: RFC 2045 and 2231 (continuations, charset); encoded words are decoded as well.
    """
    value = value[:MAX_PARAMETER_CHARS]
    head = value.split(";", 1)[0].strip().lower()
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for match in PARAMETER.finditer(value):
        name, text = match[1].lower(), match[2].strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = ESCAPED.sub(r"\1", text[1:-1])
        if "*" in name and (continued := CONTINUED.fullmatch(name)):
            index = int(continued[2] or 0)
            # "name*=" is encoded without a second star, "name*0=" is not.
            is_encoded = bool(continued[3]) or continued[2] is None
            pieces.setdefault(continued[1], {})[index] = (text, is_encoded)
        else:
            plain.setdefault(name, text)
    return head, plain | {name: _join_pieces(found) for name, found in pieces.items()}


def _join_pieces(pieces: dict[int, tuple[str, bool]]) -> str:
    charset, data = "utf-8", b""
    for position, (_, (text, is_encoded)) in enumerate(sorted(pieces.items())):
        if is_encoded and position == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)  # noqa: PLW2901
        piece = text.encode("utf-8", "replace")
        data += unquote_to_bytes(piece) if is_encoded else piece
    return charsets.decode(data, charset)
