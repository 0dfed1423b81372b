"""Addresses and forms that no page of ours makes: they are refused, never a fault of ours."""

import pytest

from tests.factories import make_ticket
from tests.web.conftest import Desk, token_of

HUGE = "9" * 5000
PADDED = "0" * 20 + "9" * 40


@pytest.mark.parametrize(
    "path",
    [
        "/files/a%00b",
        "/inbox/a%00b",
        "/search?q=x&before=%00",
        f"/search?q=x&before={HUGE}",
        "/search?q=x&before=%C2%B2",
        f"/inbox/pool?after=1-{PADDED}",
        f"/inbox/pool?after=1-{2**63}",
        "/inbox/pool?after=1-%C2%B2",
        f"/inbox/pool?after={2**63 - 1}-1",
        f"/tickets/{HUGE}",
        f"/tickets/{2**63}",
    ],
)
def test_an_address_that_cannot_be_is_refused(desk: Desk, path: str) -> None:
    client = desk.visit(desk.world.cast.olga)
    assert client.get(path).status_code in {400, 404, 422}


@pytest.mark.parametrize("number", ["²", "٣", HUGE, PADDED, str(2**63), "-1", "1e3"])
@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("assign", "target", "pool:{}"),
        ("sender", "person", "{}:1"),
        ("sender", "person", "1:{}"),
        ("state", "version", "{}"),
        ("priority", "priority", "{}"),
    ],
)
def test_a_number_that_cannot_be_is_refused(
    quick_desk: Desk, action: str, field: str, value: str, number: str
) -> None:
    world = quick_desk.world
    with world.runtime.database.write() as session:
        ticket_id = make_ticket(session).id
    client = quick_desk.visit(world.cast.olga)
    form = {"csrf_token": token_of(client), "version": "1", "state": "open"}
    answer = client.post(
        f"/tickets/{ticket_id}/{action}", data={**form, field: value.format(number)}
    )
    assert answer.status_code == 422


def test_a_search_for_a_sender_may_hold_anything(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        ticket_id = make_ticket(session).id
    client = desk.visit(desk.world.cast.olga)
    for wanted in ("%25", "_", "%5C", "%27%22", "%F0%9F%98%80", "%ED%A0%80", "%FF"):
        assert client.get(f"/tickets/{ticket_id}/sender?q={wanted}").status_code == 200
    assert client.get(f"/tickets/{ticket_id}/sender?q=%00").status_code == 404
