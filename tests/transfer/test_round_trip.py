"""What is written to a file is what is read from it, in every format and for any text.

A file keeps every character. The import trims white space at both ends of a cell, as typing does.
"""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crmcli.commands._export_file import guarded, write_file
from crmcli.errors import InvalidValue
from crmcli.render.look import Look
from crmcli.result import Column, Table
from crmcli.transfer.source import open_source
from tests.conftest import Crm

FORMATS = ("csv", "tsv", "json", "jsonl", "xlsx")
HARD = (
    *(
        "=1+1",
        "'=1",
        "''",
        "+49 30",
        "-x",
        "@a",
        "\t",
        "C:\\new\\table",
        "\\t",
        "\\",
        '"',
        '""',
        "a\r",
        "\r\nb",
    ),
    *(
        "_x000D_",
        "_x0041_",
        "\x0b\x1f\x7f",
        "\ufeff",
        "\u2028",
        "华信科技",
        "👩‍💻",
        "true",
        "007",
        "1e5",
        "NULL",
    ),
    *("2026-03-02", " a ", "\xa0", ",;|", "#N/A", "\x85", "'", "=cmd|' /C calc'!A0", "\U0010ffff"),
)

# Neither NUL nor half characters can be stored; what XLSX cannot say is refused, see below.
texts = st.one_of(
    st.sampled_from(HARD),
    st.text(
        st.one_of(
            st.sampled_from("=+-@'\"\t\r\n\\ ,;|_x0"),
            st.characters(codec="utf-8", exclude_characters="\0\ufffe\uffff"),
        ),
        max_size=12,
    ),
)


def through_a_file(path: Path, rows: list[list[str]], excel_safe: bool = False) -> list[list[str]]:
    """The rows as they are read from the file that they are written to."""
    table = Table([Column("key", "Key"), Column("a", "A"), Column("b", "B")], rows)
    look = Look(io.StringIO(), io.StringIO())
    write_file(path, guarded(table) if excel_safe else table, path.suffix[1:], look)
    with open_source(str(path), io.BytesIO(), encoding=None, delimiter=None) as source:
        assert source.headings == ["key", "a", "b"]
        return [list(row[1]) for row in source.rows()]  # type: ignore[index]  # a bad row has no place here


@pytest.mark.parametrize("excel_safe", [False, True], ids=["plain", "excel-safe"])
@pytest.mark.parametrize("format", FORMATS)
@given(cells=st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
@example(cells=[*zip(HARD, reversed(HARD), strict=True)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_character_comes_back(
    tmp_path: Path, format: str, excel_safe: bool, cells: list[tuple[str, str]]
) -> None:
    if excel_safe and format not in ("csv", "tsv"):
        return
    rows = [[f"row {number}", *pair] for number, pair in enumerate(cells)]
    assert through_a_file(tmp_path / f"x.{format}", rows, excel_safe) == rows


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read_packed_and_from_a_stream(tmp_path: Path, format: str) -> None:
    rows = [["1", "=1", "華\tb"], ["2", "", "c\nd"]]
    path = tmp_path / f"x.{format}"
    assert through_a_file(path, rows) == rows
    packed = tmp_path / f"y.{format}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for name, stdin in ((str(packed), b""), ("-", path.read_bytes()), ("-", packed.read_bytes())):
        with open_source(name, io.BytesIO(stdin), encoding=None, delimiter=None) as source:
            assert [row[1] for row in source.rows()] == rows  # type: ignore[index]  # none is bad


@pytest.mark.parametrize("text", ["a\uffffb", "a\ufffe", "_x0041_x0042_", "x" * 32_768])
def test_what_xlsx_cannot_say_is_refused_and_nothing_is_written(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidValue, match=r"The b of record 1 (holds characters|is longer)"):
        through_a_file(tmp_path / "x.xlsx", [["1", "", text]])
    assert not list(tmp_path.glob("*.xlsx"))
    assert through_a_file(tmp_path / "x.csv", [["1", "", text]]) == [["1", "", text]]


def test_types_in_xlsx_are_those_of_the_columns(tmp_path: Path) -> None:
    import python_calamine

    kinds: list[tuple[Any, Any, str]] = [
        ("number", 12, "12"),
        ("money", 1250_050, "12500.5"),
        ("money", 10**17 + 1, "1000000000000000.01"),  # more digits than a number of a sheet has
        ("date", "2026-03-02", "2026-03-02"),
        ("date", "1899-12-31", "1899-12-31"),
        ("boolean", 1, "true"),
        ("instant", "2026-03-02T09:30:00Z", "2026-03-02T09:30:00Z"),
        ("text", "0123", "0123"),
        ("text", "=1+1", "=1+1"),
    ]
    columns = [Column(f"c{number}", "", kind) for number, (kind, _, _) in enumerate(kinds)]
    columns.append(Column("currency", ""))
    path = tmp_path / "x.xlsx"
    table = Table(columns, [[*(value for _, value, _ in kinds), "EUR"]])
    write_file(path, table, "xlsx", Look(io.StringIO(), io.StringIO()))
    with open_source(str(path), io.BytesIO(), encoding=None, delimiter=None) as source:
        assert list(source.rows()) == [(2, [*(text for _, _, text in kinds), "EUR"])]
    row = python_calamine.load_workbook(path).get_sheet_by_index(0).to_python()[1]
    assert [type(value).__name__ for value in row] == (
        ["float", "float", "str", "date", "str", "bool", "str", "str", "str", "str"]
    )
    assert b"<f>" not in path.read_bytes()


@given(cells=st.lists(texts.map(str.strip).filter(bool), min_size=1, max_size=4))
@example(cells=[text for text in map(str.strip, HARD) if text])
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_exported_imports_as_it_was(crm: Crm, tmp_path: Path, cells: list[str]) -> None:
    people = [{"name": f"P {n}", "company": text, "description": text} for n, text in enumerate(cells)]
    (tmp_path / "in.json").write_text(json.dumps(people))
    crm.ok("lead", "import", tmp_path / "in.json")

    def stored() -> list[tuple[str, str]]:
        rows = crm.ok("lead export - --format json").json
        return [(row["company"], row["description"]) for row in rows]

    assert stored() == [(text, text) for text in cells]
    for format in FORMATS:
        for option in [[], ["--excel-safe"]] if format in ("csv", "tsv") else [[]]:
            crm.ok("lead", "export", tmp_path / f"out.{format}", *option)
            crm.ok("undo")
            crm.ok("lead", "import", tmp_path / f"out.{format}")
            assert stored() == [(text, text) for text in cells], (format, option)
    crm.ok("undo")


def test_tsv_of_a_pipe_imports_as_it_was_exported(crm: Crm) -> None:
    crm.ok("lead", "add", "Ada", "--description", "C:\\new\tone\ntwo")
    text = crm.ok("lead export - --format tsv").out
    crm.ok("undo")
    crm.ok("lead import -", stdin=text)
    assert crm.ok("lead export - --format json").json[0]["description"] == "C:\\new\tone\ntwo"
