"""crm forecast accuracy: what was forecast then against what came."""

from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Crm


@pytest.fixture
def year(crm: Crm) -> Crm:
    """A quarter in which Li forecast 300 sixty days out, 200 thirty days out, and closed 100."""
    crm.today = "2026-07-15"
    crm.ok("user add Li", today="2026-03-01")
    crm.ok("user add Bo", today="2026-03-01")
    for name, amount in (("One", 100), ("Two", 100), ("Three", 100)):
        crm.ok(
            f"opp add {name} --owner Li --amount {amount} --close-date 2026-06-20 --stage Nego",
            today="2026-03-05",
        )
    crm.ok("opp add Four --owner Bo --amount 50 --close-date 2026-06-25 --stage Prosp", today="2026-03-05")
    crm.ok("opp lose O2 --reason Pricing", today="2026-05-10")
    crm.ok("opp win O1", today="2026-06-10")
    crm.ok("opp edit O3 --close-date 2026-09-01", today="2026-06-20")
    crm.ok("opp win O4", today="2026-06-25")
    return crm


def rows(crm: Crm, words: str = "") -> dict[tuple[str, str | None], dict[str, Any]]:
    found = crm.ok(f"forecast accuracy --json {words}").json
    return {(each["days_before"], each["owner"]): each for each in found["rows"]} | {
        (days, None): each for days, each in found["totals"].items()
    }


def test_what_was_forecast_is_compared_with_what_came(year: Crm) -> None:
    found = rows(year)
    figures = ("forecast", "actual", "bias", "wape")
    assert [found["60", "Li"][name] for name in figures] == ["300.00", "100.00", 200.0, 200.0]
    assert [found["30", "Li"][name] for name in figures] == ["200.00", "100.00", 100.0, 100.0]
    assert [found["30", "Bo"][name] for name in figures] == ["0.00", "50.00", -100.0, 100.0]
    assert [found["30", None][name] for name in figures] == ["200.00", "150.00", 33.3, 33.3]
    assert "\n30 days before the end\n" in year.ok("forecast accuracy").out
    assert rows(year, "--figure weighted")["30", "Bo"]["forecast"] == "5.00"
    assert rows(year, "--owner Li --days 30").keys() == {("30", "Li"), ("30", None)}


def test_explain_names_the_deals_of_each_row(year: Crm) -> None:
    words = "forecast accuracy --period 2026-Q2 --days 30 --explain"
    found = year.ok(f"{words} --json").json
    assert [(row["key"], [deal["ref"] for deal in row["deals"]]) for row in found["explain"]["rows"]] == [
        ("Bo", ["O4"]),
        ("Li", ["O1", "O3"]),
    ]
    for row, shown in zip(found["explain"]["rows"], found["rows"], strict=True):
        for column in ("forecast", "actual"):
            assert sum(Decimal(deal[column]) for deal in row["deals"]) == Decimal(shown[column])
    text = year.ok(words).out
    assert "Li, 30 days before the end: 2\n" in text
    assert "  O3 Three · 2026-Q2 · forecast 100.00 · came 0.00\n" in text
    assert found["rows"] == year.ok("forecast accuracy --period 2026-Q2 --days 30 --json").json["rows"]
    assert year.ok(f"{words} --by stage --json").json["explain"]["rows"]


def test_by_stage_a_deal_counts_where_it_was_on_that_day(year: Crm) -> None:
    year.ok("opp add Five --owner Bo --amount 70 --close-date 2026-06-28 --stage Prosp", today="2026-06-05")
    year.ok("opp win O5", today="2026-06-28")
    found = year.ok("forecast accuracy --by stage --period 2026-Q2 --days 30 --json").json["rows"]
    assert [(row["stage"], row["forecast"], row["actual"]) for row in found] == [
        ("Prospecting", "0.00", "50.00"),
        ("Negotiation/Review", "200.00", "100.00"),
        ("(made later)", "0.00", "70.00"),
    ]
    assert "(made later)" in year.ok("forecast accuracy --by stage --explain").out


def test_the_rows_are_the_total_however_they_are_cut(year: Crm) -> None:
    for by in ("owner", "stage"):
        found = year.ok(f"forecast accuracy --by {by} --days 30 --json").json
        total = found["totals"]["30"]
        for name in ("forecast", "actual"):
            assert sum(Decimal(row[name]) for row in found["rows"]) == Decimal(total[name])


def test_probabilities_are_held_against_what_became_of_the_deals(year: Crm) -> None:
    found = year.ok("forecast accuracy --period 2026-Q2 --days 60 --json").json
    assert found["calibration"] == [
        {"days_before": "60", "stage": "Negotiation/Review", "deals": 2, "probability": 90.0, "won": 50.0},
        {"days_before": "60", "stage": "Prospecting", "deals": 1, "probability": 10.0, "won": 100.0},
    ]
    text = year.ok("forecast accuracy --explain").out
    assert "Calibration, 60 days before: Negotiation/Review: 90.0 % was said, 50.0 % of 2 deals won" in text
    assert "Calibration, 30 days before: Negotiation/Review: 90.0 % was said, 100.0 % of 1 deal won" in text
    assert "wape: sum of |forecast - came|" in text


def test_a_deal_that_is_put_off_again_and_again_is_held_against_its_probability_once(crm: Crm) -> None:
    crm.ok("user add Li", today="2026-01-02")
    crm.ok("opp add Late --owner Li --amount 100 --close-date 2026-03-20 --stage Prosp", today="2026-01-05")
    crm.ok("opp edit O1 --close-date 2026-06-20", today="2026-03-20")
    crm.ok("opp add Good --owner Li --amount 100 --close-date 2026-06-20 --stage Prosp", today="2026-05-05")
    crm.ok("opp stage O1 Nego", today="2026-05-10")
    crm.ok("opp lose O1 --reason Pricing", today="2026-06-15")
    crm.ok("opp win O2", today="2026-06-16")
    crm.today = "2026-07-15"
    found = crm.ok("forecast accuracy --period 2026-Q1 --period 2026-Q2 --days 30 --json").json
    assert found["calibration"] == [
        {"days_before": "30", "stage": "Prospecting", "deals": 2, "probability": 10.0, "won": 50.0}
    ], "as it was when it was first to close in 30 days: in March"


def test_the_periods_are_the_last_four_quarters(year: Crm) -> None:
    assert year.ok("forecast accuracy --json").json["periods"] == ["2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"]
    year.ok("config set fiscal_year_start 2")
    assert year.ok("forecast accuracy --json").json["periods"][-1] == "FY27-Q1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--period 2026-Q3", "is not over"),
        ("--days 0", "not a number of days"),
        ("--days x", "not a number of days"),
        ("--figure pipeline", "commit, best-case, weighted"),
    ],
)
def test_what_cannot_be_asked_is_refused(year: Crm, words: str, says: str) -> None:
    assert says in year.fails(2, f"forecast accuracy {words}").err


def test_without_any_deals_nothing_is_said_to_be_right(crm: Crm) -> None:
    crm.ok("init")
    found = crm.ok("forecast accuracy --json").json
    assert found["rows"] == []
    assert found["totals"]["30"]["bias"] is None
