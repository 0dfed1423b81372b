"""Headers that every response carries, the session cookie, and the protection of forms."""

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask_wtf.csrf import CSRFProtect

from supportdesk.actions.keys import key_for
from supportdesk.actions.runtime import Runtime
from supportdesk.web.gate import PUBLIC_ENDPOINTS

MAX_FORM_BYTES = 2 * 1024 * 1024

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self';"
    " base-uri 'none'; object-src 'none'; frame-ancestors 'self'"
)
# A stranger's mail: nothing runs, nothing is fetched but its own pictures from us.
MAIL_POLICY = (
    "default-src 'none'; script-src 'none'; img-src 'self'; style-src 'unsafe-inline';"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
FILE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'self'"

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(),"
        " microphone=(), payment=(), usb=()"
    ),
}
_YEAR = 365 * 24 * 3600


def secure(app: Flask, runtime: Runtime) -> None:
    """Set up cookies, hosts, sizes, form protection and headers."""
    address = urlsplit(runtime.settings.public_url)
    is_https = address.scheme == "https"
    app.config.update(
        SECRET_KEY=key_for(runtime.secret_key, "web session"),
        # Browsers keep the prefix's promises (Secure, Path=/, no Domain), but only over https.
        SESSION_COOKIE_NAME="__Host-supportdesk" if is_https else "supportdesk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        PREFERRED_URL_SCHEME="https" if is_https else "http",
        TRUSTED_HOSTS=[address.hostname] if address.hostname else None,
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
        MAX_FORM_PARTS=200,
        # The token lives as long as the session: a reply written over a long lunch still goes out.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=is_https,
    )
    CSRFProtect(app)

    @app.before_request
    def refuse_nul() -> None:
        """No text of ours holds a NUL, and PostgreSQL does not even take the question."""
        if "\0" in request.path or b"%00" in request.query_string:
            abort(404)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        if request.endpoint not in PUBLIC_ENDPOINTS:
            response.headers.setdefault("Cache-Control", "no-store")
        if is_https:
            response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}; includeSubDomains"
        return response
