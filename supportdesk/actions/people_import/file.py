"""From the bytes of a CSV or XLSX file to rows of text. Pure.

A CSV file has a column `record` that says what each line is; an XLSX file has one sheet for each
kind of record. A cell that looks like a formula is just text: nothing is ever calculated.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from openpyxl import load_workbook

from supportdesk.errors import InvalidInput

MAX_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 60
MAX_CELL_CHARS = 2_000
MAX_PROBLEMS = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it stands in the file: where, of what kind, and its cells that are filled."""

    place: str
    record: str
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one cell or row: where, what stands there, and what is allowed."""

    place: str
    column: str
    value: str
    allowed: str

    def __str__(self) -> str:
        """Say it in one line."""
        column = f", column {self.column}" if self.column else ""
        value = f" {self.value!r} cannot be used;" if self.value else ""
        return f"{self.place}{column}:{value} {self.allowed}"


def read_rows(content: bytes, columns: Mapping[str, frozenset[str]]) -> list[Row | Problem]:
    """Read all rows of a file; `columns` gives the allowed ones of each kind of record.

    Raises:
        InvalidInput: the file as a whole is neither CSV nor XLSX, or too large.
    """
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            "The file is larger than {most} MiB; split it.", most=MAX_BYTES // 1024**2
        )
    if content.startswith(b"PK\x03\x04"):
        return list(_bounded(_sheets(content, columns)))
    return list(_bounded(_lines(_decode(content), columns)))


def _bounded(rows: Iterable[Row | Problem]) -> Iterator[Row | Problem]:
    problems = 0
    for number, row in enumerate(rows, start=1):
        if number > MAX_ROWS:
            raise InvalidInput("The file has more than {most} rows; split it.", most=MAX_ROWS)
        problems += isinstance(row, Problem)
        yield row
        if problems == MAX_PROBLEMS:
            return


def _decode(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1250"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput("The file is neither UTF-8 nor Windows-1250 text, nor XLSX; save it as one.")


def _lines(text: str, columns: Mapping[str, frozenset[str]]) -> Iterator[Row | Problem]:
    header_line = text.partition("\n")[0]
    delimiter = max(";,\t", key=header_line.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    numbered = _numbered(lines)
    try:
        _, header = next(numbered, (1, []))
    except csv.Error as error:
        raise InvalidInput(
            "The first line cannot be read as CSV: {reason}.", reason=error
        ) from error
    names = [_column_name(cell) for cell in header]
    known = frozenset({"record"}).union(*columns.values())
    if "record" not in names:
        raise InvalidInput(
            "The first line has no column record, which says what each line is: {kinds}.",
            kinds=list(columns),
        )
    wrong = list(_wrong_columns(names, known, "line 1"))
    if wrong:
        yield from wrong
        return
    try:
        for number, cells in numbered:
            yield from _csv_row(f"line {number}", names, cells, columns)
    except csv.Error as error:
        yield Problem(f"line {lines.line_num}", "", "", f"cannot be read as CSV: {error}")


def _numbered(lines: Any) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the number of the line it begins on; a quoted cell may span lines."""
    begins = 1
    for cells in lines:
        yield begins, cells
        begins = lines.line_num + 1


def _csv_row(
    place: str, names: Sequence[str], cells: Sequence[str], columns: Mapping[str, frozenset[str]]
) -> Iterator[Row | Problem]:
    filled = {number: cell.strip() for number, cell in enumerate(cells) if cell.strip()}
    if not filled:
        return
    if max(filled) >= len(names):
        extra = filled[max(filled)]
        yield Problem(place, "", extra, f"the line has more than {len(names)} cells")
        return
    found = {names[number]: cell for number, cell in filled.items()}
    record = found.pop("record", "").lower()
    if record not in columns:
        yield Problem(place, "record", record, f"it has to be one of: {', '.join(columns)}")
        return
    yield from _row(place, record, found, columns[record])


def _sheets(content: bytes, columns: Mapping[str, frozenset[str]]) -> Iterator[Row | Problem]:
    _check_unpacked(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False)
        for sheet in book.worksheets:
            record = sheet.title.strip().lower()
            if record not in columns:
                allowed = f"sheets are named: {', '.join(columns)}"
                yield Problem(f"sheet {sheet.title}", "", sheet.title, allowed)
                continue
            yield from _sheet(record, sheet.iter_rows(values_only=True), columns[record])
    except InvalidInput:
        raise
    except Exception as error:  # openpyxl has no error of its own
        raise InvalidInput(
            "The XLSX file cannot be read ({reason}); save it again as XLSX or CSV.",
            reason=type(error).__name__,
        ) from error


def _check_unpacked(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise InvalidInput("The XLSX file is damaged; save it again.") from error
    if unpacked > MAX_UNPACKED_BYTES:
        raise InvalidInput(
            "The XLSX file unpacks to more than {most} MiB; split it.",
            most=MAX_UNPACKED_BYTES // 1024**2,
        )


def _sheet(
    record: str, rows: Iterable[Sequence[object]], columns: frozenset[str]
) -> Iterator[Row | Problem]:
    names: list[str] = []
    for number, values in enumerate(rows, start=1):
        place = f"sheet {record}, row {number}"
        cells = [_cell_text(value).strip() for value in values]
        if number == 1:
            names = [_column_name(cell) for cell in cells]
            wrong = list(_wrong_columns(names, columns, place))
            if wrong:
                yield from wrong
                return
            continue
        found = {
            names[column]: cell
            for column, cell in enumerate(cells)
            if cell and column < len(names) and names[column]
        }
        if found:
            yield from _row(place, record, found, columns)


def _row(
    place: str, record: str, cells: Mapping[str, str], allowed: frozenset[str]
) -> Iterator[Row | Problem]:
    problems = [
        Problem(place, column, value, f"a {record} has only: {', '.join(sorted(allowed))}")
        for column, value in cells.items()
        if column not in allowed
    ]
    problems += [
        Problem(place, column, f"{value[:20]}…", f"at most {MAX_CELL_CHARS} characters")
        for column, value in cells.items()
        if len(value) > MAX_CELL_CHARS
    ]
    if problems:
        yield from problems
    else:
        yield Row(place, record, cells)


def _wrong_columns(names: Sequence[str], known: frozenset[str], place: str) -> Iterator[Problem]:
    if len(names) > MAX_COLUMNS:
        yield Problem(place, "", "", f"it has more than {MAX_COLUMNS} columns")
        return
    for number, name in enumerate(names):
        if name and name not in known:
            yield Problem(place, name, name, f"known columns are: {', '.join(sorted(known))}")
        elif name and name in names[:number]:
            yield Problem(place, name, name, "each column stands there only once")


def _column_name(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_")


def _cell_text(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
