"""Every error that supportdesk raises on purpose.

The text of an error says what happened, to what, and what to do about it: people read it.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any


class SupportdeskError(Exception):
    """Base of all errors raised on purpose.

    `text` is an English sentence with `{named}` places, a literal where the error is raised, so
    that it can be translated; all that differs from case to case stands in `values`. The error
    itself as text is the sentence in English, filled in.
    """

    def __init__(self, text: str, /, **values: object) -> None:
        super().__init__(text)
        self.text = text
        self.values = values

    def __str__(self) -> str:
        return fill_in(self.text, self.values, plainly)


def fill_in(text: str, values: Mapping[str, object], tell: Callable[[object], str]) -> str:
    """Put the values, each told by `tell`, into a text; one without values is left as it is."""
    if not values:
        return text
    return text.format_map({name: tell(value) for name, value in values.items()})


def plainly(value: object) -> str:
    """Tell a value as it is, instants in UTC; several with commas between."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, tuple | list):
        return ", ".join(map(plainly, value))
    return str(value)


def write_down(error: SupportdeskError) -> str:
    """Write an error as text that `read_back` understands, to be told to people later."""
    return json.dumps(_parts(error), ensure_ascii=False, default=_part)


def read_back(written: str) -> SupportdeskError:
    """Read what `write_down` wrote; any other text is a sentence without values."""
    if not written.startswith(_BEGINNING):
        return SupportdeskError(written)
    error: SupportdeskError = json.loads(written, object_hook=_whole)
    return error


_BEGINNING = '{"text": '
_INSTANT = "instant"


def _parts(error: SupportdeskError) -> dict[str, Any]:
    return {"text": error.text, **error.values}


def _part(value: object) -> Any:
    match value:
        case SupportdeskError():
            return _parts(value)
        case datetime():
            return {_INSTANT: value.isoformat()}
        case _:
            return str(value)


def _whole(parts: dict[str, Any]) -> SupportdeskError | datetime:
    if parts.keys() == {_INSTANT}:
        return datetime.fromisoformat(parts[_INSTANT])
    return SupportdeskError(parts.pop("text"), **parts)


class InvalidInput(SupportdeskError):
    """What was given cannot be used; nothing was changed."""


class NotAllowed(SupportdeskError):
    """The asker may not do this; nothing was changed."""


class NotFound(SupportdeskError):
    """There is no such thing, or the asker may not know of it."""


class Conflict(SupportdeskError):
    """Somebody else changed the same thing first; look again and repeat."""


class Unreadable(SupportdeskError):
    """A received request cannot be understood; it is kept and waits in quarantine."""


class ChannelError(SupportdeskError):
    """The outside world refused or failed.

    `permanent` decides between giving up and trying again; `retry_after_seconds` is the
    other side's wish, None when it expressed none.
    """

    def __init__(
        self,
        text: str,
        /,
        *,
        permanent: bool,
        retry_after_seconds: int | None = None,
        **values: object,
    ) -> None:
        super().__init__(text, **values)
        self.permanent = permanent
        self.retry_after_seconds = retry_after_seconds


class Uncertain(ChannelError):
    """The other side may have taken the message, but its confirmation did not arrive."""


class SettingsError(SupportdeskError):
    """A setting has a value that cannot be used; the text names it and what is allowed."""


class Unreachable(SettingsError):
    """The database does not answer; perhaps only just now."""
