"""crm report attainment: what was won of each quota."""

from typing import Any

import pytest

from tests.conftest import Crm, Golden
from tests.reports.standard.book import act, rows

ACTS = """
2026-07-01 user add Ann --team North
2026-07-01 user add Bo --team North --manager Ann
2026-07-01 user add 李雷 --team South --manager Ann
2026-07-01 quota set --owner Bo --period 2026-Q3 --amount 1000
2026-07-01 quota set --owner 李雷 --period 2026-07 --amount 300
2026-07-01 quota set --owner 李雷 --period 2026-08 --amount 500 --count 2
2026-07-01 quota set --owner Ann --team --period 2026-Q3 --amount 2000
2026-07-02 opp add Alpha --amount 250 --owner Bo
2026-07-02 opp add Beta --amount 900 --owner 李雷
2026-07-02 opp add Gamma --amount 400 --owner Bo --stage Negotiation/Review --close-date 2026-09-01
2026-07-02 opp add Slipped --amount 4000 --owner Bo --stage Negotiation/Review --close-date 2026-08-01
2026-07-02 opp add Early --amount 70 --owner Bo --close-date 2026-09-01
2026-07-20 opp win O1
2026-08-05 opp win O2
"""
FIGURES = ("quota", "won", "attainment", "gap", "pace", "projected")


@pytest.fixture
def selling(crm: Crm) -> Crm:
    crm.today = "2026-08-15"  # the 46th of 92 days
    crm.env["CRMCLI_USER"] = "Ann"
    act(crm, ACTS)
    return crm


def figures(crm: Crm, words: str = "") -> dict[Any, list[Any]]:
    found = rows(crm, f"attainment {words}")
    return {key: [row[name] for name in FIGURES] for key, row in found.items()}


def test_by_owner(selling: Crm) -> None:
    found = figures(selling)
    assert found["Bo"] == ["1000.00", "250.00", 25.0, "750.00", 50.0, 65.0]
    assert found["李雷"] == ["800.00", "900.00", 112.5, "0.00", 166.1, 112.5], "of 541.94"
    assert found["Ann"] == [None, "0.00", None, None, None, None], "no quota is no reason not to be seen"
    assert found[None] == ["2000.00", "1150.00", 57.5, "850.00", 115.0, 77.5], "what the team was given"


def test_without_a_quota_it_is_na(selling: Crm) -> None:
    line = next(line for line in selling.ok("report attainment").lines if line.startswith("Ann"))
    assert line.split()[1:7] == ["n/a", "0.00", "n/a", "n/a", "n/a", "n/a"]
    selling.ok("quota set --owner Ann --period 2026-Q3 --amount 0")
    assert figures(selling)["Ann"][2:] == [None] * 4, "nor is a quota of nothing infinity"


def test_by_manager_it_is_the_team_of_quota_show(selling: Crm) -> None:
    found = figures(selling, "--by manager")
    shown = selling.ok("quota show --json").json
    team = shown["teams"][0]
    assert found["Ann"][:4] == [team["quota"], team["closed"], team["attainment"], team["gap"]]
    assert found[None][:4] == [shown["total"][name] for name in ("amount", "closed", "attainment", "gap")]
    assert found[None][4] == shown["total"]["pace"]
    text = selling.ok("report attainment --by manager").out
    assert (
        "Mismatch: the team of Ann has USD 2,000.00, the quotas of its members come to USD 1,800.00" in text
    )


def test_by_owner_it_is_what_quota_show_has_of_people(selling: Crm) -> None:
    shown = selling.ok("quota show --json").json
    bo = next(row for row in shown["rows"] if row["owner"] == "Bo")
    assert figures(selling)["Bo"][:5] == [
        bo[name] for name in ("amount", "closed", "attainment", "gap", "pace")
    ]


def test_by_team_the_quotas_of_its_members_add_up(selling: Crm) -> None:
    found = figures(selling, "--by team")
    assert (found["North"][0], found["South"][0]) == ("1000.00", "800.00")
    assert "What is set for a team is in the total, and in no row" in selling.ok("report attainment").out


def test_by_month_each_with_its_own_quotas_and_days(selling: Crm) -> None:
    found = figures(selling, "--by month")
    assert list(found) == ["2026-07", "2026-08", "2026-09", None]
    assert found["2026-07"] == ["300.00", "250.00", 83.3, "50.00", 83.3, 83.3], "by Bo, who has none for July"
    assert found["2026-08"] == ["500.00", "900.00", 180.0, "0.00", 372.0, 180.0], "on the 15th of 31 days"
    assert found["2026-09"] == [None, "0.00", None, None, None, None]
    assert list(figures(selling, "--by quarter --period 2026")) == [
        *(f"2026-Q{n}" for n in (1, 2, 3, 4)),
        None,
    ]
    assert figures(selling, "--by quarter --period 2026")["2026-Q3"][0] == "2000.00"


def test_of_one_person(selling: Crm) -> None:
    for by in ("owner", "month", "manager", "team"):
        found = figures(selling, f"--owner 李雷 --by {by}")
        assert found[None] == ["800.00", "900.00", 112.5, "0.00", 166.1, 112.5], by


def test_quotas_of_deals(selling: Crm) -> None:
    found = rows(selling, "attainment --period 2026-08")["李雷"]
    assert (found["deals_quota"], found["deals_won"], found["deals_attainment"]) == (2, 1, 50.0)


def test_the_past_has_the_quotas_and_the_pace_of_then(selling: Crm) -> None:
    printed = selling.ok("report attainment --json").out
    act(
        selling,
        """
2026-08-20 quota set --owner Bo --period 2026-Q3 --amount 5000
2026-08-21 opp win O3
2026-08-22 user add Cy
""",
    )
    selling.today = "2026-09-01"
    assert figures(selling)["Bo"][:3] == ["5000.00", "650.00", 13.0]
    assert selling.ok("report attainment --period 2026-Q3 --as-of 2026-08-15 --json").out == printed


def test_quotas_and_deals_in_other_currencies(selling: Crm) -> None:
    act(
        selling,
        """
2026-08-10 opp add Eta --amount 'EUR 100' --owner Bo
2026-08-11 opp win O6
2026-08-11 quota set --owner Ann --period 2026-Q3 --amount 'EUR 10'
""",
    )
    found = selling.ok("report attainment --currency USD --json").json
    assert found["quotas_without_rate"] == [{"owner": "Ann", "quota": "EUR 10.00"}]
    assert {"ref": "O6", "reason": "no rate for EUR"} in found["excluded"]
    text = selling.ok("report attainment --currency USD").out
    assert "No rate: a quota of EUR 10.00 for Ann is left out" in text
    selling.ok("rate set EUR 2 --from 2026-01-01")
    found = figures(selling, "--currency USD")
    assert (found["Bo"][1], found["Ann"][0]) == ("450.00", "20.00")


def test_where_there_is_no_quota_it_says_so(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("user add Ann")
    assert "There is no quota for 2026-Q3: crm quota set" in crm.ok("report attainment").out


def test_explain_has_what_was_won_and_what_is_committed(selling: Crm) -> None:
    found = selling.ok("report attainment --explain --json").json["explain"]["rows"]
    assert {row["key"]: [(deal["ref"], deal["outcome"]) for deal in row["deals"]] for row in found} == {
        "Bo": [("O3", "open"), ("O1", "won")],
        "李雷": [("O2", "won")],
    }, "neither the one that slipped nor the one that is early"


def test_only_who_has_deals_to_win_counts_for_them(selling: Crm) -> None:
    found = rows(selling, "attainment")
    assert [found[None][name] for name in ("deals_quota", "deals_won", "deals_attainment")] == [2, 2, 50.0]
    assert rows(selling, "attainment --by manager")["Ann"]["deals_attainment"] == 50.0
    assert rows(selling, "attainment --by month")["2026-08"]["deals_attainment"] == 50.0
    selling.ok("quota set --owner Ann --team --period 2026-Q3 --count 4")
    found = rows(selling, "attainment --by manager")
    assert found["Ann"]["deals_attainment"] == found[None]["deals_attainment"] == 50.0, "2 of 4, of all below"


def test_a_team_has_deals_to_win_on_the_days_it_is_to(selling: Crm) -> None:
    selling.ok("quota set --owner Ann --team --period 2026-08 --count 4")
    for words, row in (("--by manager", "Ann"), ("", None), ("--by month", None)):
        found = rows(selling, f"attainment {words}")[row]
        counted = [found[name] for name in ("deals_quota", "deals_won", "deals_attainment")]
        assert counted == [4, 2, 25.0], f"{words}: one of the two in August"


def test_what_is_won_on_other_days_does_not_count_towards_a_quota(selling: Crm) -> None:
    selling.ok("quota set --owner Bo --period 2026-Q3 --amount none")
    selling.ok("quota set --owner Bo --period 2026-09 --amount 1000")
    found = rows(selling, "attainment")["Bo"]
    names = ("quota", "won", "towards", "attainment", "gap", "pace", "projected")
    assert [found[name] for name in names] == [*("1000.00", "250.00", "0.00", 0.0, "1000.00", None, 40.0)], (
        "Gamma is to close in September"
    )
    board = rows(selling, "leaderboard --period 2026-Q3")
    assert [row["attainment"] for row in board.values() if row["owner"] == "Bo"] == [0.0]


def test_the_note_on_teams_is_about_a_total_of_all(selling: Crm) -> None:
    assert "What is set for a team is in the total" in selling.ok("report attainment").out
    assert "What is set for a team" not in selling.ok("report attainment --owner Ann").out


def test_explain_by_manager_has_the_deals_of_all_below(selling: Crm) -> None:
    act(selling, "2026-08-01 user edit Bo --manager 李雷\n2026-08-02 opp add Alone --amount 5")
    selling.ok("opp win O6 --at 2026-08-02")
    selling.ok("opp edit O6 --owner none")
    found = selling.ok("report attainment --by manager --explain --json").json["explain"]["rows"]
    assert {row["key"]: [deal["ref"] for deal in row["deals"]] for row in found} == {
        "Ann": ["O2", "O3", "O1"],
        "李雷": ["O2", "O3", "O1"],
        "(none)": ["O6"],
    }


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(selling: Crm, golden: Golden, width: int) -> None:
    text = selling.ok("report attainment --explain --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-attainment-{width}", text)
