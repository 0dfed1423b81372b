"""Files of people as spreadsheets and text editors save them."""

import io
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from supportdesk.actions.people_import import cells
from supportdesk.actions.people_import.file import (
    MAX_BYTES,
    MAX_CELL_CHARS,
    Problem,
    Row,
    read_rows,
)
from supportdesk.actions.people_import.records import COLUMNS, Contact, read_records
from supportdesk.errors import InvalidInput

EVA = Row("line 2", "contact", {"key": "K-1", "name": "Eva Žlutá", "numbers": "603604644"})
TEXT = "record{0}key{0}name{0}numbers\r\ncontact{0}K-1{0}Eva Žlutá{0}603604644\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1250"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_encodings_and_delimiters_are_recognised(encoding: str, delimiter: str) -> None:
    content = TEXT.format(delimiter).encode(encoding)
    assert read_rows(content, COLUMNS) == [EVA]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    content = 'record;key;name\n\n;;\ncontact;K-1;"Eva\nŽlutá"\ncontact;K-2;Ivan\n'.encode()
    assert [row.place for row in read_rows(content, COLUMNS)] == ["line 4", "line 6"]


def test_cells_that_look_like_formulas_are_just_text() -> None:
    content = b'record;key;name\ncontact;K-1;"=HYPERLINK(""http://example.com"")"\n'
    records, problems = read_records(read_rows(content, COLUMNS))
    assert problems == []
    assert records == [Contact(place="line 2", key="K-1", name='=HYPERLINK("http://example.com")')]


def test_a_workbook_has_a_sheet_for_each_kind_of_record() -> None:
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    contacts = book.create_sheet("Contact")
    contacts.append(["Key", "Name", "Numbers"])
    contacts.append([1, "=1+1", 603604644])
    contacts.append([None, None, None])
    memberships = book.create_sheet("membership")
    memberships.append(["contact", "organisation", "valid_from"])
    memberships.append([1.0, "Z-1", datetime(2026, 1, 1)])  # noqa: DTZ001 - as spreadsheets have it
    assert read_rows(_saved(book), COLUMNS) == [
        Row(
            "sheet contact, row 2", "contact", {"key": "1", "name": "=1+1", "numbers": "603604644"}
        ),
        Row(
            "sheet membership, row 2",
            "membership",
            {"contact": "1", "organisation": "Z-1", "valid_from": "2026-01-01"},
        ),
    ]


def test_a_sheet_of_an_unknown_name_is_a_problem() -> None:
    book = Workbook()
    assert isinstance(read_rows(_saved(book), COLUMNS)[0], Problem)


def _saved(book: Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column record"),
        (b"key;name\nK-1;Eva\n", "no column record"),
        (b'"record;key\n', "first line cannot be read"),
        (b"record;name\ncontact;\x81\x83\n", "neither UTF-8 nor Windows-1250"),
        (b"PK\x03\x04 not a workbook", "damaged"),
        (b"x" * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_rows(content, COLUMNS)


@pytest.mark.parametrize(
    ("text", "place", "column", "value"),
    [
        ("record;key;name;salary\n", "line 1", "salary", "salary"),
        ("record;key;key\n", "line 1", "key", "key"),
        ("record;key;name\nperson;K-1;Eva\n", "line 2", "record", "person"),
        ("record;key;name\n;K-1;Eva\n", "line 2", "record", ""),
        ("record;key;name;roles\ncontact;K-1;Eva;statutory\n", "line 2", "roles", "statutory"),
        ("record;key;name\ncontact;K-1;Eva;more\n", "line 2", "", "more"),
        (
            f"record;key;name\ncontact;K-1;{'x' * (MAX_CELL_CHARS + 1)}\n",
            "line 2",
            "name",
            "x" * 20 + "…",
        ),
        ('record;key;name\ncontact;K-1;"Eva\n', "line 2", "", ""),
    ],
)
def test_a_row_that_cannot_be_read_is_named(text: str, place: str, column: str, value: str) -> None:
    (problem,) = read_rows(text.encode(), COLUMNS)
    assert isinstance(problem, Problem)
    assert (problem.place, problem.column, problem.value) == (place, column, value)


def test_every_problem_of_a_row_is_told() -> None:
    content = b"record;key;language;addresses;numbers\ncontact;;de;nobody;12\n"
    _, problems = read_records(read_rows(content, COLUMNS))
    assert [problem.column for problem in problems] == [
        "key",
        "name",
        "language",
        "addresses",
        "numbers",
    ]


@given(st.binary(max_size=400))
def test_whatever_the_bytes_are_reading_ends_in_rows_or_one_refusal(content: bytes) -> None:
    for start in (b"", b"record;key;name;numbers\n"):
        try:
            read_records(read_rows(start + content, COLUMNS))
        except InvalidInput:
            continue


@pytest.mark.parametrize("written", ["25596641", "00000019", "19", "255 96 641"])
def test_a_registration_number_may_have_lost_its_zeros(written: str) -> None:
    assert cells.registration_number(written) == written.replace(" ", "").zfill(8)


@pytest.mark.parametrize("written", ["25596642", "00000018", "123456789", "CZ25596641", "²5596641"])
def test_a_registration_number_with_a_wrong_check_digit_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="IČO"):
        cells.registration_number(written)


@pytest.mark.parametrize("written", ["2026-11-24", "24.11.2026", "24. 11. 2026"])
def test_days_are_written_in_two_ways(written: str) -> None:
    assert cells.day(written) == date(2026, 11, 24)
    assert cells.day_after(written) == date(2026, 11, 25)


@pytest.mark.parametrize("written", ["24/11/2026", "31.2.2026", "1800-01-01", "2099-01-01", "brzy"])
def test_a_day_that_does_not_exist_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="it has to be a day"):
        cells.day(written)


@pytest.mark.parametrize(
    "written",
    ["a@example.org|b@example.org", "a@example.org, B@Example.org", "a@example.org;b@example.org|"],
)
def test_several_values_share_a_cell(written: str) -> None:
    read = cells.several(cells.address)
    assert read(written) == ("a@example.org", "b@example.org")
