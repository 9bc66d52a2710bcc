"""crm report win-loss: why deals are lost, and where."""

from typing import Any

import pytest

from tests.conftest import Crm, Golden
from tests.reports.standard.book import act, rows

ACTS = """
2026-01-05 user add Bo
2026-01-10 opp add Alpha --amount 1000 --owner Bo --source Web
2026-01-10 opp add Beta --amount 3000 --owner Bo
2026-01-10 opp add Gamma --amount 500
2026-01-10 opp add Delta --amount 4000 --source Web
2026-02-01 opp stage O2 Negotiation/Review
2026-02-01 opp stage O3 'Needs Analysis'
2026-02-05 opp stage O3 Prospecting
2026-02-10 opp lose O1 --reason Pricing
2026-02-20 opp lose O2 --reason Competition
2026-03-10 opp lose O3 --reason Pricing
2026-03-20 opp win O4
"""
FIGURES = ("outcome", "deals", "share", "amount", "share_of_amount", "average_days")


@pytest.fixture
def closed(crm: Crm) -> Crm:
    crm.today = "2026-08-15"
    crm.env["CRMCLI_USER"] = "Ann"
    crm.ok("user add Ann")
    act(crm, ACTS)
    return crm


def figures(crm: Crm, words: str) -> dict[Any, list[Any]]:
    return {key: [row[name] for name in FIGURES] for key, row in rows(crm, f"win-loss {words}").items()}


def test_by_reason_the_most_frequent_first_and_the_won_beside_them(closed: Crm) -> None:
    found = figures(closed, "")
    assert list(found) == ["Pricing", "Competition", "Won", None]
    assert found["Pricing"] == ["lost", 2, 66.7, "1500.00", 33.3, 45.0]
    assert found["Competition"] == ["lost", 1, 33.3, "3000.00", 66.7, 41.0]
    assert found["Won"] == ["won", 1, None, "4000.00", None, 69.0]
    assert found[None] == [None, 4, None, "8500.00", None, 50.0]


def test_by_the_last_open_stage_before_the_loss(closed: Crm) -> None:
    found = figures(closed, "--by stage")
    assert list(found) == ["Prospecting", "Negotiation/Review", "Won", None]
    assert found["Prospecting"][1] == 2, "where O3 had come back to"
    closed.ok("opp edit O2 --amount 3500")
    assert figures(closed, "--by stage")["Negotiation/Review"][3] == "3500.00", "an edit is no stage"


def test_a_deal_that_was_made_and_lost_in_one_second_was_lost_where_it_was_made(crm: Crm) -> None:
    crm.today = "2026-08-15T10:00:00"
    crm.ok("opp add Alpha --stage Qualification")
    crm.ok("opp lose O1 --reason Pricing")
    assert list(figures(crm, "--by stage")) == ["Qualification", None]


def test_a_deal_that_came_lost_was_in_no_stage_we_know(closed: Crm) -> None:
    closed.ok("opp import -", stdin="name,stage,close_date,amount\nPast,Closed Lost,2026-02-02,7\n")
    assert figures(closed, "--by stage")["(none)"][1] == 1
    assert figures(closed, "")["(none)"][:4] == ["lost", 1, 25.0, "7.00"]


def test_by_the_other_keys(closed: Crm) -> None:
    assert {key: row[1] for key, row in figures(closed, "--by owner").items()} == {
        "Ann": 1,
        "Bo": 2,
        "Won": 1,
        None: 4,
    }
    assert list(figures(closed, "--by source")) == ["Web", "(none)", "Won", None]
    assert list(figures(closed, "--by month")) == ["2026-02", "2026-03", "Won", None]
    assert figures(closed, "--owner Bo")[None][1] == 2
    assert "--by is one of reason, stage, owner" in closed.fails(2, "report win-loss --by size").err


def test_a_reason_of_the_past_outlives_the_reopening_of_the_deal(closed: Crm) -> None:
    printed = figures(closed, "")
    act(
        closed,
        """
2026-08-16 opp reopen O2 --close-date 2026-12-01
2026-08-16 opp edit O1 --lost-reason 'Poor Fit'
2026-08-17 opp lose O2 --reason Other
""",
    )
    closed.today = "2026-08-18"
    assert figures(closed, "--as-of 2026-08-15") == printed
    assert list(figures(closed, "")) == ["Other", "Poor Fit", "Pricing", "Won", None]


def test_explain_lists_the_deals_of_each_row(closed: Crm) -> None:
    found = closed.ok("report win-loss --by stage --explain --json").json["explain"]["rows"]
    assert [(row["key"], [deal["ref"] for deal in row["deals"]]) for row in found] == [
        ("Prospecting", ["O1", "O3"]),
        ("Negotiation/Review", ["O2"]),
        ("Won", ["O4"]),
    ]


def test_a_reason_that_was_taken_back_was_never_given(closed: Crm) -> None:
    printed = figures(closed, "")
    act(closed, "2026-08-16 opp edit O1 --lost-reason 'Poor Fit'\n2026-08-18 undo")
    closed.today = "2026-08-19"
    assert figures(closed, "--as-of 2026-08-17") == printed


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(closed: Crm, golden: Golden, width: int) -> None:
    act(closed, "2026-04-01 opp add 华信传感器 --amount 800\n2026-04-02 opp lose O5 --reason 价格太高")
    text = closed.ok("report win-loss --explain --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-win-loss-{width}", text)
