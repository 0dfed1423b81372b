"""Style sheets and symbols, under addresses that change with their content."""

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from supportdesk.web.gate import for_everybody
from supportdesk.web.icons import sprite

YEAR_SECONDS = 365 * 24 * 3600

_STATIC = Path(__file__).parent / "static"


def version_of_assets() -> str:
    """Give a digest of everything that a page loads from us."""
    digest = hashlib.blake2b(sprite(), digest_size=6)
    digest.update(bootstrap_css())
    for path in sorted(_STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def assets_of(version: str) -> Blueprint:
    """Build the addresses of what comes out of packages rather than out of our own folder."""
    assets = Blueprint("assets", __name__)

    @assets.get(f"/icons/{version}.svg")
    @for_everybody
    def icons() -> ResponseReturnValue:
        """Give the symbols that our pages use."""
        return _kept(sprite(), "image/svg+xml")

    @assets.get(f"/bootstrap/{version}.css")
    @for_everybody
    def bootstrap() -> ResponseReturnValue:
        """Give Bootstrap's style sheet out of the Bootstrap-Flask package."""
        return _kept(bootstrap_css(), "text/css")

    return assets


@cache
def bootstrap_css() -> bytes:
    """Read Bootstrap's style sheet, without the pointer to a map that we do not serve."""
    path = files("flask_bootstrap") / "static/bootstrap5/css/bootstrap.min.css"
    return path.read_bytes().partition(b"/*# sourceMappingURL")[0]


def _kept(content: bytes, mimetype: str) -> Response:
    is_packed = request.accept_encodings.quality("gzip") > 0
    response = Response(_packed(content) if is_packed else content, mimetype=mimetype)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


@cache
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
