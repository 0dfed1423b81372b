"""Every error that supportdesk raises on purpose.

The text of an error says what happened, to what, and what to do about it: people read it.
"""


class SupportdeskError(Exception):
    """Base of all errors raised on purpose."""


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
        self, message: str, *, permanent: bool, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after_seconds = retry_after_seconds


class Uncertain(ChannelError):
    """The other side may have taken the message, but its confirmation did not arrive."""


class SettingsError(SupportdeskError):
    """A setting has a value that cannot be used; the text names it and what is allowed."""
