"""crm report leaderboard: who sells most, and who falls behind."""

from typing import Any

import pytest

from tests.conftest import Crm, Golden
from tests.reports.standard.book import act

ACTS = """
2026-07-01 user add Bo
2026-07-01 user add 李雷
2026-07-01 user add Cy
2026-07-01 user add Idle
2026-07-01 user add Gone
2026-07-02 opp add Alpha --amount 250 --owner Bo
2026-07-02 opp add Beta --amount 900 --owner 李雷
2026-07-02 opp add Gamma --amount 400 --owner Bo
2026-07-02 opp add Delta --amount 70 --owner Cy
2026-07-02 opp add Epsilon --amount 70 --owner Gone
2026-07-03 user edit Gone --active no
2026-07-20 opp win O1
2026-08-05 opp win O2
2026-08-05 opp lose O3 --reason Pricing
"""


@pytest.fixture
def selling(crm: Crm) -> Crm:
    crm.today = "2026-08-15"  # the 46th of 92 days
    crm.env["CRMCLI_USER"] = "Bo"
    act(crm, ACTS)
    return crm


def board(crm: Crm, words: str = "") -> dict[str, dict[str, Any]]:
    found = crm.ok(f"report leaderboard {words} --json").json
    return {row["owner"]: row for row in found["rows"]} | ({"": found["total"]} if found["total"] else {})


def test_ranked_by_what_was_won_those_without_too(selling: Crm) -> None:
    found = board(selling)
    assert [(name, row["rank"]) for name, row in found.items()] == [
        ("李雷", 1),
        ("Bo", 2),
        ("Cy", 3),
        ("", None),
    ], "who owns nothing, and who is no longer active, is not there"
    bo = found["Bo"]
    assert (bo["deals_won"], bo["won_amount"], bo["share"], bo["win_rate"]) == (1, "250.00", 21.7, 50.0)
    assert (found["Cy"]["win_rate"], found["Cy"]["won_amount"]) == (None, "0.00")
    assert found[""]["won_amount"] == "1150.00"


def test_without_quotas_half_the_median_is_behind(selling: Crm) -> None:
    found = board(selling)
    assert [found[name]["standing"] for name in ("李雷", "Bo", "Cy")] == ["top", None, "behind"]


def test_with_a_quota_the_pace_says_it(selling: Crm) -> None:
    selling.ok("quota set --owner 李雷 --period 2026-Q3 --amount 5000")
    selling.ok("quota set --owner Cy --period 2026-Q3 --amount 100")
    selling.ok("quota set --owner Bo --period 2026-Q3 --amount 600")
    selling.ok("quota set --owner Idle --period 2026-Q3 --amount 600")
    found = board(selling)
    assert {name: (row["attainment"], row["pace"], row["standing"]) for name, row in found.items()} == {
        "李雷": (18.0, 36.0, "behind"),
        "Bo": (41.7, 83.3, None),
        "Cy": (0.0, 0.0, "behind"),
        "Idle": (0.0, 0.0, "behind"),
        "": (18.3, 36.5, None),
    }
    assert [found[name]["rank"] for name in ("Cy", "Idle")] == [3, 3]


def test_one_person_is_ranked_among_all(selling: Crm) -> None:
    found = board(selling, "--owner me")
    assert {name: (row["rank"], row["share"]) for name, row in found.items()} == {"Bo": (2, 21.7)}
    assert "ranked among 3 by what was won" in selling.ok("report leaderboard --owner me").out


def test_nobody_is_behind_for_want_of_a_rate(selling: Crm) -> None:
    act(selling, "2026-08-06 opp add Zeta --amount 'EUR 9000' --owner Cy\n2026-08-07 opp win O6")
    found = board(selling, "--currency USD")["Cy"]
    assert (found["deals_won"], found["standing"]) == (1, None)
    selling.ok("rate set EUR 2 --from 2026-01-01")
    found = board(selling, "--currency USD")["Cy"]
    assert (found["rank"], found["won_amount"], found["standing"]) == (1, "18000.00", "top")


def test_what_is_nobodys_is_part_of_the_total(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("user add Bo")
    crm.ok(
        "opp import - --keep owner,created_at,closed_at --mode insert",
        stdin="name,owner,amount,stage,close_date,created_at\n"
        "Alpha,Bo,100,Closed Won,2026-08-01,2026-07-01\n",
    )
    crm.ok("opp edit O1 --owner none")
    found = crm.ok("report leaderboard --json").json
    assert [(row["rank"], row["owner"], row["won_amount"]) for row in found["rows"]] == [
        (None, "(none)", "100.00")
    ]
    assert found["total"]["won_amount"] == "100.00"


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(selling: Crm, golden: Golden, width: int) -> None:
    selling.ok("quota set --owner 李雷 --period 2026-Q3 --amount 1500")
    selling.ok("quota set --owner Bo --period 2026-Q3 --amount 900")
    text = selling.ok("report leaderboard --explain --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-leaderboard-{width}", text)
