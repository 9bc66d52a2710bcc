"""XLSX as rows: the first sheet that holds anything, its values in the words that CSV has for them."""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from crmcli.errors import InvalidValue
from crmcli.transfer.headings import SAMPLE, Record, heading_record, refuse_no_table
from crmcli.transfer.rows import GRAND_TOTALS, BadRow, Row, bad, column_count, judged

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

MAX_INFLATED: Final = 2 << 30  # bytes of all parts together
MAX_CELLS: Final = 32 << 20  # of a sheet, blank ones among them: the reader makes room for each
CHUNK: Final = 1 << 20
OVERLAP: Final = 64  # longer than an address that is cut by the end of a chunk

# Addresses far to the right or far down. 26 columns of 999,999 rows are fewer than MAX_CELLS.
_far = re.compile(rb"""\br\s*=\s*["'](?:([A-Za-z]{2,})(\d+)|([A-Za-z]?)(\d{7,}))["']""")
_error = re.compile(rb"""\st\s*=\s*["']e["']""")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet in memory, and what is to be said of the workbook."""

    name: str
    others: tuple[str, ...]  # sheets that hold something too
    errors: int  # cells of the workbook that hold #N/A, #REF! and the like
    _sheet: "CalamineSheet"

    @property
    def height(self) -> int:
        """Its rows, blank ones among them."""
        return self._sheet.height

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Every row that is not blank, with its number; all are equally wide."""
        for number, row in enumerate(self._sheet.iter_rows(), 1):
            cells = [value if type(value) is str else _WORDS[type(value)](value) for value in row]
            if any(map(str.strip, cells)):
                yield number, cells


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the table stands in the sheet."""

    headings: list[str]
    first: int  # the row where the records begin
    preamble: int = 0  # rows above the headings that were taken for a preamble


def open_sheet(content: BinaryIO, name: str) -> Sheet:
    """The first sheet that holds anything. Raises InvalidValue."""
    errors = _inspect(content, name)
    try:
        import python_calamine as calamine
    except ModuleNotFoundError:
        raise InvalidValue(
            f"{name} is an XLSX file, which takes a part of crmcli that is not installed.",
            hint="pip install 'crmcli[excel]', or save it as CSV.",
        ) from None
    content.seek(0)
    try:
        with calamine.load_workbook(content) as book:
            known = [each for each in book.sheets_metadata if each.typ is calamine.SheetTypeEnum.WorkSheet]
            shown = [each.name for each in known if each.visible is calamine.SheetVisibleEnum.Visible]
            hidden = [each.name for each in known if each.name not in shown]
            found: list[CalamineSheet] = []
            others: list[str] = []
            for title in (*shown, *hidden):
                sheet = book.get_sheet_by_name(title)
                if sheet.height and not found and title in shown:
                    found.append(sheet)
                elif sheet.height:
                    others.append(title)
    except calamine.CalamineError as error:
        raise InvalidValue(f"Cannot read {name}: the XLSX file is damaged ({error}).") from None
    if not found:
        raise InvalidValue(f"{name} has no sheet that holds anything.")
    return Sheet(found[0].name, tuple(others), errors, found[0])


def find_layout(sheet: Sheet, name: str, *, headers: list[str] | None, skip: int | None) -> Layout:
    """Find the heading row."""
    above = skip or 0
    if headers is not None:
        return Layout(headers, above + 1)
    records: list[Record] = [
        (number, number, cells)
        for number, cells in islice((row for row in sheet.records() if row[0] > above), SAMPLE)
    ]
    if not records:
        raise InvalidValue(f"{name} has no row left after {above} skipped ones.", field="skip_lines")
    chosen = 0 if skip is not None else heading_record(records)
    if skip is None:
        refuse_no_table(records, chosen, name)
    line, _, cells = records[chosen]
    headings = [" ".join(cell.split()) for cell in cells or ()]
    return Layout(headings, line + 1, line - 1 if chosen else 0)


def rows(sheet: Sheet, layout: Layout) -> Iterator[Row | BadRow]:
    """Every row under the headings that is not blank."""
    width = len(layout.headings)
    for number, cells in sheet.records():
        if number >= layout.first:
            yield _row(number, cells, width)


def _row(number: int, cells: list[str], width: int) -> Row | BadRow:
    if len(cells) != width:  # headings were given
        beyond = cells[width:]
        if any(map(str.strip, beyond)):
            return column_count(number, cells, width)
        cells = cells[:width] + [""] * (width - len(cells))
    if width > 1 and next(filter(None, map(str.strip, cells))) in GRAND_TOTALS:
        return bad(number, "grand_total", cells)
    return judged(number, cells)


# --- what could harm the reader -------------------------------------------------------------------------


def _inspect(content: BinaryIO, name: str) -> int:
    """Refuse what is too large to be held, before it is; how many cells hold errors.

    Sizes are counted, not believed; and a sheet of two cells at its corners is as large as a full one.
    """
    content.seek(0)
    total = errors = rows = columns = 0
    try:
        with zipfile.ZipFile(content) as archive:
            for part in archive.infolist():
                if part.flag_bits & 1:
                    raise InvalidValue(f"{name} is protected with a password.", hint="Save it without one.")
                part.file_size = (
                    MAX_INFLATED + 2 * CHUNK
                )  # what it says of itself would end the reading early
                tail = b""
                with archive.open(part) as stream:
                    while chunk := stream.read(CHUNK):
                        total += len(chunk)
                        if total > MAX_INFLATED:
                            raise InvalidValue(f"{name} is too large: it unpacks to more than 2 GiB.")
                        if not part.filename.endswith(".xml"):
                            continue
                        text = tail + chunk
                        for letters, row, letter, far_row in _far.findall(text):
                            columns = max(columns, _column(letters or letter))
                            rows = max(rows, int((row or far_row)[:12]))
                        errors += len(_error.findall(chunk))
                        tail = text[-OVERLAP:]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InvalidValue(f"Cannot read {name}: the XLSX file is damaged ({error}).") from None
    if max(columns, 26) * max(rows, 1) > MAX_CELLS:
        raise InvalidValue(
            f"{name} has a cell in row {rows:,} or column {columns:,}; so large a sheet cannot be read.",
            hint="Delete what stands far from the table, or save it as CSV.",
        )
    return errors


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters[:8].upper():
        number = number * 26 + letter - 64
    return number


# --- values ---------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    """A number as a spreadsheet shows it: 15 digits, no exponent, no .0."""
    if value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))
    return format(Decimal(format(value, ".15g")), "f")


def _instant(value: datetime) -> str:
    """Without the fractions that a day's share of seconds has."""
    return (value + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")


def _duration(value: timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


_WORDS: Final[dict[type, Callable[[Any], str]]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _number,
    datetime: _instant,
    date: date.isoformat,
    time: lambda value: value.isoformat("seconds"),
    timedelta: _duration,
}


def announced(sheet: Sheet) -> Sequence[str]:
    """What is to be said of a workbook before it is read."""
    said = []
    if sheet.others:
        names = ", ".join(map(repr, sheet.others))
        said.append(f"Read the sheet {sheet.name!r}; other sheets that hold something: {names}.")
    if sheet.errors:
        cells = "1 cell holds" if sheet.errors == 1 else f"{sheet.errors:,} cells hold"
        said.append(f"{cells} an error such as #N/A; read as blank.")
    return said
