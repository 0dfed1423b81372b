"""A worker whose door says 250 before the commit: what the check of killed workers must catch."""

import threading
from typing import Any

from supportdesk import app
from supportdesk.actions.receive_mail import receive_mail
from supportdesk.cli import main

_DELAY_SECONDS = 1.0


def receive_later(*arguments: Any, **named: Any) -> None:
    """Keep the mail some time after this returned."""
    threading.Timer(_DELAY_SECONDS, receive_mail, arguments, named).start()


if __name__ == "__main__":
    app.receive_mail = receive_later  # type: ignore[attr-defined]
    main(["worker"])
