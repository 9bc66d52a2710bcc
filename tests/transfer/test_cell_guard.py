"""Guarding cells against spreadsheets is reversible and leaves ordinary cells alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.transfer.writer import guard, is_marked, mark, unguard

texts = st.text() | st.text("='+-@\t\r\n＝＋－＠0", max_size=8)


@given(texts)
def test_a_guarded_cell_comes_back_as_it_was(cell: str) -> None:
    assert unguard(guard(cell)) == cell


@given(texts)
def test_no_guarded_cell_starts_a_formula(cell: str) -> None:
    assert not guard(cell).startswith(tuple("=+-@\t\r\n＝＋－＠"))


@pytest.mark.parametrize("cell", ["", "Ada", "5=5", "a@b.org", "–"])
def test_ordinary_cells_stay(cell: str) -> None:
    assert guard(cell) == cell


@pytest.mark.parametrize(
    "cell",
    [
        "+442079460958",
        "+44 20 7946 0958",
        "-5.00",
        "-3%",
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "-",
        "+",
        "-٣",
        "'x",
    ],
)
def test_formulas_get_an_apostrophe(cell: str) -> None:
    assert guard(cell) == "'" + cell


def test_a_guarded_file_says_so_in_its_first_heading() -> None:
    assert mark(["ref", "name"]) == ["'ref", "name"]
    assert is_marked(["'ref", "name"])
    assert is_marked(mark(["ref"]))
    assert mark([]) == []
    for headings in ([], ["ref"], ["ref", "'name"], ["'ref'", "'name'"], ["'ref", "'name"]):
        assert not is_marked(headings)
