"""Which record of a file holds its headings, and whether the file is a table at all."""

import re
from collections.abc import Sequence
from typing import Final

from crmcli.errors import InvalidValue

SAMPLE: Final = 60  # records that delimiter and headings are found in
MAX_PREAMBLE: Final = 10  # records above the headings that are recognised

Record = tuple[int, int, list[str] | None]  # first line, last line, cells (None: cannot be parsed)

# What spreadsheets write beside the figures of a pivot table.
PIVOT_HEADINGS: Final = (
    *("row labels", "column labels", "grand total", "zeilenbeschriftungen", "spaltenbeschriftungen"),
    *("gesamtergebnis", "étiquettes de lignes", "étiquettes de colonnes", "total général"),
    *("etiquetas de fila", "etiquetas de columna", "total general"),
)

_data = re.compile(r"@|^[\s\d.,:/-]+$")  # what stands in a record and not in a heading
_address = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+", re.IGNORECASE)
_figure = re.compile(r"[\s\d.,:/()%$€£¥+-]*\d[\s\d.,:/()%$€£¥+-]*")  # a number, an amount, a date, a phone


def heading_record(records: Sequence[Record]) -> int:
    """Which record holds the headings: the first, unless what stands above a table is plainly not of it.

    Plainly: all lines above have cells for at most a third of the columns, every heading is filled, differs
    from the others and is no number or address, and all records below are as wide as the headings.
    """
    for index, (_, _, cells) in enumerate(records[: MAX_PREAMBLE + 1]):
        if cells is None:
            return 0
        width = len(cells)
        below = records[index + 1 :]
        if (
            width > 2
            and below
            and not any(map(_data.search, cells))
            and len({cell.strip().casefold() for cell in cells} - {""}) == width
            and all(row is not None and len(row) == width for _, _, row in below)
        ):
            filled = [sum(map(bool, row)) for _, _, row in records[:index] if row is not None]
            return index if all(count <= width // 3 for count in filled) else 0
    return 0


def refuse_no_table(records: Sequence[Record], chosen: int, name: str) -> None:
    """Refuse a file whose headings are none: a pivot table, prose, a title above a table, or a record."""
    line, _, cells = records[chosen]
    if cells is None:
        return
    headings = [cell.strip() for cell in cells]
    filled = [heading for heading in headings if heading]
    below = [row for _, _, row in records[chosen + 1 :] if row is not None]
    insist = f"If line {line} does hold the headings, say --skip-lines {line - 1}."
    pivot = next((heading for heading in filled if heading.casefold() in PIVOT_HEADINGS), None)
    if pivot is not None:
        raise InvalidValue(
            f"{name} is a pivot table, not a list of records: {pivot!r} is a heading in line {line}.",
            hint=f"Export the records that it was made from. {insist}",
        )
    if len(headings) == 1 and (len(headings[0]) > 80 or len(headings[0].split()) > 9):
        raise InvalidValue(
            f"{name} is text, not a table: line {line} is a sentence and no row of headings.",
            hint=f"Its delimiter may be another; see --delimiter. {insist}",
        )
    if any(map(_address.fullmatch, filled)) or _are_figures(filled, headings, below):
        raise InvalidValue(
            f"{name} has no headings: line {line} is a record itself ({_example(filled)}).",
            hint=f"Name its columns: --headers name,email,… {insist}",
            field="headers",
        )
    figures = sum(map(bool, map(_figure.fullmatch, filled)))
    if figures > 1 and figures * 2 >= len(filled):
        raise InvalidValue(
            f"{name} is no list of records: most headings in line {line} are numbers or dates.",
            hint=f"A pivot table goes in when each of its records has a row of its own. {insist}",
        )
    _refuse_blank_headings(headings, below, records[chosen + 1 :], name, line, insist)


def _are_figures(filled: list[str], headings: list[str], below: list[list[str]]) -> bool:
    """Whether the first record and all others have figures in the same columns, and texts in others."""
    columns = [index for index, heading in enumerate(headings) if _figure.fullmatch(heading)]
    if not columns or len(columns) * 2 > len(filled):
        return False
    return all(
        index < len(row) and (not row[index] or _figure.fullmatch(row[index].strip()))
        for row in below
        for index in columns
    ) and any(not re.fullmatch(r"(?:19|20)\d\d", headings[index]) for index in columns)


def _example(filled: list[str]) -> str:
    data = (heading for heading in filled if _address.fullmatch(heading) or _figure.fullmatch(heading))
    return repr(next(data))


def _refuse_blank_headings(
    headings: list[str],
    below: list[list[str]],
    records: Sequence[Record],
    name: str,
    line: int,
    insist: str,
) -> None:
    """Refuse headings of which more are blank than filled although cells stand under them."""
    width = len(headings)
    bare = [
        index
        for index, heading in enumerate(headings)
        if not heading and any(index < len(row) and row[index].strip() for row in below)
    ]
    filled = sum(map(bool, headings))
    if len(bare) <= filled or len(bare) < 2:
        return
    better = next(
        (first for first, _, row in records if row is not None and sum(map(bool, row)) >= len(bare)), None
    )
    raise InvalidValue(
        f"{name} is no list of records as it stands: line {line} has {filled} "
        f"{'heading' if filled == 1 else 'headings'} above {width} columns.",
        hint=(f"If the headings are in line {better}, say --skip-lines {better - 1}. " if better else "")
        + f"A pivot table, a form or two tables side by side must be made into one table first. {insist}",
        field="skip_lines",
    )
