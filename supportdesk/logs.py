"""What the service writes about itself: one JSON object a line, or text for a terminal.

Loggers of the standard library are used everywhere; here their records get the ids of what is
being done, lose what nobody may read, and become lines.
"""

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import sqlalchemy as sa
import structlog
from structlog.stdlib import ProcessorFormatter

from supportdesk.settings import Settings

REMOVED = "[removed]"

_SECRET_NAME = re.compile(
    r"passw|secret|token|cookie|authorization|api_?key|credential|\b(body|text|html|raw)\b", re.I
)
_SECRETS_IN_TEXT = (
    # What PostgreSQL tells of a row that it refused: contents of mails, addresses, hashes.
    re.compile(r"(DETAIL:\s)(.*?)(?=\n\[SQL|\n\(Background|\nTraceback|\Z)", re.S),
    re.compile(r"((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?)([^\r\n'\"]+)", re.I),
    re.compile(r"((?:set-)?cookie['\"]?\s*[:=]\s*['\"]?)([^\r\n'\"]+)", re.I),
    re.compile(r"(\b(?:bearer|basic|xoauth2)\s+)([\w.~+/=-]{8,})", re.I),
    re.compile(
        r"((?:[\w-]*(?:password|passwd|secret|token|api_?key)[\w-]*)['\"]?\s*[:=]\s*['\"]?)"
        r"([^\s'\"&,;)}]+)",
        re.I,
    ),
    re.compile(r"(://[^\s/:@]*:)([^\s/@]+)(?=@)"),
    re.compile(r"(/(?:files|reset|password|sandbox)/)([\w.~-]{16,})"),
)

Entry = MutableMapping[str, Any]


def set_up_logs(settings: Settings) -> None:
    """Send every record of this process to standard error.

    Libraries tell warnings only, whatever the level: what they say below may hold anything.
    """
    is_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(settings, as_json=is_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("supportdesk").setLevel(settings.log_level.upper())
    logging.captureWarnings(True)


def formatter(settings: Settings, *, as_json: bool) -> ProcessorFormatter:
    """Give what turns a record into its line."""
    redact = Redaction(_known_secrets(settings))
    last: list[Any] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False)]
        if as_json
        else [_on_one_line, structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)]
    )
    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            *last,
        ],
    )


def _on_one_line(_logger: object, _method: str, entry: Entry) -> Entry:
    """Keep what strangers wrote from looking like lines of the log, or steering a terminal.

    Only an exception has several lines; all are indented.
    """
    return {name: _visible(name, value) for name, value in entry.items()}


def _visible(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in {"exception", "stack"}:
        return "\n".join(f"    {_escaped(line)}" for line in value.split("\n"))
    return _escaped(value)


def _escaped(text: str) -> str:
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


class Redaction:
    """Takes out of an entry what nobody may read in a log.

    Fields are judged by their names, texts by what secrets look like in them; the secrets of the
    settings are known and found anywhere.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted(filter(None, known), key=len, reverse=True)

    def __call__(self, _logger: object, _method: str, entry: Entry) -> Entry:
        """Clean one entry."""
        return {name: self._clean(name, value) for name, value in entry.items()}

    def _clean(self, name: str, value: Any) -> Any:
        if _SECRET_NAME.search(name):
            return REMOVED
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, dict):
            return {key: self._clean(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(name, inner) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.clean_text(str(value))

    def clean_text(self, text: str) -> str:
        """Clean a sentence or a traceback."""
        for secret in self._known:
            text = text.replace(secret, REMOVED)
        for pattern in _SECRETS_IN_TEXT:
            text = pattern.sub(rf"\1{REMOVED}", text)
        return text


def _known_secrets(settings: Settings) -> list[str]:
    in_url = sa.make_url(settings.effective_database_url).password
    return [settings.secret_key, settings.smtp_password, str(in_url or "")]
