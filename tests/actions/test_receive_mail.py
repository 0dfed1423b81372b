"""Keeping mail: durable before it is accepted, once for each mailbox, whatever it contains."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from supportdesk.actions.receive_mail import is_our_address, our_recipients, receive_mail
from supportdesk.db.models import Mailbox, Receipt, Work
from supportdesk.errors import NotFound
from tests.factories import make_mailbox
from tests.world import World, mail

EKONOM = "ekonom@kraj.example"
BUSINESS, TECHNICAL = "business@example.com", "technika@example.com"


def receive(world: World, raw: bytes, *recipients: str) -> None:
    receive_mail(
        world.runtime,
        raw,
        mail_from=EKONOM,
        recipients=recipients or [BUSINESS],
        received_at=world.clock.now,
    )


def receipts(world: World) -> list[Receipt]:
    with world.runtime.database.read() as session:
        return list(session.scalars(sa.select(Receipt).order_by(Receipt.id)))


def count_work(world: World) -> int:
    with world.runtime.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Work)) or 0


@pytest.fixture
def world(world: World) -> World:
    with world.runtime.database.write() as session:
        make_mailbox(session, TECHNICAL)
        make_mailbox(session, "stara@example.com").is_active = False
    return world


@pytest.mark.parametrize(
    "raw", [mail(EKONOM), b"", b"\x00\xff" * 100, b"From: a\r\n.\r\n..\r\n", b"\n" * 1000]
)
def test_whatever_comes_is_kept_byte_for_byte(world: World, raw: bytes) -> None:
    receive(world, raw)
    (receipt,) = receipts(world)
    assert world.runtime.blobs.get(receipt.blob_key) == raw
    assert receipt.size_bytes == len(raw)
    assert receipt.envelope == {"from": EKONOM, "to": [BUSINESS]}


def test_the_same_bytes_again_are_one_receipt_and_one_piece_of_work(world: World) -> None:
    raw = mail(EKONOM)
    for _ in range(3):
        receive(world, raw)
    assert (len(receipts(world)), count_work(world)) == (1, 1)


def test_senders_who_repeat_themselves_at_the_same_moment_make_one_receipt(world: World) -> None:
    raw = mail(EKONOM)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: receive(world, raw), range(8)))
    assert (len(receipts(world)), count_work(world)) == (1, 1)


def test_each_of_our_mailboxes_has_its_receipt(world: World) -> None:
    receive(world, mail(EKONOM), BUSINESS, TECHNICAL, "Business+t1.x@EXAMPLE.com")
    assert len(receipts(world)) == 2
    assert len({receipt.blob_key for receipt in receipts(world)}) == 1


@pytest.mark.parametrize("address", ["nobody@example.com", "stara@example.com", ""])
def test_mail_for_nobody_of_ours_is_not_accepted(world: World, address: str) -> None:
    assert not is_our_address(world.runtime, address)
    with pytest.raises(NotFound, match="is one of our mailboxes"):
        receive(world, mail(EKONOM), address)
    assert receipts(world) == []


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (f"Centrum <{TECHNICAL}>, jiny@jinde.example", [TECHNICAL]),
        (f"{TECHNICAL}, Business+technika@Example.com", [BUSINESS, TECHNICAL]),
        ("skryta-kopie@jinde.example", [BUSINESS]),
    ],
)
def test_without_an_envelope_the_header_tells_whose_mail_it_is(
    world: World, to: str, found: list[str]
) -> None:
    assert our_recipients(world.runtime, mail(EKONOM, to=to)) == found


def test_without_any_mailbox_that_is_said(world: World) -> None:
    with world.runtime.database.write() as session:
        session.execute(sa.update(Mailbox).values(is_active=False))
    with pytest.raises(NotFound, match="an administrator has to add one"):
        our_recipients(world.runtime, mail(EKONOM))


def test_a_mail_that_cannot_be_written_to_disk_is_not_accepted(world: World) -> None:
    (world.runtime.settings.data_dir / "blobs").write_text("in the way")
    with pytest.raises(OSError, match="blobs"):
        receive(world, mail(EKONOM))
    assert (receipts(world), count_work(world)) == ([], 0)
