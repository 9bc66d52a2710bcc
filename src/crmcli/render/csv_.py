"""CSV as in RFC 4180, and TSV, the format of pipes.

TSV has no quotes: one record is one line, whatever is in it. A tab, line feed, carriage return or backslash
inside a value is written `\\t`, `\\n`, `\\r`, `\\\\`, as PostgreSQL's COPY does; everything else is verbatim.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from crmcli.render.cells import as_table, home_currency, machine_texts, machine_words
from crmcli.render.clean import clean
from crmcli.render.look import Look
from crmcli.render.stream import pour
from crmcli.result import Record, Row, Table

ROWS: Final = 250  # that are written at once

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write(result: Table | Record, look: Look) -> None:
    """Comma-separated values with a heading line."""
    pour(_quoted_lines(as_table(result), look, ","), look.out)


def write_quoted_tabs(result: Table | Record, look: Look) -> None:
    """Tab-separated values with the quotes of CSV, which every other program and our import understand."""
    pour(_quoted_lines(as_table(result), look, "\t"), look.out)


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


def _quoted_lines(table: Table, look: Look, sign: str) -> Iterator[str]:
    """The lines, many at once. No function of ours is called for what csv.writer says by itself."""
    words = machine_words(table.columns, home_currency(table), look.zone)
    numbers = [column.kind in ("number", "percent") for column in table.columns]
    yield _lines([[column.name for column in table.columns]], sign)
    rows = iter(table.rows)
    while page := list(islice(rows, ROWS)):
        made: Sequence[Row] = page
        for index, say in words:
            if numbers[index] and {type(row[index]) for row in page} <= {int, type(None)}:
                continue
            if made is page:
                made = texts = [[*row] for row in page]
            for text, row in zip(texts, page, strict=True):
                if row[index] is not None:
                    text[index] = say(row[index], row)
        if look.terminal:
            made = [[None if value is None else clean(str(value)) for value in row] for row in made]
        yield _lines(made, sign)


def _lines(rows: Sequence[Row], sign: str) -> str:
    import csv

    out = io.StringIO()
    csv.writer(out, delimiter=sign, lineterminator="\n").writerows(rows)
    lines = out.getvalue()
    if "\r" not in lines:
        return lines
    out = io.StringIO()  # some Pythons leave a lone \r unquoted
    usual = csv.writer(out, delimiter=sign, lineterminator="\n")
    quoted = csv.writer(out, delimiter=sign, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        returns = any(isinstance(value, str) and "\r" in value for value in row)
        (quoted if returns else usual).writerow(row)
    return out.getvalue()
