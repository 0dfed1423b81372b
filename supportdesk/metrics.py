"""What this process counts, for Prometheus; docs/monitoring.md says what each is good for."""

import sqlalchemy as sa
from prometheus_client import Counter, Gauge, Histogram

MAILS_RECEIVED = Counter(
    "supportdesk_mails_received", "Mails that were kept, by the way they came.", ["way"]
)
MAILS_SENT = Counter("supportdesk_mails_sent", "Mails that the relay took.")
MAILS_FAILED = Counter("supportdesk_mails_failed", "Mails that were given up.")
LEASES_LOST = Counter(
    "supportdesk_leases_lost", "Work that was rolled back because its lease ran out.", ["kind"]
)
REQUESTS = Histogram(
    "supportdesk_http_request_duration_seconds",
    "How long requests took, by the pattern of their address.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CONNECTIONS = Gauge(
    "supportdesk_database_connections_in_use",
    "Connections of the pool that are checked out.",
    multiprocess_mode="livesum",
)


def count_connections(engine: sa.Engine) -> None:
    """Keep `CONNECTIONS` at what the pool of this engine has given away."""
    sa.event.listen(engine, "checkout", lambda *_: CONNECTIONS.inc())
    sa.event.listen(engine, "checkin", lambda *_: CONNECTIONS.dec())
