"""A file to import from: found out once, then read as rows as often as needed."""

import io
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from crmcli.errors import InvalidValue
from crmcli.transfer import csv_rows, json_rows, vcard_rows
from crmcli.transfer.encoding import Bytes, Facts, is_workbook, look
from crmcli.transfer.rows import BadRow, Row, check_headings, readable
from crmcli.transfer.writer import is_marked

Format = Literal["csv", "json", "jsonl", "vcard", "xlsx"]


class Source:
    """An open file: its headings, and its rows. One reading at a time."""

    headings: list[str]
    announced: list[str]
    format: Format
    is_blank = False  # nothing stands in it at all
    is_empty = False  # it says that there are no records, and so has no headings either
    crowded = False  # several records stand in one line
    texts: Collection[int] | None = None  # columns that may hold no object of JSON; all, if None

    def __init__(self, source: Bytes) -> None:
        self._bytes = source
        self._rows: Callable[[], Iterator[Row | BadRow]]
        self._at: int | None = None  # the row being read, where bytes do not tell how far one is
        self.name = source.name
        self.size: int | None = source.size
        self.encoding = ""  # of a text
        self.delimiter: str | None = None
        self.guarded = False
        self._found: list[str] = []  # of the text, to be announced in one sentence
        self.announced = []

    def rows(self) -> Iterator[Row | BadRow]:
        """Every record with the line it starts on; those that cannot be read as `BadRow`, in their place."""
        return self._rows()

    def reason(self, n: int, reason: str) -> str:
        """The reason why a row is refused; with its number where its line does not tell which one it is."""
        return f"record {n + 1}: {reason}" if self.crowded else reason

    def position(self) -> int:
        """How much of `size` has been read: bytes of a file, rows of a sheet."""
        return self._bytes.position() if self._at is None else self._at

    def apart(self) -> Self:
        """For a copy of this process: the same file, but with a position of its own."""
        self._bytes.read_apart()
        return self

    def close(self) -> None:
        self._bytes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _as_text(self, facts: Facts, *, asked: bool) -> None:
        self._facts = facts
        self.encoding = "utf-8" if facts.encoding == "utf-8-sig" else facts.encoding
        if self.encoding != "utf-8" and not asked:
            why = " (not valid UTF-8)" if self.encoding == "cp1252" else ""
            self._found.append(f"read as {self.encoding}{why}")

    @contextmanager
    def _text(self, newline: str | None = None) -> Iterator[io.TextIOWrapper]:
        with readable(self.name):
            self._bytes.content.seek(0)
            stream = io.TextIOWrapper(self._bytes.content, self._facts.encoding, newline=newline)
            try:
                if self._facts.marked:
                    stream.read(1)
                yield stream
            finally:
                with suppress(ValueError):  # closed meanwhile
                    stream.detach()  # the next reading reads the bytes again

    def _as_json(self, *, lines: bool) -> None:
        array = self._facts.head.lstrip().startswith("[")
        each = not array and json_rows.is_lines(self._facts, named=lines)
        with self._text() as stream:
            found = json_rows.survey(stream, self.name, lines=each)
        self.format = "jsonl" if not array and (lines or found.records > 1) else "json"
        self.headings = [key.strip() for key in found.keys]
        self.is_empty = not found.records
        self.crowded = found.crowded

        def rows() -> Iterator[Row | BadRow]:
            with self._text() as stream:
                yield from json_rows.rows(stream, self.name, found.keys, lines=each, texts=self.texts)

        self._rows = rows

    def _as_csv(self, delimiter: str | None, headers: list[str] | None, skip: int | None) -> None:
        self.format = "csv"
        facts = self._facts
        layout = csv_rows.find_layout(facts, self.name, delimiter=delimiter, headers=headers, skip=skip)
        self.delimiter = layout.delimiter
        if layout.found and self.delimiter != ",":
            sign = "tab" if self.delimiter == "\t" else repr(self.delimiter)
            self._found.append(f"delimiter {sign}")
        self._set_headings(layout.headings, layout.preamble, given=headers is not None)

        def rows() -> Iterator[Row | BadRow]:
            if self.headings:
                with self._text(newline="") as stream:
                    yield from csv_rows.rows(
                        stream, layout, nul=facts.nul, giant=facts.giant, guarded=self.guarded
                    )

        self._rows = rows

    def _as_sheet(self, headers: list[str] | None, skip: int | None) -> None:
        from crmcli.transfer import xlsx_rows

        self.format = "xlsx"
        with readable(self.name):
            sheet = xlsx_rows.open_sheet(self._bytes.content, self.name)
        self.size = sheet.height
        self.announced += xlsx_rows.announced(sheet)
        layout = xlsx_rows.find_layout(sheet, self.name, headers=headers, skip=skip)
        self._set_headings(layout.headings, layout.preamble, given=headers is not None)

        def rows() -> Iterator[Row | BadRow]:
            for row in xlsx_rows.rows(sheet, layout):
                self._at = row.line if isinstance(row, BadRow) else row[0]
                yield row

        self._rows = rows
        self._at = 0

    def _as_cards(self, fields: Collection[str]) -> None:
        self.format = "vcard"
        with self._text() as stream:
            self.headings, said = vcard_rows.survey(stream, fields)
        self.announced += said

        def rows() -> Iterator[Row | BadRow]:
            with self._text() as stream:
                yield from vcard_rows.rows(stream, self.headings, fields)

        self._rows = rows

    def _set_headings(self, headings: list[str], preamble: int, *, given: bool) -> None:
        self.headings = headings
        if preamble:
            self.announced.append(f"Headings found in line {preamble + 1}; what stands above was skipped.")
        if not given and self.format == "csv" and is_marked(headings):
            self.guarded = True
            self.headings = [headings[0][1:], *headings[1:]]
            self.announced.append(
                "Cells were guarded for a spreadsheet; the guarding apostrophes are removed."
            )


def open_source(
    path: str,
    stdin: BinaryIO,
    *,
    encoding: str | None,
    delimiter: str | None,
    headers: Sequence[str] | None = None,
    skip_lines: int | None = None,
    fields: Collection[str] = (),
) -> Source:
    """Open a file, or stdin for "-", and find out what it is.

    `headers` are the headings of a file that has none. `skip_lines` is how many lines stand above the
    headings; without it a preamble is recognised where that is safe, with 0 never. `fields` are the names of
    those that there are: what a vCard says beyond them goes into the description.
    """
    mark = None if delimiter is None else csv_rows.known_delimiter(delimiter)
    if skip_lines is not None and skip_lines < 0:
        raise InvalidValue("The number of lines to skip cannot be negative.", field="skip_lines")
    source = Bytes(path, stdin)
    try:
        opened = Source(source)
        given = None if headers is None else [heading.strip() for heading in headers]
        with readable(source.name):
            workbook = is_workbook(source.content)
        if workbook:
            opened._as_sheet(given, skip_lines)
        else:
            opened._as_text(look(source, encoding), asked=encoding is not None)
            head = opened._facts.head
            suffix = "".join(Path(path).suffixes[-2:]).lower().removesuffix(".gz")
            if vcard_rows.is_vcard(head):
                opened._as_cards(fields)
            elif mark is None and given is None and skip_lines is None and _is_json(head, suffix):
                opened._as_json(lines=suffix.endswith((".jsonl", ".ndjson")))
            else:
                opened.is_blank = opened._facts.whole and not head.strip()
                opened._as_csv(mark, given, skip_lines)
        check_headings(opened.headings, source.name)
        if opened._found:
            sentence = "; ".join(opened._found)
            opened.announced.insert(0, f"{sentence[0].upper()}{sentence[1:]}.")
    except BaseException:
        source.close()
        raise
    return opened


def _is_json(head: str, suffix: str) -> bool:
    """Whether a text is JSON: its name says so and it may be, or it begins as only JSON does."""
    start = "".join(head[:4096].split())[:2]
    if suffix.endswith((".jsonl", ".ndjson")) and not start:
        return True  # the JSON Lines of no records
    if suffix.endswith((".json", ".jsonl", ".ndjson")):
        return start.startswith(("{", "["))
    return start in {'{"', "{}", "[{", "[]"}
