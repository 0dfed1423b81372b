"""What strangers sent: attachments and HTML mail, served so that nothing of it can act."""

import re
from urllib.parse import quote

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from supportdesk.channels.email.sanitise import sanitise
from supportdesk.db.queries.files import HtmlBody, StoredFile, find_file, find_html
from supportdesk.errors import NotFound
from supportdesk.web.context import reading, runtime, viewer
from supportdesk.web.security import FILE_POLICY, MAIL_POLICY

files = Blueprint("files", __name__)

# Pictures that a browser draws and never runs, with the bytes that they begin with.
PICTURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
_PICTURE = re.compile(r'(<img\b[^>]*?\bsrc=")cid:([^"]+)(")', re.IGNORECASE)


@files.get("/files/<token>")
def give(token: str) -> ResponseReturnValue:
    """Give an attachment, to be kept; pictures may be looked at in place."""
    found = find_file(reading(), viewer(), token)
    if found is None:
        raise NotFound("There is no such file that you may see.")
    content = runtime().blobs.get(found.blob_key)
    picture = _picture_type(found, content)
    is_shown = picture is not None and "show" in request.args
    response = Response(content, mimetype=picture or "application/octet-stream")
    response.headers["Content-Disposition"] = _disposition(found.filename, is_shown=is_shown)
    response.headers["Content-Security-Policy"] = FILE_POLICY
    return response


@files.get("/messages/<int:message_id>/html")
def show_html(message_id: int) -> ResponseReturnValue:
    """Give a mail's HTML for its frame, made harmless once more."""
    found = find_html(reading(), viewer(), message_id)
    if found is None:
        raise NotFound("There is no such message that you may see.")
    response = Response(render_template("mail_frame.html", body=_body(found)))
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


def _body(found: HtmlBody) -> Markup:
    def address(match: re.Match[str]) -> str:
        token = found.pictures.get(match[2])
        url = url_for("files.give", token=token, show=1) if token else ""
        return f"{match[1]}{url}{match[3]}"

    return Markup(_PICTURE.sub(address, sanitise(found.html)))  # noqa: S704 - sanitised here


def _picture_type(file: StoredFile, content: bytes) -> str | None:
    """Give the type of a harmless picture, None for all else; what it says of itself must be so."""
    kind = file.content_type.lower()
    begins = PICTURES.get(kind, ())
    return kind if any(content.startswith(sign) for sign in begins) else None


def _disposition(filename: str, *, is_shown: bool) -> str:
    name = "".join(sign for sign in filename if sign.isprintable())[:200] or "attachment"
    plain = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", name)
    way = "inline" if is_shown else "attachment"
    return f"{way}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
