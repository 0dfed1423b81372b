"""Mail by mail: from the end of DATA at the door to the routed ticket, committed."""

import statistics
import tempfile
from collections.abc import Generator
from pathlib import Path

from bench.databases import Databases
from bench.figures import Figure
from bench.mails import make_mails
from bench.senders import Handed, hand_in
from bench.service import Service, Watch, prepared
from bench.size import Size

CONNECTIONS = 4


def measure(databases: Databases, size: Size) -> Generator[Figure, None, None]:
    """Measure a flood and a steady stream over four connections, at every size."""
    for tickets in size.sizes:
        where = f"{databases.name}, {tickets:,} tickets"
        with (
            tempfile.TemporaryDirectory(dir=databases.folder) as folder,
            databases.copy(tickets) as url,
            prepared(Path(folder), url) as service,
            service.working(),
        ):
            _hand_in(service, "warm", min(50, size.mails))
            runs = [_hand_in(service, f"flood{one}", size.mails) for one in range(size.repeats)]
            rate = statistics.median(_rate(*run) for run in runs)
            latencies = tuple(one for run in runs for one in _latencies(*run))
            doors = tuple(one for handed, _ in runs for one in _door_times(handed))
            yield Figure(f"intake, flood: {where}", latencies, rate, "≥ 100/s")
            yield Figure("  the door's answer meanwhile", doors)
            steady = _hand_in(service, "steady", size.mails // 2, per_second=20)
            yield Figure("  intake at 20 mails a second", tuple(_latencies(*steady)))
            yield Figure("  the door's answer meanwhile", tuple(_door_times(steady[0])))


def _hand_in(
    service: Service, series: str, count: int, per_second: float | None = None
) -> tuple[Handed, dict[str, float]]:
    mails = make_mails(count, series=series)
    with Watch(service.url) as watch:
        handed = hand_in(service.door_port, mails, connections=CONNECTIONS, per_second=per_second)
        watch.wait(count, seconds=60 + count / 5)
        return handed, watch.seen


def _rate(handed: Handed, seen: dict[str, float]) -> float:
    return len(seen) / (max(seen.values()) - min(handed.ended.values()))


def _latencies(handed: Handed, seen: dict[str, float]) -> list[float]:
    return [seen[message_id] - ended for message_id, ended in handed.ended.items()]


def _door_times(handed: Handed) -> list[float]:
    return [handed.confirmed[message_id] - ended for message_id, ended in handed.ended.items()]
