"""What is written down and counted of each request: an id, who and what, how long, how it ended."""

import logging
import re
import secrets
import time

import structlog
from flask import Flask, Response, g, request

from supportdesk.actions.runtime import Runtime
from supportdesk.metrics import REQUESTS
from supportdesk.web.context import logged_in

log = logging.getLogger(__name__)

_HEADER = "X-Request-ID"
_USABLE = re.compile(r"[\w.-]{8,64}", re.ASCII)
_IDS = ("ticket_id", "receipt_id", "message_id", "mailbox_id", "agent_id")


def observe(app: Flask, runtime: Runtime) -> None:
    """Give every request of `app` an id, a line in the log and a place in the histogram.

    The line has the pattern of the address, not the address: files have secrets in theirs.
    """
    believes_header = runtime.settings.trusted_proxies > 0

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        given = request.headers.get(_HEADER, "") if believes_header else ""
        g.request_id = given if _USABLE.fullmatch(given) else secrets.token_hex(8)
        asked = request.view_args or {}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            request_id=g.request_id, **{name: asked[name] for name in _IDS if name in asked}
        )

    @app.after_request
    def end(response: Response) -> Response:
        if "began" not in g:
            return response
        seconds = time.perf_counter() - g.began
        method = request.method if request.method in _METHODS else "other"
        route = route_of_request()
        REQUESTS.labels(method, route, str(response.status_code)).observe(seconds)
        response.headers[_HEADER] = g.request_id
        found = logged_in()
        log.info(
            "request",
            extra={
                "method": method,
                "route": route,
                "status": response.status_code,
                "milliseconds": round(seconds * 1000, 1),
                "agent_id": found.viewer.agent_id if found else None,
            },
        )
        return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()


def route_of_request() -> str:
    """Give the pattern of the request's address, "none" where there is nothing."""
    return request.url_rule.rule if request.url_rule else "none"


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
