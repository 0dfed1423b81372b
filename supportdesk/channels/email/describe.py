"""What a mail is, as one JSON object a line, for people and programs outside the service."""

import json
import queue
import stat
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from supportdesk.channels.email.headers import MAX_HEADER_BYTES
from supportdesk.channels.email.parse import ReadableHeaders, parse_message, readable_headers
from supportdesk.channels.email.pool import ParserPool
from supportdesk.errors import SupportdeskError
from supportdesk.messages import Automatic, InboundMessage, SenderAuth

MAX_FILE_BYTES = 35 * 1024 * 1024
# Below the two seconds and 500 MB that are promised for a file: our own process needs some, too.
SECONDS = 1.6
MEGABYTES = 384
IN_FLIGHT = 64


def describe(raw: bytes, *, authserv_id: str = "") -> str:
    """Parse one mail and return its JSON object; raises Unreadable as `parse_message` does."""
    message = parse_message(raw, authserv_id=authserv_id)
    return _line(
        _headers_of(message),
        text=message.text,
        html=message.html or None,
        attachments=[
            {"filename": a.filename, "content_type": a.content_type, "size": len(a.content)}
            for a in message.attachments
        ],
        auto_submitted=message.automatic is not Automatic.NO or message.wants_no_answer,
        bounce=message.automatic is Automatic.BOUNCE,
        dsn_status=message.dsn_status,
        reply_text=message.reply_text,
        auth=message.auth,
    )


def describe_unreadable(raw: bytes, error: str) -> str:
    """Return the JSON object of a mail that cannot be parsed: its readable headers and why."""
    return _line(readable_headers(raw), error=error)


def describe_files(
    paths: Iterable[Path], write: Callable[[str], None], *, authserv_id: str = ""
) -> None:
    """Write the object of each file as soon as it and all before it are ready.

    Paths may arrive slowly: nothing waits for the next one.
    """
    results: queue.Queue[Callable[[], str] | None] = queue.Queue(IN_FLIGHT)
    with ParserPool(seconds=SECONDS, megabytes=MEGABYTES, function=f"{__name__}:describe") as pool:

        def read_all() -> None:
            for path in paths:
                results.put(_started(path, pool, authserv_id))
            results.put(None)

        threading.Thread(target=read_all, name="mail-files", daemon=True).start()
        while (result := results.get()) is not None:
            write(result())


def _started(path: Path, pool: ParserPool, authserv_id: str) -> Callable[[], str]:
    """Hand one file to the pool; the result is a call that waits for its object."""
    try:
        raw, is_whole = _read(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return lambda: describe_unreadable(b"", f"{path} cannot be read: {reason}.")
    head = raw[: 2 * MAX_HEADER_BYTES]
    if not is_whole:
        limit = MAX_FILE_BYTES // 1024 // 1024
        return lambda: describe_unreadable(head, f"{path} is larger than {limit} MiB.")
    future = pool.submit(raw, authserv_id=authserv_id)
    return lambda: _finished(future, head)


def _finished(future: "Future[Any]", head: bytes) -> str:
    try:
        return str(future.result())
    except SupportdeskError as error:
        return describe_unreadable(head, str(error))


def _read(path: Path) -> tuple[bytes, bool]:
    """Read a regular file, but no more than is parsed; tell whether that is all of it."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a regular file")
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    return raw, len(raw) <= MAX_FILE_BYTES


def _headers_of(message: InboundMessage) -> ReadableHeaders:
    return ReadableHeaders(
        subject=message.subject,
        sender=message.sender,
        to=message.to,
        cc=message.cc,
        reply_to=message.reply_to,
        message_id=message.message_id,
        in_reply_to=message.in_reply_to,
        references=message.references,
        sent_at=message.sent_at,
    )


def _line(headers: ReadableHeaders, *, auth: SenderAuth | None = None, **of_body: Any) -> str:
    auth = auth or SenderAuth()
    sender = headers.sender
    described = {
        "subject": headers.subject or None,
        "from_addr": sender.address if sender else None,
        "from_name": (sender.name or None) if sender else None,
        "to": [address.address for address in headers.to],
        "text": None,
        "html": None,
        "attachments": [],
        "message_id": headers.message_id,
        "in_reply_to": headers.in_reply_to,
        "references": list(headers.references),
        "auto_submitted": False,
        "bounce": False,
        "dsn_status": None,
        "reply_text": None,
        "auth": {
            "spf": auth.spf,
            "dkim": auth.dkim,
            "dmarc": auth.dmarc,
            "trusted": auth.trusted,
        },
    }
    return json.dumps(described | of_body, ensure_ascii=False)
