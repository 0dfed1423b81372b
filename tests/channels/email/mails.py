"""Mails for tests, written as bytes the way mail programs write them."""

import base64

HEADER = "From: Jan Novák <jan@kraj.example>\nTo: business@operator.example\n"


def mail(header: str = "", body: str | bytes = "Dobrý den.\n", *, base: str = HEADER) -> bytes:
    """Put a mail together with CRLF line ends; `header` adds lines to the base ones."""
    head = f"{base}{header}".strip("\n").replace("\n", "\r\n").encode()
    data = body.replace("\n", "\r\n").encode() if isinstance(body, str) else body
    return head + b"\r\n\r\n" + data


def multipart(kind: str, *parts: str | bytes, header: str = "", base: str = HEADER) -> bytes:
    """Put a mail together from parts, each with its own header lines."""
    boundary = "=-=hranice"
    body = b"This is a message in several parts.\r\n"
    for part in parts:
        data = part.replace("\n", "\r\n").encode() if isinstance(part, str) else part
        body += f"--{boundary}\r\n".encode() + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    content_type = f'Content-Type: multipart/{kind}; boundary="{boundary}"\n'
    return mail(content_type + header, body, base=base)


def attached(content_type: str, name_parameters: str, content: bytes, header: str = "") -> bytes:
    """Write an attached part in base64."""
    head = (
        f"Content-Type: {content_type}\r\n"
        f"Content-Disposition: attachment; {name_parameters}\r\n"
        f"Content-Transfer-Encoding: base64\r\n{header}\r\n"
    )
    return head.encode() + base64.encodebytes(content)


def nested(depth: int) -> bytes:
    """Write multiparts within multiparts, with a word at the bottom."""
    inner = b"Content-Type: text/plain\r\n\r\nbottom\r\n"
    for level in range(depth):
        head = f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
        inner = head.encode() + inner + f"\r\n--b{level}--\r\n".encode()
    return HEADER.replace("\n", "\r\n").encode() + b"Subject: nested\r\n" + inner
