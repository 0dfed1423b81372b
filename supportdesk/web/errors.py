"""One table from our errors to HTTP, and the pages that tell them in plain words."""

import logging
from http import HTTPStatus

import sqlalchemy.exc
from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from supportdesk.actions.log_in import TooManyAttempts
from supportdesk.errors import (
    ChannelError,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    SupportdeskError,
)
from supportdesk.web.language import later as _l
from supportdesk.web.language import translated
from supportdesk.web.observe import route_of_request
from supportdesk.web.refusals import told
from supportdesk.web.shell import render_page

STATUSES: tuple[tuple[type[SupportdeskError], HTTPStatus], ...] = (
    (TooManyAttempts, HTTPStatus.TOO_MANY_REQUESTS),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (ChannelError, HTTPStatus.SERVICE_UNAVAILABLE),
)
RETRY_SECONDS = 5

_log = logging.getLogger(__name__)

_TITLES: dict[int, str] = {
    400: _l("The form is too old"),
    403: _l("This is not for your account"),
    404: _l("There is nothing here"),
    405: _l("This page does not take that"),
    409: _l("Somebody was faster"),
    413: _l("That is too large"),
    422: _l("That cannot be used"),
    429: _l("Too many attempts"),
    500: _l("Something broke on our side"),
    503: _l("The service is busy"),
}
_ADVICE: dict[int, str] = {
    400: _l("Go back, load the page again and repeat what you did. Nothing was changed."),
    403: _l("Ask an administrator if you need it. Nothing was changed."),
    404: _l("Check the number or the address. It may also be somebody else's."),
    405: _l("Go back and use the buttons of the page. Nothing was changed."),
    409: _l("Look at it again and repeat what is still needed. Nothing of yours was saved."),
    413: _l("Send less at once. Nothing was changed."),
    422: _l("Go back and correct it. Nothing was changed."),
    429: _l("Wait a while and try again."),
    500: _l("It was written down for the operator. Try again; if it stays so, tell a supervisor."),
    503: _l("Try again in a few seconds. Nothing was changed."),
}


def status_of(error: SupportdeskError) -> HTTPStatus:
    """Give the HTTP status that an error means."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def explain_errors(app: Flask) -> None:
    """Answer every error of `app` with a page in plain words."""
    app.register_error_handler(SupportdeskError, _ours)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(sqlalchemy.exc.OperationalError, _database_away)
    app.register_error_handler(sqlalchemy.exc.TimeoutError, _database_away)
    app.register_error_handler(Exception, _unforeseen)


def _ours(error: SupportdeskError) -> Response:
    status = status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unforeseen(error)
    response = _page(status, told(error))
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _stale_form(_error: CSRFError) -> Response:
    return _page(HTTPStatus.BAD_REQUEST)


def _of_http(error: HTTPException) -> Response:
    code = error.code or 500
    if isinstance(error, SecurityError):  # a strange host name: no address of ours can be built
        return make_response(error.get_response())
    if code in {301, 302, 303, 304, 307, 308}:
        return make_response(error.get_response())
    return _page(code if code in _TITLES else HTTPStatus.BAD_REQUEST)


def _database_away(error: Exception) -> Response:
    _log.warning("The database did not answer in time: %s", type(error).__name__, exc_info=error)
    response = _page(HTTPStatus.SERVICE_UNAVAILABLE, is_bare=True)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _unforeseen(error: Exception) -> Response:
    _log.error("%s %s failed", request.method, route_of_request(), exc_info=error)
    return _page(HTTPStatus.INTERNAL_SERVER_ERROR, is_bare=True)


def _page(code: int, detail: str = "", *, is_bare: bool = False) -> Response:
    """Build the page; a bare one asks the database for nothing."""
    title, advice = translated(_TITLES[int(code)]), translated(_ADVICE[int(code)])
    if is_bare:
        page = render_template("error_bare.html", code=int(code), title=title, advice=advice)
    else:
        page = render_page("error.html", code=int(code), title=title, advice=advice, detail=detail)
    return make_response(page, code)
