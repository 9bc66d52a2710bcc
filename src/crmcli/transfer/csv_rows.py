"""CSV as rows: the delimiter, the heading line, and every record with the line it starts on."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, TextIO

from crmcli.errors import InvalidValue, suggestion
from crmcli.transfer.encoding import Facts
from crmcli.transfer.headings import SAMPLE, Record, heading_record, refuse_no_table
from crmcli.transfer.rows import (
    GRAND_TOTALS,
    MAX_COLUMNS,
    MAX_FIELD,
    MAX_RECORD,
    BadRow,
    Code,
    Row,
    bad,
    column_count,
)
from crmcli.transfer.writer import unguard

BATCH: Final = 1 << 16  # characters of lines handed to the parser at once

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
WORDS: Final = {**{word: mark for mark, word in DELIMITERS.items()}, "\\t": "\t"}

_excel_hint = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_line_end = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a CSV file is laid out."""

    delimiter: str
    found: bool  # the delimiter was found, not said
    headings: list[str]
    first: int  # the line where the records begin
    preamble: int = 0  # lines above the headings that were taken for a preamble


def known_delimiter(word: str) -> str:
    """The character of a delimiter that was typed, or its name."""
    mark = WORDS.get(word.casefold(), word)
    if len(mark) != 1 or mark.isalnum() or mark in '"\r\n\0':
        raise InvalidValue(
            f"Unknown delimiter {word!r}.",
            hint=suggestion(word, list(DELIMITERS.values()))
            or "Use one character, or comma, semicolon, tab, pipe.",
            field="delimiter",
        )
    return mark


def find_layout(
    facts: Facts, name: str, *, delimiter: str | None, headers: list[str] | None, skip: int | None
) -> Layout:
    """Find the delimiter and the heading line in the head of a file."""
    lines = list(io.StringIO(facts.head, newline=""))
    if not facts.whole:
        lines = lines[:-1]  # it may be cut
        if not lines:
            raise InvalidValue(
                f"{name} is no table: its first line does not end within {len(facts.head):,} characters."
            )
    above = skip or 0
    if above and above >= max(len(lines), 1):
        raise InvalidValue(f"{name} has no line left after {above} skipped lines.", field="skip_lines")
    hint = _excel_hint.fullmatch(lines[above]) if len(lines) > above else None
    if hint and delimiter is None:
        delimiter, above = hint[1], above + 1
    mark = delimiter or _find_delimiter(lines[above:])
    found = delimiter is None
    if headers is not None:
        return Layout(mark, found, headers, above + 1)
    records = [(above + first, above + last, cells) for first, last, cells in _sample(lines[above:], mark)]
    chosen = 0 if skip is not None else heading_record(records)
    if not records:
        return Layout(mark, found, [], above + 1)
    line, last, cells = records[chosen]
    if cells is None:
        raise InvalidValue(
            f"{name}: the headings in line {line} cannot be read; a quote is not closed, or not alone."
        )
    if any("\0" in cell for cell in cells):
        raise InvalidValue(
            f"{name}: the headings in line {line} hold NUL characters.",
            hint="It is no table, or not in the encoding it was read as; see --encoding.",
        )
    if skip is None:
        refuse_no_table(records, chosen, name)
    return Layout(mark, found, [cell.strip() for cell in cells], last + 1, line - 1 if chosen else 0)


def _sample(lines: list[str], delimiter: str) -> list[Record]:
    """The first records that are not blank."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    records: list[Record] = []
    while len(records) < SAMPLE:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            records.append((start, reader.line_num, None))
        else:
            if any(cell.strip() for cell in cells):
                records.append((start, reader.line_num, cells))
    return records


def _find_delimiter(lines: list[str]) -> str:
    """The delimiter that gives the heading line and most records the same number of cells."""
    best, best_score = ",", (False, 0.0, 1)
    for mark in DELIMITERS:
        sample = _sample(lines, mark)
        widths = [len(cells or ()) for _, _, cells in sample]
        width, times = Counter(widths).most_common(1)[0] if widths else (0, 0)
        first = width > 1 and widths[0] == width
        if not first and not heading_record(sample):
            continue
        score = (first, times / len(widths), width)
        if score > best_score:
            best, best_score = mark, score
    return best


class _Runaway(Exception):
    """A record grew beyond all measure."""


class _Lines:
    """Hands lines to the parser in batches; keeps those of the record being read, for a second look."""

    def __init__(self, stream: TextIO, first: int, *, giant: bool) -> None:
        self.stream = stream
        self.giant = giant
        self.start = first  # the line where the record being read starts; the reading loop moves it on
        self.ended = False
        self._first = first  # the line that _kept begins with
        self._kept: list[str] = []

    def to_parse(self) -> Iterator[str]:
        """The lines from `start` on."""
        self._forget(self.start - self._first)
        return chain.from_iterable(self._batches())

    def step(self, lines: int) -> None:
        """Go on with the record that begins so many lines after `start`."""
        self._forget(lines)
        self.start = self._first

    def kept(self) -> list[str]:
        return self._kept

    def _forget(self, lines: int) -> None:
        del self._kept[:lines]
        self._first += lines

    def _batches(self) -> Iterator[list[str]]:
        if self._kept:
            yield self._kept[:]
        while True:
            self._forget(self.start - self._first)
            if self._kept and sum(map(len, self._kept)) > MAX_RECORD:
                raise _Runaway
            batch = self._fetch()
            if not batch:
                self.ended = True
                return
            self._kept = self._kept + batch if self._kept else batch
            if self.giant and len(batch[0]) == MAX_RECORD and not batch[0].endswith(("\n", "\r")):
                raise _Runaway
            yield batch

    def _fetch(self) -> list[str]:
        if not self.giant:
            return self.stream.readlines(BATCH)  # no line is longer than a chunk of the first look
        line = self.stream.readline(MAX_RECORD)
        return [line] if line else []

    def skip_record(self) -> bool:
        """Read on to the end of a record too long to keep; whether it has one."""
        lines, quotes, last = len(self._kept), 1, ""  # it went over a line end: it is within quotes
        if not self._kept[-1].endswith(("\n", "\r")):  # or its line is not even read to the end
            last = self._kept[-1]
            lines -= 1
            quotes = last.count('"') + (lines > 0)
        self._kept = []
        while quotes % 2 or not last.endswith(("\n", "\r")):
            last = self.stream.readline(MAX_RECORD)
            if not last:
                self.ended = True
                break
            quotes += last.count('"')
            lines += last.endswith(("\n", "\r"))
        self.start = self._first = self._first + lines
        return quotes % 2 == 0


def rows(
    stream: TextIO, layout: Layout, *, nul: bool, giant: bool, guarded: bool = False
) -> Iterator[Row | BadRow]:
    """Every record under the headings; blank lines are left out."""
    for _ in range(layout.first - 1):
        stream.readline()
    width = len(layout.headings)
    plain = not (nul or guarded)
    totals = GRAND_TOTALS if width > 1 else frozenset()
    feed = _Lines(stream, layout.first, giant=giant)
    csv.field_size_limit(MAX_FIELD)
    while not feed.ended:
        base = feed.start
        reader = csv.reader(feed.to_parse(), delimiter=layout.delimiter, strict=True)
        try:
            for cells in reader:
                if len(cells) == width and plain and any(cells) and cells[0] not in totals:
                    yield feed.start, cells
                elif any(map(str.strip, cells)):
                    yield _judge(feed.start, cells, width, guarded=guarded)
                feed.start = base + reader.line_num
            return
        except csv.Error:
            feed.ended = False
            problem = _look_again(feed, layout.delimiter)
        except _Runaway:
            problem = _runaway(feed, layout.delimiter)
        if guarded:
            problem = BadRow(problem.line, problem.code, problem.reason, list(map(unguard, problem.cells)))
        yield problem


def _judge(line: int, cells: list[str], width: int, *, guarded: bool) -> Row | BadRow:
    """A record that is not plainly good."""
    if guarded:
        cells = list(map(unguard, cells))
    if any("\0" in cell for cell in cells):
        return bad(line, "nul", cells)
    if width > 1 and cells[0].strip() in GRAND_TOTALS:
        return bad(line, "grand_total", cells)
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        cells = cells[:width]
    if len(cells) > MAX_COLUMNS:
        return bad(line, "too_many_columns", cells)
    if len(cells) != width:
        return column_count(line, cells, width)
    return line, cells


def _look_again(feed: _Lines, delimiter: str) -> BadRow:
    """Why a record could not be parsed: read it once more, forgiving everything, and go on behind it."""
    line = feed.start
    csv.field_size_limit(4 * MAX_RECORD)
    try:
        reader = csv.reader(feed.to_parse(), delimiter=delimiter, strict=False)
        cells = next(reader)
    except _Runaway:
        return _runaway(feed, delimiter)
    finally:
        csv.field_size_limit(MAX_FIELD)
    if feed.ended:
        line = feed.start + _open_line(feed.kept(), cells[-1])
        return bad(line, "unclosed_quote", cells)
    code: Code = "field_too_long" if any(len(cell) > MAX_FIELD for cell in cells) else "bad_quote"
    feed.step(reader.line_num)
    return bad(line, code, cells)


def _runaway(feed: _Lines, delimiter: str) -> BadRow:
    """A record too long to be held: name it and go on behind it."""
    line, kept = feed.start, feed.kept()
    csv.field_size_limit(4 * MAX_RECORD)
    cells = next(csv.reader(kept, delimiter=delimiter, strict=False))
    csv.field_size_limit(MAX_FIELD)
    open_line = line + _open_line(kept, cells[-1])
    code: Code = "field_too_long" if any(len(cell) > MAX_FIELD for cell in cells) else "row_too_long"
    if not feed.skip_record():
        return bad(open_line, "unclosed_quote", [])
    return bad(line, code, [])


def _open_line(lines: list[str], cell: str) -> int:
    """How many lines below the first one the last, unfinished cell begins."""
    breaks = len(_line_end.findall(cell))
    return len(lines) - breaks - (0 if cell.endswith(("\n", "\r")) else 1)
