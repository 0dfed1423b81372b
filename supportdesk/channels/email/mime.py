"""The tree of a message's parts, by offsets into the raw bytes: linear, depth and count bounded."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from supportdesk.channels.email import charsets
from supportdesk.channels.email.headers import (
    Headers,
    clean,
    decode_words,
    from_base64,
    parse_parameters,
    split_header,
)

MAX_DEPTH = 50
MAX_PARTS = 1000
MAX_FILENAME_CHARS = 150
# More than this nobody reads in place.
MAX_TEXT_BYTES = 1024 * 1024

CONTENT_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
WELL_KNOWN = {
    "application/ms-tnef": "winmail.dat",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/vnd.ms-tnef": "winmail.dat",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-signature": "smime.p7s",
    "text/calendar": "invite.ics",
}
EXTENSIONS = {
    "application/pdf": "document.pdf",
    "application/pgp-encrypted": "pgp-version.txt",
    "image/gif": "image.gif",
    "image/jpeg": "image.jpg",
    "image/png": "image.png",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt",
    "message/rfc822": "message.eml",
    "text/html": "page.html",
    "text/plain": "text.txt",
    "text/rfc822-headers": "headers.txt",
    "text/vcard": "contact.vcf",
}


@dataclass(slots=True)
class Part:
    """One part: its header and where its body lies; `children` is empty for a leaf."""

    source: bytes
    headers: Headers
    start: int
    end: int
    content_type: str
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    children: list["Part"] = field(default_factory=list)

    @property
    def content(self) -> bytes:
        """The body with its transfer encoding undone."""
        body = self.source[self.start : self.end]
        encoding = self.headers.raw("content-transfer-encoding").strip(b" \t\"'").lower()
        match encoding.split(b";")[0]:
            case b"base64":
                return from_base64(body)
            case b"quoted-printable":
                return binascii.a2b_qp(body)
            case b"x-uuencode" | b"uuencode" | b"x-uue" | b"x-uu":
                return _from_uuencode(body)
            case _:
                return body

    @property
    def text(self) -> str:
        """The first MiB of the body as characters, line ends as "\\n", without NUL."""
        content = self.content
        if len(content) > MAX_TEXT_BYTES:
            content = content[: content.rfind(b"\n", 0, MAX_TEXT_BYTES) + 1 or MAX_TEXT_BYTES]
        text = charsets.decode(content, self.parameters.get("charset"))
        return printable(text.replace("\r\n", "\n").replace("\r", "\n"))

    @property
    def filename(self) -> str:
        """The file name as sent, safe to show and to store; "" when none was sent."""
        sent = self.disposition_parameters.get("filename") or self.parameters.get("name") or ""
        return safe_filename(decode_words(sent))

    @property
    def content_id(self) -> str | None:
        """The Content-ID without angle brackets."""
        return self.headers.text("content-id").strip("<> \t")[:998] or None

    def walk(self) -> Iterator["Part"]:
        """Yield this part and all below, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


NOT_PRINTABLE = re.compile("[\x00\ud800-\udfff]")


def printable(text: str) -> str:
    """Drop what no database stores: NUL and halves of surrogate pairs."""
    return NOT_PRINTABLE.sub("", text)


def safe_filename(name: str) -> str:
    """Reduce a sent name to a base name without controls, direction marks or a leading dot."""
    base = re.split(r"[/\\]", clean(name))[-1]
    base = re.sub(r'[<>:"|?*]', "_", base).strip(". ")
    if len(base) <= MAX_FILENAME_CHARS:
        return base
    stem, dot, extension = base.rpartition(".")
    if not dot or len(extension) > 10:
        return base[:MAX_FILENAME_CHARS]
    return f"{stem[: MAX_FILENAME_CHARS - len(extension) - 1]}.{extension}"


def name_for(content_type: str, number: int) -> str:
    """Name a part that came without a file name; what is known by its name gets no number."""
    if content_type in WELL_KNOWN:
        return WELL_KNOWN[content_type]
    known = EXTENSIONS.get(content_type, "attachment.bin")
    stem, _, extension = known.rpartition(".")
    return f"{stem}-{number}.{extension}"


def parse_part(raw: bytes) -> Part:
    """Read a whole message; what lies too deep, or after too many parts, stays undivided."""
    budget = [MAX_PARTS]
    return _parse(raw, 0, len(raw), default="text/plain", depth=0, budget=budget)


def _parse(
    raw: bytes, start: int, end: int, *, default: str, depth: int, budget: list[int]
) -> Part:
    budget[0] -= 1
    headers, body = split_header(raw, start, end)
    declared, parameters = parse_parameters(headers.undecoded("content-type"))
    disposition, names = parse_parameters(headers.undecoded("content-disposition"))
    content_type = declared if CONTENT_TYPE.fullmatch(declared) else default
    part = Part(raw, headers, body, end, content_type, parameters, disposition, names)
    if not content_type.startswith("multipart/"):
        return part
    boundary = parameters.get("boundary", "").encode("utf-8", "replace").rstrip()
    if depth >= MAX_DEPTH or budget[0] <= 0 or not boundary:
        part.content_type = default if not boundary else "application/octet-stream"
        return part
    inner = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
    for first, last in _split(raw, body, end, boundary):
        if budget[0] <= 0:
            part.children.append(_undivided(raw, first, end))
            break
        part.children.append(
            _parse(raw, first, last, default=inner, depth=depth + 1, budget=budget)
        )
    if not part.children:
        part.content_type = "text/plain"
    return part


def _undivided(raw: bytes, start: int, end: int) -> Part:
    octets = "application/octet-stream"
    return Part(raw, Headers(()), start, end, octets, {}, "attachment", {})


def _split(raw: bytes, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part lies between its delimiter lines."""
    delimiter = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]*+\r?(?=\n|\Z)")
    opened = -1
    # The newline before the first delimiter may be the one that ended the header.
    for found in delimiter.finditer(raw, max(start - 1, 0), end):
        if opened >= 0:
            yield opened, _without_return(raw, opened, found.start())
        if found[1]:
            return
        opened = min(found.end() + 1, end)
    if opened >= 0:
        yield opened, end


def _without_return(raw: bytes, start: int, newline: int) -> int:
    """The line end in front of a delimiter belongs to the delimiter."""
    has_return = newline > start and raw[newline - 1] == 0x0D
    return max(newline - has_return, start)


def _from_uuencode(body: bytes) -> bytes:
    data = bytearray()
    for line in body.splitlines():
        if line.startswith(b"begin ") or line in {b"", b"end", b"`"}:
            continue
        try:
            data += binascii.a2b_uu(line)
        except binascii.Error:
            continue
    return bytes(data)
