"""What Prometheus reads: true, named as the docs say, and never a secret or a load."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from supportdesk.actions.watch import watch
from supportdesk.db.models import Mailbox
from supportdesk.db.work import Kind, enqueue
from supportdesk.web import metrics as web_metrics
from supportdesk.web.metrics import KEPT_SECONDS, DatabaseCollector, by_port
from tests.factories import make_receipt
from tests.web.conftest import Desk
from tests.web.test_operations import give_up

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = Path(__file__).parents[2]
Samples = dict[tuple[str, str], float]


def read(desk: Desk) -> Samples:
    """Give every sample of the database by its name and its one label's value."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(desk.world.runtime))
    return samples(generate_latest(registry).decode())


def samples(text: str) -> Samples:
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_database_tells_what_waits_and_what_is_wrong(desk: Desk) -> None:
    began = desk.world.clock.now
    with desk.world.runtime.database.write() as session:
        enqueue(session, Kind.FOLLOW, {}, now=began, max_attempts=1)
        make_receipt(session)
        mailbox = session.get_one(Mailbox, desk.world.cast.mailbox.id)
        mailbox.imap_host, mailbox.last_success_at = "localhost", began
    give_up(desk, Kind.CLOSE, Kind.CLOSE)
    watch(desk.world.runtime)
    desk.world.clock.now += timedelta(seconds=75)
    found = read(desk)
    assert found["supportdesk_database_up", ""] == 1
    assert found["supportdesk_work_due", "follow"] == 1
    assert found["supportdesk_work_due", "send"] == 0
    assert found["supportdesk_work_oldest_due_seconds", "follow"] == 75
    assert found["supportdesk_work_dead", "close"] == 2
    assert found["supportdesk_quarantine_waiting", ""] == 1
    assert found["supportdesk_alarm_active", "given_up:close"] == 1
    assert found["supportdesk_watch_last_timestamp_seconds", ""] == began.timestamp()
    last = found["supportdesk_mailbox_last_success_timestamp_seconds", "business@example.com"]
    assert last == began.timestamp()


def test_a_database_that_is_away_is_told_and_nothing_made_up(
    quick_desk: Desk,
) -> None:
    engine = quick_desk.world.runtime.database.engine
    engine.dispose()
    place = Path(str(engine.url.database))
    place.unlink()
    place.mkdir()
    found = read(quick_desk)
    assert found["supportdesk_database_up", ""] == 0
    assert {name for name, _ in found} == {"supportdesk_database_up", "supportdesk_disk_free_ratio"}


def test_who_asks_often_hears_the_same_again(
    quick_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = DatabaseCollector(quick_desk.world.runtime)
    first = collector.collect()
    assert collector.collect() is first
    monkeypatch.setattr(web_metrics, "KEPT_SECONDS", -1.0)
    assert KEPT_SECONDS > 0
    assert collector.collect() is not first


def test_a_request_is_counted_by_the_pattern_of_its_address(quick_desk: Desk) -> None:
    name = "supportdesk_http_request_duration_seconds_count"
    client = quick_desk.visit(quick_desk.world.cast.jana)

    def count(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        return REGISTRY.get_sample_value(name, labels) or 0

    before = count("/files/<token>", "404"), count("none", "404")
    client.get("/files/some-secret-token")
    client.get("/no/such/page?q=secret")
    assert (count("/files/<token>", "404"), count("none", "404")) == (before[0] + 1, before[1] + 1)
    assert "secret" not in generate_latest(REGISTRY).decode()


@pytest.mark.parametrize(("port", "heard"), [("9464", "metrics"), ("8080", "pages")])
def test_metrics_have_their_own_port(port: str, heard: str) -> None:
    def saying(text: str) -> "WSGIApplication":
        def answer(_environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
            start_response("200 OK", [])
            return [text.encode()]

        return answer

    client = Client(by_port(saying("pages"), saying("metrics"), 9464))
    answer = client.get("/", headers={"Host": "x:9464"}, environ_overrides={"SERVER_PORT": port})
    assert answer.text == heard


def test_the_docs_list_every_metric_and_no_other(quick_desk: Desk) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(supportdesk_\w+)` \|", page, re.M))
    counted = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in REGISTRY.collect()
        if family.name.startswith("supportdesk_")
    }
    asked = {family.name for family in DatabaseCollector(quick_desk.world.runtime).collect()}
    assert told == counted | asked
