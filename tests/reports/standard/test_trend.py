"""crm report trend: what was made, won and lost, month by month."""

import pytest

from tests.conftest import Crm, Golden
from tests.reports.standard.book import act, rows

ACTS = """
2026-01-05 user add 李雷
2026-01-31 opp add Alpha --amount 1000
2026-02-01 opp add Beta --amount 3000
2026-02-02 opp add 华信传感器 --amount 500
2026-02-10 opp win O1
2026-04-11 opp lose O2 --reason Pricing
2026-04-12 opp win O3
"""


@pytest.fixture
def selling(crm: Crm) -> Crm:
    crm.today = "2026-08-15"
    act(crm, ACTS)
    return crm


def test_every_month_is_there(selling: Crm) -> None:
    found = rows(selling, "trend")
    assert [month for month in found if month] == [f"2026-{month:02}" for month in range(1, 13)]
    names = ("made", "won", "lost", "win_rate", "won_amount", "average_won", "cumulative_won")
    assert [found["2026-01"][name] for name in names] == [1, 0, 0, None, "0.00", None, "0.00"]
    assert [found["2026-02"][name] for name in names] == [2, 1, 0, 100.0, "1000.00", "1000.00", "1000.00"]
    assert [found["2026-03"][name] for name in names] == [0, 0, 0, None, "0.00", None, "1000.00"]
    assert [found["2026-04"][name] for name in names] == [0, 1, 1, 50.0, "500.00", "500.00", "1500.00"]
    assert [found[None][name] for name in names] == [3, 2, 1, 66.7, "1500.00", "750.00", "1500.00"]


def test_quarters_are_those_of_the_fiscal_year(selling: Crm) -> None:
    selling.ok("config set fiscal_year_start february")
    found = rows(selling, "trend --by quarter --period FY27")
    assert {quarter: row["made"] for quarter, row in found.items()} == {
        "FY27-Q1": 2,
        "FY27-Q2": 0,
        "FY27-Q3": 0,
        "FY27-Q4": 0,
        None: 2,
    }


def test_a_deal_is_made_on_the_day_it_is_for_the_user(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("user add Ann")
    crm.ok("config set timezone America/New_York")
    crm.ok(
        "opp import - --keep created_at",
        stdin="name,created_at\nIn January,2026-02-01T04:59:59Z\nIn February,2026-02-01T05:00:00Z\n"
        "In March,2026-04-01T03:59:59Z\nIn April,2026-04-01T04:00:00Z\n",
    )
    found = rows(crm, "trend --period 2026-01..2026-04")
    assert [found[f"2026-0{month}"]["made"] for month in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert [row["made"] for row in rows(crm, "trend --period 2026-02..2026-03").values()] == [1, 1, 2]


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(selling: Crm, golden: Golden, width: int) -> None:
    words = "report trend --period 2026-01..2026-04 --explain --format table"
    golden(f"report-trend-{width}", selling.ok(words, env={"COLUMNS": str(width)}).out)


@pytest.mark.parametrize(
    "words", ["trend", "trend --by quarter", "win-rate", "cycle-time", "funnel", "win-loss"]
)
def test_where_nothing_has_happened_yet_there_is_a_sentence_as_in_every_report_on_what_did(
    selling: Crm, words: str
) -> None:
    text = selling.ok(f"report {words} --period 2027").out
    assert "\n\nNo deals were " in text or "\n\nNo deals entered " in text
    assert selling.ok(f"report {words} --period 2027 --json").json["rows"] == []
