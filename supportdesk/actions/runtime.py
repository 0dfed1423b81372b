"""What every action is given: the running service's parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from supportdesk.channels.email.hops import Unproven
from supportdesk.clock import Clock
from supportdesk.db.blobs import Blobs
from supportdesk.db.database import Database
from supportdesk.messages import SenderAuth
from supportdesk.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """The running service as actions see it.

    `secret_key` is the service's own secret, at least 32 bytes; keys for one purpose are derived
    from it by `key_for`, so that a leak of one tells nothing of another. `prove_senders` asks the
    domain name system about mails that no host of ours has checked; None leaves them unproven.
    """

    database: Database
    blobs: Blobs
    settings: Settings
    clock: Clock
    secret_key: bytes
    prove_senders: Callable[[Sequence[Unproven]], list[SenderAuth]] | None = None
