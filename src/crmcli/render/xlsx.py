"""XLSX: one sheet with a heading row, written in constant memory. Text stays text, whatever it begins with."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final, cast

from crmcli.errors import InvalidValue
from crmcli.render.cells import as_table, home_currency, machine_texts
from crmcli.render.look import Look
from crmcli.result import Record, Table

MAX_ROWS: Final = 1_048_576  # of a sheet, its headings among them
MAX_TEXT: Final = 32_767  # characters in a cell
FIRST_DATE: Final = "1900-03-01"  # before it, spreadsheets count a day that never was

_number = re.compile(r"-?(?=(?:[.-]?\d){1,15}$)(?:0|[1-9]\d*)(?:\.\d+)?")  # what 15 digits can say
_unsayable = re.compile(r"[\ufffe\uffff]|_x[0-9a-fA-F]{4}_x[0-9a-fA-F]{4}_")  # XML has no word for it


def write(result: Table | Record, look: Look) -> None:
    """Write a workbook to the bytes under a text file. Raises InvalidValue for what no sheet can hold."""
    try:
        import xlsxwriter  # type: ignore[import-untyped]
        from xlsxwriter.exceptions import FileCreateError  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise InvalidValue(
            "Writing XLSX takes a part of crmcli that is not installed.",
            hint="pip install 'crmcli[excel]', or export to CSV.",
        ) from None
    table = as_table(result)
    texts = machine_texts(table.columns, home_currency(table), look.zone)
    options = {"constant_memory": True, "default_date_format": "yyyy-mm-dd"}
    try:
        with xlsxwriter.Workbook(cast(Any, look.out).buffer, options) as book:
            book.set_properties({"created": date(1980, 1, 1)})  # the same records make the same bytes
            sheet = book.add_worksheet("Export")
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(table.columns) - 1, 14)
            bold = book.add_format({"bold": True})
            for at, column in enumerate(table.columns):
                sheet.write_string(0, at, column.name, bold)
            writers = [_writer(sheet, column.kind) for column in table.columns]
            for number, row in enumerate(table.rows, 1):
                if number >= MAX_ROWS:
                    raise InvalidValue(
                        f"A sheet holds {MAX_ROWS - 1:,} records; there are more.", hint="Export to CSV."
                    )
                for at, text in enumerate(texts(row)):
                    if text:
                        _check(text, number, table.columns[at].name)
                        writers[at](number, at, text)
    except FileCreateError as error:
        raise error.args[0] if isinstance(error.args[0], OSError) else error from None


def _writer(sheet: Any, kind: str) -> Callable[[int, int, str], object]:
    """How cells of a column are written: with their type where nothing is lost by it, else as text."""

    def number(row: int, column: int, text: str) -> None:
        if _number.fullmatch(text):
            sheet.write_number(row, column, float(text))
        else:
            sheet.write_string(row, column, text)

    def day(row: int, column: int, text: str) -> None:
        if text >= FIRST_DATE:
            sheet.write_datetime(row, column, date.fromisoformat(text))
        else:
            sheet.write_string(row, column, text)

    def boolean(row: int, column: int, text: str) -> None:
        sheet.write_boolean(row, column, text == "true")

    known: dict[str, Callable[[int, int, str], object]] = {
        "number": number,
        "percent": number,
        "money": number,
        "date": day,
        "boolean": boolean,
    }
    text: Callable[[int, int, str], object] = sheet.write_string
    return known.get(kind, text)


def _check(text: str, number: int, name: str) -> None:
    if len(text) > MAX_TEXT:
        why = f"is longer than the {MAX_TEXT:,} characters that a cell holds"
    elif _unsayable.search(text):
        why = "holds characters that XLSX cannot"
    else:
        return
    raise InvalidValue(f"The {name} of record {number:,} {why}.", hint="Export to CSV or JSON.")
