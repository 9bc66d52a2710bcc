"""Charts of block characters that stand upright, and the figures under them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.render.bars import drawn, upright
from crmcli.render.charts import Drawing, drawing_of, levels
from crmcli.result import Chart, Column, Report

BLOCKS = " ▁▂▃▄▅▆▇█"


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=24), st.integers(1, 8))
def test_columns_are_as_high_as_their_figures(values: list[int], height: int) -> None:
    lines = upright(values, height, False)
    assert len(lines) == height
    heights = [sum(BLOCKS.index(line[at]) for line in lines) for at in range(len(values))]
    for value, found in zip(values, heights, strict=True):
        wanted = value / max(values) * height * 8 if value else 0
        assert found == max(round(wanted), value > 0)
    for at in range(len(values)):  # no hole in a column
        column = [BLOCKS.index(line[at]) for line in lines]
        assert column == sorted(column)
        assert sum(0 < part < 8 for part in column) <= 1


@given(st.lists(st.integers(0, 100), min_size=1, max_size=12))
def test_ascii_has_letters_only(values: list[int]) -> None:
    assert {*"".join(upright(values, 4, True))} <= {" ", "#"}


def test_nothing_stands_on_nothing() -> None:
    assert upright([0, None, 0], 2, False) == ["   ", "   "]


def test_bars_take_the_width_they_are_given() -> None:
    columns = (Column("owner", "Owner"), Column("share", "Share", "percent"))
    report = Report(columns, [["Ann", 50], ["Bo", 100]], chart=Chart("share"))
    assert drawn(drawing(report), False, 8) == ["████", "████████", ""]
    assert levels([100, 50, -30]) == [(0, 100), (100, 150), (150, 120)]


@pytest.mark.parametrize(
    ("name", "short"),
    [("2026-01", "Jan"), ("2026-12", "Dec"), ("2026-Q3", "Q3"), ("2026-13", "13"), ("West", "West")],
)
def test_months_have_names(name: str, short: str) -> None:
    report = over_time(1)
    report.rows = [[name, 1]]
    assert drawing(report).short_names() == [short]


def over_time(*amounts: int | float | None, kind: str = "money", currency: str = "USD") -> Report:
    columns = (Column("month", "Month"), Column("won", "Won", kind))  # type: ignore[arg-type]
    rows = [["2026-01", amount] for amount in amounts]
    return Report(columns, rows, head={"currency": currency}, chart=Chart("won", "columns"))


def drawing(report: Report) -> Drawing:
    found = drawing_of(report)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("amounts", "texts", "unit"),
    [
        ((0, 5_000_00, 999_400_00), ["0", "5", "999"], "USD thousand"),
        ((5_000_00, 999_600_00), ["0.0", "1.0"], "USD million"),
        ((1_500_000_00, 9_400_000_00, None), ["1.5", "9.4", ""], "USD million"),
        ((120_00, 7_00), ["120", "7"], "USD"),
        ((0, 0), ["0", "0"], "USD"),
    ],
)
def test_figures_under_columns_take_three_digits(
    amounts: tuple[int | None, ...], texts: list[str], unit: str
) -> None:
    assert drawing(over_time(*amounts)).digits() == (texts, unit)


def test_a_currency_without_cents_and_figures_that_are_no_money() -> None:
    assert drawing(over_time(1_500_000, currency="JPY")).digits() == (["1.5"], "JPY million")
    assert drawing(over_time(3, 7.5, kind="number")).digits() == (["3.0", "7.5"], "")


def test_what_is_not_shown_is_not_drawn() -> None:
    report = over_time(1)
    report.columns = [report.columns[0]]
    assert drawing_of(report) is None
    report = over_time(1)
    report.columns = [report.columns[0], Column("won", "Won", "money", hidden=True)]
    assert drawing_of(report) is None
    assert drawing_of(Report(report.columns, [])) is None
