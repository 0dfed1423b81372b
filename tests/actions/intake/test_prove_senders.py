"""Senders whom no mail host of ours has checked are proven while their mail is routed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from supportdesk.actions.receive_mail import receive_mail
from supportdesk.channels.email.hops import Hop
from supportdesk.channels.email.proof import Prover
from supportdesk.db.models import Message
from supportdesk.messages import Assurance
from tests.channels.email.mails import mail as bare_mail
from tests.channels.email.zone import SILENT, Zone, key_pair, signed, txt
from tests.world import World, mail

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
EKONOM = "ekonom@kraj.example"
LETTER = bare_mail("Subject: Faktura\n", base=f"From: {EKONOM}\nTo: business@example.com\n")
KEY = ("s._domainkey.kraj.example", "TXT")


def asking(world: World, zone: Zone) -> World:
    world.runtime = replace(world.runtime, prove_senders=Prover(zone.look_up).prove)
    return world


def assurances(world: World) -> Sequence[Assurance]:
    with world.runtime.database.read() as session:
        return session.scalars(sa.select(Message.assurance).order_by(Message.id)).all()


@pytest.mark.parametrize(
    ("raw", "record", "expected"),
    [
        (signed(LETTER, "kraj.example"), txt(key_pair(1024)[1]), Assurance.L1),
        (signed(LETTER, "evil.example"), txt(key_pair(1024)[1]), Assurance.L0),
        (signed(LETTER, "kraj.example"), SILENT, Assurance.L0),
        (LETTER, [], Assurance.L0),
    ],
)
def test_a_signature_proves_the_address_and_a_silent_server_loses_nothing(
    world: World, raw: bytes, record: object, expected: Assurance
) -> None:
    asking(world, Zone({KEY: record})).arrives(raw, at=NOON)
    assert assurances(world)[0] is expected


def test_the_host_at_the_door_proves_the_address(world: World) -> None:
    asking(world, Zone({("kraj.example", "TXT"): txt("v=spf1 ip4:5.6.7.8 -all")}))
    for address in ("5.6.7.8", "9.9.9.9", "127.0.0.1"):
        receive_mail(
            world.runtime,
            LETTER + address.encode(),
            mail_from=EKONOM,
            recipients=["business@example.com"],
            received_at=NOON,
            peer=Hop(address, "mx.kraj.example"),
        )
    world.route()
    with world.runtime.database.read() as session:
        found = session.execute(
            sa.select(Message.assurance, Message.sender_checks)
            .where(Message.contact_id.is_not(None), Message.sender_address == EKONOM)
            .order_by(Message.id)
        ).all()
    assert [row.assurance for row in found] == [Assurance.L1, Assurance.L0, Assurance.L0]
    assert [row.sender_checks["spf"] for row in found] == ["pass", "fail", "none"]


def test_nobody_is_asked_when_our_mail_host_has_checked(world: World) -> None:
    zone = Zone({})
    asking(world, zone).arrives(mail(EKONOM, DKIM_Signature="v=1; d=kraj.example"), at=NOON)
    assert zone.asked == []
    assert assurances(world)[0] is Assurance.L1
