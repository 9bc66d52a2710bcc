"""crm quota and crm rate: set, split, shown, imported, taken back, and known as they were then."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

TODAY = "2026-08-15"


@pytest.fixture
def team(crm: Crm) -> Crm:
    crm.today = TODAY
    crm.env["CRMCLI_USER"] = "Ann Lee"
    crm.ok("user add 'Ann Lee'")
    crm.ok("user add Li --manager 'Ann Lee'")
    crm.ok("user add 张敏 --manager 'Ann Lee' --external-id 7")
    for deal in (
        "One --owner Li --amount 60k --close-date 2026-07-10 --stage 'Closed Won'",
        "Two --owner Li --amount 15k --close-date 2026-08-10 --stage 'Closed Won'",
        "Three --owner 张敏 --amount 40k --close-date 2026-08-11 --stage 'Closed Won'",
        "Open --owner 张敏 --amount 500k --close-date 2026-09-11",
        "Lost --owner 张敏 --amount 70k --close-date 2026-08-11 --stage 'Closed Lost' --lost-reason Pricing",
    ):
        crm.ok(f"opp add {deal}")
    return crm


def shown(crm: Crm, words: str = "", **options: Any) -> dict[str, dict[str, Any]]:
    found = crm.ok(f"quota show --json {words}", **options).json
    return {each["owner"]: each for each in found["rows"]} | {"total": found["total"]}


def test_a_quota_is_set_and_what_is_closed_of_it_shown(team: Crm) -> None:
    done = team.ok("quota set --owner Li --period 2026-Q3 --amount 100k --json")
    assert done.json == {
        "owner": "Li",
        "period": "2026-Q3",
        "team": False,
        "amount": "100000.00",
        "currency": "USD",
        "count": None,
        "entry": 9,
    }
    assert "Li · 2026-Q3 · USD 100,000.00" in done.err
    found = shown(team)
    assert found["Li"] == {
        "owner": "Li",
        "period": "2026-Q3",
        "currency": "USD",
        "amount": "100000.00",
        "closed": "75000.00",
        "towards": "75000.00",
        "attainment": 75.0,
        "gap": "25000.00",
        "pace": 150.0,  # 46 of 92 days have passed
        "count_quota": None,
        "count_closed": 2,
        "count_attainment": None,
    }
    nothing = found["张敏"]
    assert [nothing[name] for name in ("amount", "closed", "attainment", "gap", "pace")] == [
        *(None, "40000.00", None, None, None)
    ]
    assert found["total"]["amount"] == "100000.00"
    assert found["total"]["closed"] == "115000.00"
    assert "n/a" in team.ok("quota show", env={"COLUMNS": "100"}).out


def test_a_quota_can_count_deals(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-Q3 --count 4")
    team.ok("quota set --owner Li --period 2026-Q3 --amount 50k")
    found = shown(team)["Li"]
    assert (found["count_quota"], found["count_closed"], found["count_attainment"]) == (4, 2, 50.0)
    assert found["amount"] == "50000.00"
    assert found["gap"] == "0.00"


def test_setting_again_replaces_and_undo_brings_the_former_back(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k")
    assert "(was USD 100,000.00)" in team.ok("quota set --owner Li --period 2026-Q3 --amount 120k").err
    assert " already" in team.ok("quota set --owner Li --period 2026-Q3 --amount 120k").err
    assert shown(team)["Li"]["amount"] == "120000.00"
    team.ok("undo")
    assert shown(team)["Li"]["amount"] == "100000.00"
    team.ok("quota set --owner Li --period 2026-Q3 --amount none")
    assert shown(team)["Li"]["amount"] is None
    team.ok("undo")
    team.ok("undo")
    assert shown(team)["Li"]["amount"] is None
    team.ok("redo")
    assert shown(team)["Li"]["amount"] == "100000.00"


def test_without_an_owner_it_is_mine(team: Crm) -> None:
    assert team.ok("quota set --period this-month --amount 5k --json").json["owner"] == "Ann Lee"
    assert shown(team, "--period this-month")["Ann Lee"]["period"] == "2026-08"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("set --owner Li --amount 5", 2, "--period is missing"),
        ("set --owner Li --period 2026-Q3", 2, "What is the quota?"),
        ("set --owner Li --period 2026-Q3 --amount -5", 2, "negative"),
        ("set --owner Nobody --period 2026-Q3 --amount 5", 3, "Nobody"),
        ("set --owner Li --period soon --amount 5", 2, "not a period"),
        ("set --owner Li --period 2026-Q3 --count 1.5", 2, "not a number of deals"),
        ("split --period 2026-Q3 --total 5k", 2, "Say how"),
        ("split --period 2026-Q3 --total 5k --even --by-history", 2, "Say how"),
        ("split --period 2026-Q3 --even", 2, "--total is missing"),
        ("split --period 2026-Q3 --total 5k --weights Li=x", 2, "not a name and a weight"),
        ("split --period 2026-Q3 --total 5k --weights Li=0", 2, "no weight is above 0"),
        ("split --period 2026-Q3 --total 5k --even --to Li,Li", 2, "twice"),
        ("split --period 2020-Q1 --total 5k --by-history", 5, "None of them won anything"),
    ],
)
def test_what_is_no_quota_is_refused_and_nothing_written(team: Crm, words: str, code: int, says: str) -> None:
    assert says in team.fails(code, f"quota {words}").err
    assert shown(team, "--period 2026-Q3")["total"]["amount"] is None


def test_a_total_is_split_to_the_last_cent(team: Crm) -> None:
    done = team.ok("quota split --period 2026-Q4 --total 1000 --even --json").json
    assert [each["amount"] for each in done["rows"]] == ["333.34", "333.33", "333.33"]
    assert done["total"] == {"amount": "1000.00", "currency": "USD"}
    assert shown(team, "--period 2026-Q4")["total"]["amount"] == "1000.00"
    team.ok("undo")
    assert shown(team, "--period 2026-Q4")["total"]["amount"] is None


def test_a_total_is_split_by_weights_and_by_history(team: Crm) -> None:
    done = team.ok("quota split --period 2026-Q4 --total 1000 --weights li=3,张敏=2 --json").json
    assert [(each["owner"], each["amount"]) for each in done["rows"]] == [
        ("Li", "600.00"),
        ("张敏", "400.00"),
    ]
    done = team.ok("quota split --period 2026-Q4 --total 1150 --by-history --to Li,张敏 --json").json
    assert [each["amount"] for each in done["rows"]] == ["750.00", "400.00"]


def test_what_is_closed_elsewhere_does_not_count_towards_quotas(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-08 --amount 30k")
    found = team.ok("quota show --json").json
    total = found["total"]
    # Li closed 60k in July and 15k in August, 张敏 40k in August; by the 15th of 31 days 14,516.13 were due.
    assert [total[name] for name in ("amount", "closed", "towards", "attainment", "gap", "pace")] == [
        *("30000.00", "115000.00", "55000.00", 183.3, "0.00", 378.9)
    ]
    assert (found["teams"][0]["towards"], found["teams"][0]["attainment"]) == ("55000.00", 183.3)
    text = team.ok("quota show", env={"COLUMNS": "140"}).out
    assert "USD 60,000.00 of what was closed counts towards no quota: won outside the days of quotas" in text
    assert "Team of Ann Lee: USD 55,000.00 of USD 30,000.00 (183.3 %)" in text
    assert "Towards" in text
    assert "The total has USD 40,000.00 that was closed without a quota of one's own" in text
    team.ok("quota set --owner 'Ann Lee' --team --period 2026-Q3 --amount 200k")
    total = shown(team)["total"]
    assert (total["towards"], total["attainment"]) == ("115000.00", 57.5)
    text = team.ok("quota show", env={"COLUMNS": "140"}).out
    assert "Towards" not in text
    assert "counts towards no quota" not in text


def test_a_won_deal_counts_whatever_is_known_of_its_amount(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-Q3 --count 4")
    team.ok("opp add Blank --owner Li --close-date 2026-08-12 --stage 'Closed Won'")
    team.ok("opp add Köln --owner Li --amount 'EUR 5' --close-date 2026-08-12 --stage 'Closed Won'")
    found = shown(team)["Li"]
    assert (found["count_closed"], found["count_attainment"], found["closed"]) == (4, 100.0, "75000.00")
    assert "No amount: 1 deal won, counted, in no amount" in team.ok("quota show").out
    attained = team.ok("report attainment --period 2026-Q3 --currency USD --json").json
    assert attained["total"]["deals_attainment"] == 125.0, "with the deal of 张敏, who has no number to win"


def test_a_team_is_its_members_and_a_mismatch_is_shown(team: Crm) -> None:
    team.ok("quota split --period 2026-Q3 --total 200k --even --to Li,张敏")
    found = team.ok("quota show --json").json
    leader = found["teams"][0]
    assert (leader["owner"], leader["quota"], leader["sum"]) == ("Ann Lee", None, "200000.00")
    assert (leader["closed"], leader["attainment"], leader["mismatch"]) == ("115000.00", 57.5, None)
    assert found["total"]["amount"] == "200000.00"
    team.ok("quota set --owner 'Ann Lee' --team --period 2026-Q3 --amount 180k")
    found = team.ok("quota show --json").json
    leader = found["teams"][0]
    assert (leader["quota"], leader["sum"], leader["mismatch"]) == ("180000.00", "200000.00", "-20000.00")
    assert found["total"]["amount"] == "180000.00"
    assert "Mismatch: the team of Ann Lee has USD 180,000.00" in team.ok("quota show").out


def test_the_quota_of_a_team_counts_within_its_days(team: Crm) -> None:
    for quarter in ("Q1", "Q2", "Q3", "Q4"):
        team.ok(f"quota split --period 2026-{quarter} --total 200k --even --to Li,张敏")
    team.ok("quota set --owner 'Ann Lee' --team --period 2026-Q4 --amount 250k")
    found = team.ok("quota show --period 2026 --json").json
    assert found["total"]["amount"] == "850000.00"
    leader = found["teams"][0]
    assert (leader["quota"], leader["sum"], leader["target"]) == ("250000.00", "800000.00", "850000.00")
    assert leader["mismatch"] == "50000.00"
    assert team.ok("report attainment --period 2026 --json").json["total"]["quota"] == "850000.00"
    by_manager = team.ok("report attainment --period 2026 --by manager --json").json
    assert by_manager["rows"][0]["quota"] == "850000.00"
    assert team.ok("forecast --period 2026 --json").json["total"]["quota"] == "850000.00"
    rows = team.ok("forecast --period 2026 --team --json").json["rows"]
    assert next(each["quota"] for each in rows if each["key"] == "Ann Lee") == "850000.00"


def test_quotas_in_several_currencies_have_teams_and_a_total_in_one(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k")
    team.ok("quota set --owner 张敏 --period 2026-Q3 --amount 'EUR 50k'")
    team.ok("opp add Bonn --owner 张敏 --amount 'EUR 10000' --close-date 2026-08-12 --stage 'Closed Won'")
    found = team.ok("quota show --json").json
    assert (found["currency"], found["total"]["currency"]) == (None, "USD")
    assert found["total"]["amount"] == "100000.00"
    assert found["quotas_without_rate"] == [
        {"owner": "张敏", "currency": "EUR", "count": 1, "amount": "50000.00"}
    ]
    text = team.ok("quota show").out
    assert "No rate: 1 quota of 张敏, EUR 50000.00, left out of teams and the total: crm rate set EUR" in text
    team.ok("rate set EUR 1.1 --from 2026-07-01")
    team.ok("rate set EUR 1.2 --from 2026-08-13")
    found = team.ok("quota show --json").json
    own = {each["owner"]: each for each in found["rows"]}
    assert [own["张敏"][name] for name in ("currency", "amount")] == ["EUR", "50000.00"]
    assert [own["Li"][name] for name in ("currency", "amount")] == ["USD", "100000.00"]
    assert found["total"]["amount"] == found["teams"][0]["target"] == "160000.00"  # at today's 1.2
    assert (found["teams"][0]["currency"], len(found["teams"])) == ("USD", 1)
    assert "Teams and the total are in USD, quotas at the rates of" in team.ok("quota show").out
    whole = team.ok("quota show --currency EUR --json").json
    assert whole["currency"] == "EUR"
    assert whole["total"]["amount"] == "133333.33"
    assert {each["currency"] for each in whole["rows"]} == {"EUR"}


def test_the_quota_of_then_is_shown_of_then(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k", today="2026-08-16")
    team.ok("quota set --owner Li --period 2026-Q3 --amount 150k", today="2026-08-20")
    later = {"today": "2026-08-25"}
    assert "Li" not in shown(team, "--as-of 2026-08-14", **later)  # nobody was there yet
    assert shown(team, "--as-of 2026-08-15", **later)["Li"]["amount"] is None
    assert shown(team, "--as-of 2026-08-16", **later)["Li"]["amount"] == "100000.00"
    assert shown(team, "--as-of 2026-08-20", **later)["Li"]["amount"] == "150000.00"
    team.ok("undo", today="2026-08-25")
    for words in ("", "--as-of 2026-08-24", "--as-of 2026-08-20"):  # what was undone never was
        assert shown(team, words, today="2026-08-26")["Li"]["amount"] == "100000.00", words
    team.ok("redo", today="2026-08-27")
    assert shown(team, "--as-of 2026-08-20", today="2026-08-28")["Li"]["amount"] == "150000.00"
    assert shown(team, "--as-of 2026-08-19", today="2026-08-28")["Li"]["amount"] == "100000.00"


def test_deals_in_another_currency_count_at_the_rate_of_their_day_or_are_named(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k")
    team.ok("opp add Köln --owner Li --amount 'EUR 10000' --close-date 2026-08-12 --stage 'Closed Won'")
    found = team.ok("quota show --json").json
    assert found["missing_rates"] == [{"currency": "EUR", "count": 1, "amount": "10000.00", "into": "USD"}]
    assert "No rate: 1 deal, EUR 10000.00 won" in team.ok("quota show").out
    assert shown(team)["Li"]["closed"] == "75000.00"
    team.ok("rate set EUR 1.1 --from 2026-08-01")
    team.ok("rate set EUR 1.2 --from 2026-08-13")
    found = team.ok("quota show --json").json
    assert found["missing_rates"] == []
    assert shown(team)["Li"]["closed"] == "86000.00"


# --- files ------------------------------------------------------------------------------------------------


def test_quotas_come_from_a_file_of_people_and_months(team: Crm, tmp_path: Path) -> None:
    file = tmp_path / "targets.csv"
    file.write_text(
        "EmployeeID|TargetAmount|TargetMonth\n7|500000|2026/07/01\nLi|1000.50|2026/08/01\n", "utf-8"
    )
    run = f"quota import {file} --map EmployeeID=owner --json"
    assert team.ok(f"{run} --dry-run").json == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "rejected": 0,
        "entry": None,
    }
    assert shown(team)["total"]["amount"] is None
    assert team.ok(run).json["created"] == 2
    assert team.ok(run).json == {"created": 0, "updated": 0, "unchanged": 2, "rejected": 0, "entry": None}
    found = shown(team)
    assert (found["张敏"]["period"], found["张敏"]["amount"]) == ("2026-07", "500000.00")
    assert (found["Li"]["period"], found["Li"]["closed"]) == ("2026-08", "15000.00")
    assert found["total"]["amount"] == "501000.50"
    team.ok("undo")
    assert shown(team)["total"]["amount"] is None


def test_a_file_with_a_bad_row_is_refused_whole(team: Crm, tmp_path: Path) -> None:
    file = tmp_path / "quotas.csv"
    file.write_text(
        "owner,period,amount\nLi,2026-Q3,1000\nNobody,2026-Q3,5\nLi,soon,5\nLi,2026-Q3,7\n", "utf-8"
    )
    refused = team.fails(2, f"quota import {file}")
    assert "line 3: There is no user 'Nobody'." in refused.err
    assert "line 4: 'soon' is not a period" in refused.err
    assert "line 5: the same owner and period" in refused.err
    assert "3 rows cannot be taken; nothing was written" in refused.err
    assert shown(team)["total"]["amount"] is None


@pytest.mark.parametrize(
    ("headings", "says"),
    [
        ("owner,amount", "No heading means period"),
        ("owner,period,month,amount", "a period and a month"),
        ("owner,period,amount,colour", "'colour' means nothing"),
        ("owner,user,period,amount", "Two headings mean owner"),
    ],
)
def test_headings_have_to_say_what_they_are(team: Crm, tmp_path: Path, headings: str, says: str) -> None:
    file = tmp_path / "quotas.csv"
    file.write_text(f"{headings}\nLi,2026-Q3,5,x\n"[: len(headings) + 20], "utf-8")
    assert says in team.fails(2, f"quota import {file}").err


# --- rates ------------------------------------------------------------------------------------------------


def test_rates_are_kept_with_their_history(crm: Crm) -> None:
    crm.today = TODAY
    assert "1 EUR is 1.08 USD from 2026-07-01 on." in crm.ok("rate set EUR 1.08 --from 2026-07-01").err
    crm.ok("rate set EUR 1.09 --from 2026-07-01")
    crm.ok("rate set JPY 0.0067")
    found = crm.ok("rate list --json").json
    assert [(each["currency"], each["valid_from"], each["rate"], each["holds"]) for each in found] == [
        ("EUR", "2026-07-01", "1.08", False),
        ("EUR", "2026-07-01", "1.09", True),
        ("JPY", TODAY, "0.0067", True),
    ]
    assert crm.ok("rate set EUR 1.09 --from 2026-07-01 --json").json["entry"] is None
    crm.ok("rate rm EUR --from 2026-07-01")
    assert [each["holds"] for each in crm.ok("rate list EUR --json").json] == [False, False, False]
    crm.ok("undo")
    assert [each["holds"] for each in crm.ok("rate list EUR --json").json] == [False, True]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("set EUR 0", 2, "not a rate"),
        ("set EURO 1", 2, "EURO"),
        ("set USD 1", 2, "home currency"),
        ("set EUR 1.1 --from none", 2, "begins on a day"),
        ("rm EUR --from 2026-01-01", 3, "No rate of EUR begins"),
    ],
)
def test_what_is_no_rate_is_refused(crm: Crm, words: str, code: int, says: str) -> None:
    crm.ok("init")
    assert says in crm.fails(code, f"rate {words}").err
