"""crm pipeline: open deals by stage, their worth and their age."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.reports.pipeline import Calendar, midnights_of
from crmcli.values.dates import iso_instant
from tests.conftest import Crm

TODAY = "2026-05-11"


@pytest.fixture
def deals(crm: Crm) -> Crm:
    crm.today = TODAY
    for deal in (
        "One --amount 100.05 --close-date 2026-06-01 --stage Nego --at 2026-05-01",
        "Two --amount 0.10 --close-date 2026-03-01 --stage Nego --at 2026-05-02",
        "Three --close-date 2026-06-01 --stage Prosp",
        "Four --amount 10 --stage Prosp",
        "Won --amount 1000 --stage 'Closed Won' --close-date 2026-05-01",
        "Lost --amount 1000 --stage 'Closed Lost' --lost-reason Pricing --close-date 2026-05-01",
    ):
        crm.ok(f"opp add {deal}")
    return crm


def test_every_open_stage_is_shown_in_order_with_its_figures(deals: Crm) -> None:
    found = deals.ok("pipeline --json").json
    assert [each["stage"] for each in found["rows"]] == [
        *("Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers"),
        *("Perception Analysis", "Proposal/Price Quote", "Negotiation/Review"),
    ]
    assert found["rows"][0] == {
        "stage": "Prospecting",
        "currency": "USD",
        "count": 2,
        "amount": "10.00",
        "weighted": "1.00",
        "average_age_days": 0.0,
    }
    assert found["rows"][1]["average_age_days"] is None
    negotiation = found["rows"][-1]
    assert (negotiation["count"], negotiation["amount"]) == (2, "100.15")
    assert negotiation["weighted"] == "90.14"  # 90.045 and 0.09, each rounded to the cent
    assert negotiation["average_age_days"] == 9.5
    assert found["total"]["count"] == 4
    assert found["excluded"] == [{"ref": "O3", "reason": "no amount"}]


def test_a_period_is_by_close_date_and_names_deals_that_have_none(deals: Crm) -> None:
    found = deals.ok("pipeline --period 2026-06 --json").json
    assert found["total"]["count"] == 2
    assert found["excluded"] == [
        {"ref": "O3", "reason": "no amount"},
        {"ref": "O4", "reason": "no close date"},
    ]
    text = deals.ok("pipeline --period 2026-06").out
    assert "No close date: 1 deal, in no period: O4" in text
    assert "closing 2026-06-01..2026-06-30" in text


def test_people_see_bars_and_programs_do_not(deals: Crm) -> None:
    text = deals.ok("pipeline").out
    assert "████████████" in text
    assert "bar" not in deals.ok("pipeline --json").json["rows"][0]
    assert "█" not in deals.ok("pipeline --format csv").out


def test_an_explanation_says_what_an_age_is(deals: Crm) -> None:
    explained = deals.ok("pipeline --explain --json").json["explain"]
    assert "local calendar days" in explained["formulas"]["average_age_days"]
    assert [each["age_days"] for each in explained["rows"][-1]["deals"]] == [10, 9]
    assert "O1 One · 100.05 · 90 % · 10 days" in deals.ok("pipeline --explain").out


def test_currencies_are_never_added(deals: Crm) -> None:
    deals.ok("opp add Edo --amount 'JPY 500' --stage Nego")
    found = deals.ok("pipeline --json").json
    assert (found["total"], found["currency"]) == (None, None)
    stages = [each["stage"] for each in found["rows"]]
    assert stages[:8] == stages[8:], "each currency has all its stages, as one alone has"
    assert [each["currency"] for each in found["rows"]] == ["JPY"] * 8 + ["USD"] * 8
    assert found["totals"]["JPY"]["weighted"] == "450"


@pytest.mark.parametrize("words", ["pipeline --fields stage,amount", "forecast --fields key,count"])
def test_chosen_fields_keep_currencies_apart(deals: Crm, words: str) -> None:
    deals.ok("opp add Edo --amount 'JPY 500' --stage Nego --close-date 2026-06-01")
    for format in ("table", "plain"):
        text = deals.ok(f"{words} --format {format}").out
        assert text.index("\nJPY\n") < text.index("\nUSD\n")
        assert text.count("Total") == 2
    found = deals.ok(f"{words} --json").json
    asked = {*words.partition("--fields ")[2].split(","), "currency"}
    assert {frozenset(each) for each in (*found["rows"], *found["totals"].values())} == {frozenset(asked)}
    head, *lines = deals.ok(f"{words} --format csv").lines
    assert head.split(",")[-1] == "currency"
    assert {line.split(",")[-1] for line in lines} == {"JPY", "USD"}


def test_an_owner_sees_their_own(deals: Crm) -> None:
    deals.ok("user add Bo")
    assert deals.ok("pipeline --owner Bo --json").json["total"]["count"] == 0
    assert "owner Bo" in deals.ok("pipeline --owner Bo").out


def test_the_past_is_another_pipeline(deals: Crm) -> None:
    found = deals.ok("pipeline --as-of 2026-05-01 --json").json
    assert found["total"]["count"] == 1
    assert found["total"]["average_age_days"] == 0.0


def test_an_empty_pipeline_shows_the_stages(crm: Crm) -> None:
    crm.ok("init")
    found = crm.ok("pipeline --json").json
    assert (len(found["rows"]), found["total"]["amount"]) == (8, "0.00")
    assert crm.ok("pipeline").code == 0


def test_an_age_changes_at_local_midnight(crm: Crm) -> None:
    crm.env["TZ"] = "America/New_York"
    crm.ok("opp add Late --amount 1 --close-date 2027-01-01", today="2026-03-07T23:30:00")  # winter time
    crm.ok("opp add Early --amount 1 --close-date 2027-01-01", today="2026-03-10T00:30:00")  # summer time
    deals = crm.ok("pipeline --explain --json", today="2026-03-10").json["explain"]["rows"][0]["deals"]
    assert {each["name"]: each["age_days"] for each in deals} == {"Late": 3, "Early": 0}
    assert crm.ok("pipeline --json", today="2026-03-10").json["total"]["average_age_days"] == 1.5


ZONES = ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Asia/Shanghai", "Pacific/Apia", "UTC"]


@given(st.sampled_from(ZONES), st.integers(0, 12 * 365 * 86400))
def test_the_day_that_sql_groups_by_is_the_local_day(zone_name: str, seconds: int) -> None:
    zone = ZoneInfo(zone_name)
    midnights = midnights_of(zone, 2026)
    made = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    stored = iso_instant(made)
    past = sum(stored[11:] >= each for each in midnights)  # as SQL counts it
    assert Calendar(zone, midnights).day(stored[:10], past) == made.astimezone(zone).date()


def test_utc_needs_no_midnights() -> None:
    assert midnights_of(UTC, 2026) == []
    assert Calendar(UTC, []).day("2026-05-11", 0) == date(2026, 5, 10) + timedelta(days=1)


# --- in one currency ----------------------------------------------------------------------------------


def test_everything_is_converted_at_the_rates_of_the_day_deal_by_deal(deals: Crm) -> None:
    deals.ok("opp add Köln --amount 'EUR 0.03' --stage Nego")
    deals.ok("opp add Bonn --amount 'EUR 100' --stage Nego")
    deals.ok("opp add Bath --amount 'GBP 9' --stage Prosp")
    deals.ok("opp add Blank --currency EUR --stage Prosp")
    deals.ok("rate set EUR 1.5 --from 2026-05-01")
    found = deals.ok("pipeline --currency USD --json").json
    nego = found["rows"][-1]
    assert (nego["count"], nego["amount"]) == (4, "250.20")  # 0.045 is 0.05
    assert nego["weighted"] == "225.19"  # 90.14 + 0.05 (of 0.05, 0.045) + 135.00
    assert found["total"]["count"] == 8
    assert {"ref": "O9", "reason": "no rate for GBP"} in found["excluded"]
    text = deals.ok("pipeline --currency USD --explain").out
    assert "No rate for GBP (crm rate set): 1 deal, counted, adding nothing: O9" in text
    assert "Rates: 1 EUR = 1.5 USD from 2026-05-01" in text
    assert "O8 Bonn · EUR 100.00 · 90 %" in text


def test_the_rates_are_those_of_the_day_it_stands_on(deals: Crm) -> None:
    deals.ok("opp add Bonn --amount 'EUR 100' --stage Value --at 2026-05-02")
    deals.ok("rate set EUR 1.5 --from 2026-05-01", today="2026-05-01")
    deals.ok("rate set EUR 2 --from 2026-05-10", today="2026-05-01")

    def value(words: str) -> str:
        rows = deals.ok(f"pipeline --currency USD {words} --json").json["rows"]
        return str(next(row["amount"] for row in rows if row["stage"] == "Value Proposition"))

    assert (value(""), value("--as-of 2026-05-09")) == ("200.00", "150.00")
