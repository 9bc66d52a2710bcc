"""CSV is written many rows at a time: what a page is makes no difference to what is written."""

import csv
import io
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crmcli.render import render
from crmcli.render.csv_ import ROWS
from crmcli.render.look import Look
from crmcli.result import Column, Table

COLUMNS = (
    Column("id", "ID", "number"),
    Column("name", "Name"),
    Column("amount", "Amount", "money"),
    Column("currency", "Currency"),
    Column("won", "Won", "boolean"),
    Column("share", "Share", "number"),
)


def written(rows: list[tuple[Any, ...]]) -> str:
    out = io.StringIO()
    render(Table(COLUMNS, rows), "csv", Look(out, out))
    return out.getvalue()


def test_rows_beyond_a_page_are_said_as_those_in_it() -> None:
    rows: list[tuple[Any, ...]] = [
        (n, f"Name {n}", n * 100 + 5, "USD", n % 2, None) for n in range(2 * ROWS + 1)
    ]
    odd = (7, "a\rb", 12345, "KWD", None, Decimal("1E+3"))
    rows.insert(ROWS + 1, odd)
    lines = written(rows).splitlines(keepends=True)
    assert lines[1] == "0,Name 0,0.05,USD,false,\n"
    read = list(csv.reader(io.StringIO(written(rows), newline="")))
    assert len(read) == len(rows) + 1
    assert read[ROWS + 2] == ["7", "a\rb", "12.345", "KWD", "", "1000"]
    assert read[-1] == [str(2 * ROWS), f"Name {2 * ROWS}", f"{2 * ROWS}.05", "USD", "false", ""]


@given(st.lists(st.one_of(st.none(), st.text(st.sampled_from(' ,"\n\r\té0'), max_size=5)), max_size=8))
def test_any_text_is_read_back(texts: list[str | None]) -> None:
    rows = [(n, text, None, None, None, None) for n, text in enumerate(texts)]
    read = list(csv.reader(io.StringIO(written(rows), newline="")))
    assert [row[1] for row in read[1:]] == [text or "" for text in texts]
