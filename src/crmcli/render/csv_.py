"""CSV as in RFC 4180, and TSV, the format of pipes.

TSV has no quotes: one record is one line, whatever is in it. A tab, line feed, carriage return or backslash
inside a value is written `\\t`, `\\n`, `\\r`, `\\\\`, as PostgreSQL's COPY does; everything else is verbatim.
"""

from collections.abc import Iterator
from typing import Any

from crmcli.render.cells import as_table, home_currency, machine_texts
from crmcli.render.clean import clean
from crmcli.render.look import Look
from crmcli.render.stream import pour
from crmcli.result import Record, Table

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write(result: Table | Record, look: Look) -> None:
    """Comma-separated values with a heading line."""
    pour(_comma_lines(as_table(result), look), look.out)


def write_tabs(result: Table | Record, look: Look) -> None:
    """Tab-separated values with a heading line."""
    lines = _tab_lines(as_table(result), look)
    pour(map(_harmless, lines) if look.terminal else lines, look.out)


def _harmless(line: str) -> str:
    return "\t".join([clean(text) for text in line[:-1].split("\t")]) + "\n"


def _tab_lines(table: Table, look: Look) -> Iterator[str]:
    texts = machine_texts(table.columns, home_currency(table), look.zone)
    tabs = len(table.columns) - 1
    yield "\t".join([column.name.translate(_ESCAPES) for column in table.columns]) + "\n"
    for row in table.rows:
        made = texts(row)
        line = "\t".join(made)
        if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != tabs:
            line = "\t".join([text.translate(_ESCAPES) for text in made])
        yield line + "\n"


def _comma_lines(table: Table, look: Look) -> Iterator[str]:
    import csv

    texts = machine_texts(table.columns, home_currency(table), look.zone)
    echo: Any = _Echo()  # writerow() returns what write() returned: the line itself
    usual = csv.writer(echo, lineterminator="\n").writerow
    quoted = csv.writer(echo, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow
    rows: Iterator[list[str]] = (texts(row) for row in table.rows)
    if look.terminal:
        rows = ([clean(text) for text in row] for row in rows)
    yield str(usual([column.name for column in table.columns]))
    for row in rows:
        line = str(usual(row))
        yield str(quoted(row)) if "\r" in line else line  # some Pythons leave a lone \r unquoted


class _Echo:
    """A file whose write() hands the text back."""

    def write(self, text: str) -> str:
        return text
