"""Thread tokens: they come back whatever mail systems do to them, and nobody can make one."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from supportdesk.channels.email.tokens import (
    message_id,
    read_address,
    read_message_id,
    reply_address,
    split_plus,
    strip_plus,
)
from supportdesk.errors import InvalidInput

KEY = b"key of this installation, 32 oct"
tickets = st.integers(min_value=1, max_value=10**18)
keys = st.binary(min_size=16, max_size=64)
uniques = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=40)


def test_a_reply_address_names_the_ticket_at_the_mailbox() -> None:
    address = reply_address("business@example.cz", 1042, KEY)
    assert address.startswith("business+t1042.")
    assert address.endswith("@example.cz")
    assert read_address(address, KEY) == 1042


@given(ticket=tickets, key=keys)
def test_a_reply_address_is_read_back_in_any_case(ticket: int, key: bytes) -> None:
    address = reply_address("business@example.cz", ticket, key)
    for written in (address, address.upper(), address.title()):
        assert read_address(written, key) == ticket
    assert strip_plus(address) == "business@example.cz"
    assert address == address.lower()
    assert len(address.rpartition("@")[0]) <= 64


@given(ticket=tickets, key=keys, unique=uniques)
def test_a_message_id_is_read_back_in_any_case(ticket: int, key: bytes, unique: str) -> None:
    identifier = message_id(ticket, key, "desk.example.cz", unique)
    for written in (identifier, identifier.upper(), f" {identifier}\t"):
        assert read_message_id(written, key) == ticket


@given(ticket=tickets, other=tickets, unique=uniques)
def test_a_token_moved_to_another_ticket_is_none(ticket: int, other: int, unique: str) -> None:
    assume(ticket != other)
    address = reply_address("business@example.cz", ticket, KEY)
    identifier = message_id(ticket, KEY, "example.cz", unique)
    assert read_address(address.replace(f"t{ticket}.", f"t{other}."), KEY) is None
    assert read_message_id(identifier.replace(f"t{ticket}.", f"t{other}."), KEY) is None


@given(ticket=tickets, key=keys, unique=uniques)
def test_a_token_of_another_installation_is_none(ticket: int, key: bytes, unique: str) -> None:
    assume(key != KEY)
    assert read_address(reply_address("b@example.cz", ticket, key), KEY) is None
    assert read_message_id(message_id(ticket, key, "example.cz", unique), KEY) is None


@given(
    ticket=tickets,
    place=st.integers(min_value=1, max_value=16),
    letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"),
)
def test_one_changed_letter_makes_a_token_worthless(ticket: int, place: int, letter: str) -> None:
    address = reply_address("b@example.cz", ticket, KEY)
    at = address.index("@") - place
    assume(address[at] != letter)
    assert read_address(address[:at] + letter + address[at + 1 :], KEY) is None


def test_the_token_of_an_address_is_none_in_a_message_id() -> None:
    mac = reply_address("b@example.cz", 7, KEY).rpartition("@")[0].rpartition(".")[2]
    assert read_message_id(f"<t7.aaaaaaaa.{mac}@example.cz>", KEY) is None


def test_a_message_id_moved_to_another_message_of_the_ticket_is_none() -> None:
    identifier = message_id(7, KEY, "example.cz", "aaaaaaaa")
    assert read_message_id(identifier.replace("aaaaaaaa", "bbbbbbbb"), KEY) is None


@given(text=st.text())
def test_reading_takes_anything(text: str) -> None:
    assert read_address(text, KEY) is None
    assert read_message_id(text, KEY) is None
    split_plus(text)


@pytest.mark.parametrize(
    "address",
    [
        "business@example.cz",
        "business+technical@example.cz",
        "business+t1042@example.cz",
        "business+t1042.@example.cz",
        "business+t0.aaaaaaaaaaaaaaaa@example.cz",
        "business+t1042.aaaaaaaaaaaaaaaa@example.cz",
        "t1042.aaaaaaaaaaaaaaaa@example.cz",
        "",
        "@",
        "+@",
    ],
)
def test_what_is_not_signed_names_no_ticket(address: str) -> None:
    assert read_address(address, KEY) is None


@pytest.mark.parametrize(
    ("address", "base", "plus"),
    [
        ("business+technical@example.cz", "business@example.cz", "technical"),
        ("Business+Technical@Example.cz", "Business@Example.cz", "Technical"),
        ("business+a+b@example.cz", "business@example.cz", "a+b"),
        ("business+@example.cz", "business@example.cz", ""),
        ("business@example.cz", "business@example.cz", None),
        ("+technical@example.cz", "+technical@example.cz", None),
        ('"a+b"@example.cz', '"a+b"@example.cz', None),
        ("nonsense+x", "nonsense+x", None),
    ],
)
def test_a_plus_address_is_split(address: str, base: str, plus: str | None) -> None:
    assert split_plus(address) == (base, plus)


@pytest.mark.parametrize("unique", ["", "short", "UPPERCASE1", "with.dot.in", "á" * 8, "a" * 65])
def test_a_message_id_needs_a_unique_part_that_survives_mail_systems(unique: str) -> None:
    with pytest.raises(InvalidInput, match="small letters and digits"):
        message_id(1, KEY, "example.cz", unique)


def test_a_mailbox_without_domain_gets_no_reply_address() -> None:
    with pytest.raises(InvalidInput, match="no mail address"):
        reply_address("business", 1, KEY)
