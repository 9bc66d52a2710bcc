"""A file to import from: found out once, then read as rows as often as needed."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from crmcli.errors import InvalidValue
from crmcli.transfer import csv_rows, json_rows
from crmcli.transfer.encoding import Bytes, Facts, look
from crmcli.transfer.rows import BadRow, Row, check_headings, readable
from crmcli.transfer.writer import is_marked

Format = Literal["csv", "json", "jsonl"]


class Source:
    """An open file: its headings, and its rows. One reading at a time."""

    headings: list[str]
    announced: list[str]
    format: Format

    def __init__(self, source: Bytes, facts: Facts) -> None:
        self._bytes = source
        self._facts = facts
        self._layout: csv_rows.Layout | None = None
        self._keys: list[str] = []
        self.name = source.name
        self.size: int | None = source.size
        self.encoding = "utf-8" if facts.encoding == "utf-8-sig" else facts.encoding
        self.delimiter: str | None = None
        self.guarded = False
        self.announced = []

    def rows(self) -> Iterator[Row | BadRow]:
        """Every record with the line it starts on; those that cannot be read as `BadRow`, in their place."""
        if self._layout is None:
            with self._text(newline=None) as stream:
                yield from json_rows.rows(stream, self.name, self._keys)
        elif self.headings:
            facts = self._facts
            with self._text(newline="") as stream:
                yield from csv_rows.rows(
                    stream, self._layout, nul=facts.nul, giant=facts.giant, guarded=self.guarded
                )

    def position(self) -> int:
        """Bytes consumed so far, of `size`."""
        return self._bytes.position()

    def close(self) -> None:
        self._bytes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _text(self, newline: str | None) -> Iterator[io.TextIOWrapper]:
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
        with self._text(newline=None) as stream:
            self._keys, count = json_rows.keys(stream, self.name)
        array = self._facts.head.lstrip().startswith("[")
        self.format = "jsonl" if not array and (lines or count > 1) else "json"
        self.headings = [key.strip() for key in self._keys]

    def _as_csv(self, delimiter: str | None, headers: Sequence[str] | None, skip: int | None) -> None:
        self.format = "csv"
        given = None if headers is None else [heading.strip() for heading in headers]
        layout = csv_rows.find_layout(self._facts, self.name, delimiter=delimiter, headers=given, skip=skip)
        self._layout = layout
        self.delimiter = layout.delimiter
        self.headings = layout.headings
        if given is None and is_marked(layout.headings):
            self.guarded = True
            self.headings = [layout.headings[0][1:], *layout.headings[1:]]

    def _announce(self, *, asked_encoding: bool) -> None:
        findings = []
        if self.encoding != "utf-8" and not asked_encoding:
            why = " (not valid UTF-8)" if self.encoding == "cp1252" else ""
            findings.append(f"read as {self.encoding}{why}")
        if self._layout is not None and self._layout.found and self.delimiter not in {None, ","}:
            findings.append("delimiter tab" if self.delimiter == "\t" else f"delimiter {self.delimiter!r}")
        if findings:
            sentence = "; ".join(findings)
            self.announced.append(f"{sentence[0].upper()}{sentence[1:]}.")
        if self._layout is not None and self._layout.preamble:
            above = self._layout.preamble
            self.announced.append(f"Headings found in line {above + 1}; what stands above was skipped.")
        if self.guarded:
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
) -> Source:
    """Open a file, or stdin for "-", and find out what it is.

    `headers` are the headings of a file that has none. `skip_lines` is how many lines stand above the
    headings; without it a preamble is recognised where that is safe, with 0 never.
    """
    mark = None if delimiter is None else csv_rows.known_delimiter(delimiter)
    if skip_lines is not None and skip_lines < 0:
        raise InvalidValue("The number of lines to skip cannot be negative.", field="skip_lines")
    source = Bytes(path, stdin)
    try:
        facts = look(source, encoding)
        opened = Source(source, facts)
        suffix = "".join(Path(path).suffixes[-2:]).lower().removesuffix(".gz")
        if mark is None and headers is None and skip_lines is None and _is_json(facts.head, suffix):
            opened._as_json(lines=suffix.endswith((".jsonl", ".ndjson")))
        else:
            opened._as_csv(mark, headers, skip_lines)
        check_headings(opened.headings, source.name)
        opened._announce(asked_encoding=encoding is not None)
    except BaseException:
        source.close()
        raise
    return opened


def _is_json(head: str, suffix: str) -> bool:
    """Whether a text is JSON: its name says so, or it begins as only JSON does."""
    if suffix.endswith((".json", ".jsonl", ".ndjson")):
        return True
    start = "".join(head[:4096].split())[:2]
    return start in {'{"', "{}", "[{", "[]"}
