"""What reading a file gives, whatever its format: rows, and the rows that cannot be read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from crmcli.errors import InvalidValue

MAX_COLUMNS: Final = 1_000
MAX_FIELD: Final = 1 << 20  # characters in one cell
MAX_RECORD: Final = 2 << 20  # characters in one row

Code = Literal[
    "column_count", "nul", "field_too_long", "row_too_long", "unclosed_quote", "bad_quote",
    "too_many_columns", "bad_text", "grand_total", "bad_card", "bad_json", "nested",
]  # fmt: skip

REASONS: Final[dict[Code, str]] = {
    "nul": "a cell holds a NUL character",
    "field_too_long": f"a cell is longer than {MAX_FIELD:,} characters",
    "row_too_long": f"the row is longer than {MAX_RECORD:,} characters",
    "unclosed_quote": "a quote is opened here and never closed; everything after it belongs to this cell",
    "bad_quote": "a quoted cell goes on after its closing quote",
    "too_many_columns": f"the row has more than {MAX_COLUMNS:,} cells",
    "bad_text": "a cell holds half of a character (an unpaired surrogate)",
    "grand_total": "the row is a grand total, not a record",
    "bad_card": "the card is not closed by END:VCARD",
}
# What spreadsheets and reports write in the first cell of their last line.
GRAND_TOTALS: Final = frozenset({
    "Grand Total", "Grand total", "GRAND TOTAL", "Grand Totals", "Grand Summaries", "Gesamtergebnis",
    "Total général", "Total general", "Total Geral", "Totale complessivo", "Eindtotaal",
})  # fmt: skip

Row = tuple[int, list[str]]  # the line of the file where the record starts, and its cells


@dataclass(frozen=True, slots=True)
class BadRow:
    """A record that cannot be read, with what could be made of its cells."""

    line: int
    code: Code
    reason: str
    cells: list[str]


def bad(line: int, code: Code, cells: list[str]) -> BadRow:
    """A bad row, in the words that its code has."""
    return BadRow(line, code, REASONS[code], cells)


def judged(line: int, cells: list[str]) -> Row | BadRow:
    """A row, if its texts can be kept."""
    whole = "".join(cells)
    if "\0" in whole:
        return bad(line, "nul", cells)
    if len(whole) > MAX_FIELD and any(len(cell) > MAX_FIELD for cell in cells):
        return bad(line, "field_too_long", cells)
    if not whole.isascii() and _halved(whole):
        return bad(line, "bad_text", cells)
    return line, cells


def _halved(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def column_count(line: int, cells: list[str], width: int) -> BadRow:
    """A row that has not as many cells as there are headings."""
    has = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    under = "1 heading" if width == 1 else f"{width} headings"
    return BadRow(line, "column_count", f"the row has {has} under {under}", cells)


def check_headings(headings: Sequence[str], name: str) -> None:
    """Refuse headings that no row could be read under."""
    if len(headings) > MAX_COLUMNS:
        raise InvalidValue(f"{name} has {len(headings):,} columns; at most {MAX_COLUMNS:,} can be read.")
    seen: dict[str, int] = {}
    for number, heading in enumerate(headings, 1):
        first = seen.setdefault(heading, number)
        if heading and first != number:
            raise InvalidValue(
                f"{name} has the heading {heading!r} twice, in columns {first} and {number}.",
                hint="Rename one of them, or name all columns yourself: --skip-lines 1 --headers A,B,C",
            )


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn whatever can go wrong with the bytes of a file into one sentence."""
    from zlib import error as ZlibError

    try:
        yield
    except OSError as error:  # gzip.BadGzipFile is one
        raise InvalidValue(f"Cannot read {name}: {error.strerror or error}.") from None
    except (EOFError, ZlibError):
        raise InvalidValue(f"Cannot read {name}: the compressed file is damaged or incomplete.") from None
    except UnicodeError as error:
        raise InvalidValue(f"Cannot read {name}: {error}.") from None
