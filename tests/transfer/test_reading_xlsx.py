"""Reading XLSX: values in the words of CSV, rows by their number, and workbooks that would do harm."""

import gzip
import io
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from crmcli.errors import InvalidValue
from crmcli.transfer.rows import BadRow, Row
from crmcli.transfer.source import Source, open_source

HEADINGS = ["name", "amount", "closed"]


def workbook(path: Path, fill: Callable[[Any], None]) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        fill(book)
    return path


def sheet(path: Path, rows: Sequence[Sequence[Any]], at: tuple[int, int] = (0, 0)) -> Path:
    """A workbook of one sheet with these rows; a date is given its format."""

    def fill(book: Any) -> None:
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            time: book.add_format({"num_format": "hh:mm"}),
            timedelta: book.add_format({"num_format": "[h]:mm:ss"}),
        }
        page = book.add_worksheet("Deals")
        for down, row in enumerate(rows, at[0]):
            for across, value in enumerate(row, at[1]):
                if value is not None:
                    page.write(down, across, value, formats.get(type(value)))

    return workbook(path, fill)


def opened(path: Path, **options: Any) -> Source:
    return open_source(str(path), io.BytesIO(), encoding=None, delimiter=None, **options)


def read(path: Path, **options: Any) -> tuple[Source, list[Row | BadRow]]:
    with opened(path, **options) as source:
        return source, list(source.rows())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deals.xlsx"


def test_values_are_read_in_the_words_of_csv(file: Path) -> None:
    values: list[tuple[Any, str]] = [
        ("text", "text"),
        (" kept as it is ", " kept as it is "),
        ("two\nlines", "two\nlines"),
        (22_700.0, "22700"),
        (0.1 + 0.2, "0.3"),
        (1234.5, "1234.5"),
        (-0.07, "-0.07"),
        (123_456_789_012_345, "123456789012345"),
        (1e-7, "0.0000001"),
        (True, "true"),
        (False, "false"),
        (date(2026, 3, 2), "2026-03-02"),
        (datetime(2026, 3, 2, 9, 30, 5), "2026-03-02 09:30:05"),  # noqa: DTZ001 - sheets know no zones
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
    ]
    source, rows = read(sheet(file, [["value", "note"], *([value, "x"] for value, _ in values)]))
    assert (source.format, source.headings, source.announced) == ("xlsx", ["value", "note"], [])
    assert rows == [(number, [text, "x"]) for number, (_, text) in enumerate(values, 2)]


def test_rows_have_their_numbers_and_blank_ones_are_left_out(file: Path) -> None:
    rows: list[list[Any]] = [
        HEADINGS,
        ["a", 1, "x"],
        [None] * 3,
        [" ", None, None],
        ["b", None, None],
        [None] * 9,
    ]
    source, found = read(sheet(file, rows, at=(4, 2)))
    assert source.headings == HEADINGS
    assert found == [(6, ["a", "1", "x"]), (9, ["b", "", ""])]
    with opened(file) as again:
        assert list(again.rows()) == list(again.rows()) == found
        assert again.position() == 9


def test_a_preamble_is_found_or_named(file: Path) -> None:
    rows: list[list[Any]] = [
        ["Report of March", None, None],
        [None] * 3,
        HEADINGS,
        ["a", 1, "x"],
        ["b", 2, "y"],
    ]
    source, found = read(sheet(file, rows))
    assert source.headings == HEADINGS
    assert source.announced == ["Headings found in line 3; what stands above was skipped."]
    assert found == [(4, ["a", "1", "x"]), (5, ["b", "2", "y"])]
    source, found = read(file, skip_lines=3)
    assert (source.headings, found) == (["a", "1", "x"], [(5, ["b", "2", "y"])])


def test_headings_can_be_given(file: Path) -> None:
    sheet(file, [["a", 1], ["b", 2]])
    assert read(file, headers=["name", "amount"])[1] == [(1, ["a", "1"]), (2, ["b", "2"])]
    assert read(file, headers=["name", "amount", "note"])[1] == [(1, ["a", "1", ""]), (2, ["b", "2", ""])]
    bad = read(file, headers=["name"])[1][0]
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.reason) == (1, "the row has 2 cells under 1 heading")


def test_the_first_sheet_that_holds_anything_is_read_and_the_others_are_named(file: Path) -> None:
    def fill(book: Any) -> None:
        book.add_worksheet("Blank")
        hidden = book.add_worksheet("Lists")
        hidden.write_row(0, 0, ["Hot", "Cold"])
        hidden.hide()
        for name in ("Leads", "Lost"):
            page = book.add_worksheet(name)
            page.write_row(0, 0, ["name", "city"])
            page.write_row(1, 0, [f"of {name}", "Bern"])

    source, rows = read(workbook(file, fill))
    assert rows == [(2, ["of Leads", "Bern"])]
    assert source.announced == ["Read the sheet 'Leads'; other sheets that hold something: 'Lost', 'Lists'."]


def test_cells_with_errors_are_announced(file: Path) -> None:
    def fill(book: Any) -> None:
        page = book.add_worksheet()
        page.write_row(0, 0, ["name", "amount"])
        page.write_row(1, 0, ["a"])
        page.write_formula(1, 1, "=1/0", None, "#DIV/0!")

    source, rows = read(workbook(file, fill))
    assert rows == [(2, ["a", ""])]
    assert source.announced == ["1 cell holds an error such as #N/A; read as blank."]


def test_a_nul_and_a_grand_total_are_bad_rows(file: Path) -> None:
    _, rows = read(sheet(file, [["name", "amount"], ["a\0b", 1], ["c", 2], ["Grand Total", 3]]))
    assert [(row.line, row.code) for row in rows if isinstance(row, BadRow)] == [
        (2, "nul"),
        (4, "grand_total"),
    ]


def test_a_workbook_is_known_by_its_bytes_packed_or_not(file: Path, tmp_path: Path) -> None:
    data = sheet(file, [["name", "city"], ["a", "Bern"]]).read_bytes()
    for name, content in (("leads.csv", data), ("leads.xlsx.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path / name)[1] == [(2, ["a", "Bern"])]
    with open_source("-", io.BytesIO(data), encoding=None, delimiter=None) as source:
        assert list(source.rows()) == [(2, ["a", "Bern"])]


# ------------------------------------------------------------------------------------------ what does harm


def remade(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    """The same workbook with other parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, change(name, data))


def in_sheet(pattern: bytes, new: bytes) -> Callable[[str, bytes], bytes]:
    return lambda name, data: re.sub(pattern, new, data) if name.endswith("sheet1.xml") else data


@pytest.mark.parametrize(
    ("pattern", "new", "why"),
    [
        (rb'r="A2"', b'r="XFD1048576"', "row 1,048,576 or column 16,384; so large"),
        (rb'r="A2"', b"r='ZZZZZZZZZ99999999999999'", "so large a sheet cannot be read"),
        (rb'<row r="2"', b'<row r="4000000000"', "row 4,000,000,000"),
        (rb'r="A2"', b'r="BZZ2"', "2,054 columns; at most 1,000"),
        (rb"</sheetData>.*", b"", "damaged"),
    ],
)
def test_a_sheet_that_would_take_all_memory_or_is_damaged_is_refused(
    file: Path, pattern: bytes, new: bytes, why: str
) -> None:
    sheet(file, [["name", "amount"], ["a", 17]])
    remade(file, in_sheet(pattern, new))
    with pytest.raises(InvalidValue, match=why):
        read(file)


def test_sizes_are_counted_and_not_believed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crmcli.transfer import xlsx_rows

    sheet(file, [["name", "amount"], ["a" * 30_000, 1]])
    data = bytearray(file.read_bytes())
    monkeypatch.setattr(xlsx_rows, "MAX_INFLATED", 20_000)
    with pytest.raises(InvalidValue, match="too large: it unpacks to more than"):
        read(file)
    with zipfile.ZipFile(file) as archive:
        sizes = {part.file_size for part in archive.infolist()}
    for size in sizes:  # the directory says that every part is of one byte
        data = data.replace(size.to_bytes(4, "little"), b"\1\0\0\0")
    file.write_bytes(data)
    with pytest.raises(InvalidValue, match=r"too large|damaged"):
        read(file)


@pytest.mark.parametrize("keep", [30, 1000, -30])
def test_half_a_workbook_is_refused_in_one_sentence(file: Path, keep: int) -> None:
    data = sheet(file, [["name"], ["a"]]).read_bytes()
    file.write_bytes(data[:keep])
    with pytest.raises(InvalidValue, match=r"deals\.xlsx"):
        read(file)


def test_a_workbook_without_anything_is_refused(file: Path) -> None:
    with pytest.raises(InvalidValue, match="no sheet that holds anything"):
        read(workbook(file, lambda book: book.add_worksheet()))


def test_a_missing_part_of_the_program_is_named_with_the_command(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet(file, [["name"], ["a"]])
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(InvalidValue, match="not installed") as caught:
        read(file)
    assert "pip install 'crmcli[excel]'" in (caught.value.hint or "")
