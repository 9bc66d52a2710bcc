"""crm report campaign-return: what campaigns cost and brought, by hand, in several currencies, and in the past."""

import json
from typing import Any

import pytest

from tests.conftest import Crm

FIGURES = (
    *("leads", "converted", "conversion_rate", "deals", "won", "win_rate"),
    *("won_amount", "cost", "cost_is", "return", "cost_per_lead", "cost_per_won"),
)


@pytest.fixture
def team(crm: Crm) -> Crm:
    """A fair that paid, a mailing that did not, a webinar that cost nothing, and what came by itself."""
    crm.today = "2026-08-15"
    crm.env["CRMCLI_USER"] = "Ann"
    crm.ok("user add Ann")
    crm.ok(
        "campaign add Fair --type 'Trade Show' --start-date 2026-03-02 --budgeted-cost 9k --actual-cost 10k"
    )
    crm.ok("campaign add Mailing --start-date 2026-05-01 --end-date 2026-05-31 --budgeted-cost 2k")
    crm.ok("campaign add Webinar --start-date 2026-06-01 --actual-cost 0")
    crm.ok("campaign add Podcast --at 2026-02-01")
    for name, campaign in (("One", "Fair"), ("Two", "Fair"), ("Three", "Fair"), ("Four", "Mailing")):
        crm.ok(f"lead add {name} --email {name}@x.example --campaign {campaign} --at 2026-05-05")
    crm.ok("lead add Five --email five@x.example --at 2026-05-06")
    crm.ok("lead convert L1 --opp-name Big --amount 30k --at 2026-05-10")
    crm.ok("lead convert L2 --opp-name Small --amount 1k --at 2026-05-11")
    crm.ok("lead convert L4 --no-opp --at 2026-05-12")
    crm.ok("opp win O1 --at 2026-06-01")
    crm.ok("opp lose O2 --reason Pricing --at 2026-06-02")
    crm.ok("opp add Open --amount 5k --campaign Fair --at 2026-06-03")
    crm.ok("opp add Alone --amount 700 --at 2026-06-04")
    crm.ok("opp win O4 --at 2026-07-01")
    return crm


def found(crm: Crm, words: str = "", **options: Any) -> dict[str, Any]:
    report: dict[str, Any] = crm.ok(f"report campaign-return --json {words}", **options).json
    return report


def figures(crm: Crm, words: str = "", **options: Any) -> dict[str, list[Any]]:
    report = found(crm, words, **options)
    rows = {row["campaign"]: row for row in report["rows"]} | {"total": report["total"]}
    return {name: [row[figure] for figure in FIGURES] for name, row in rows.items()}


EXPECTED = {
    "Fair": [3, 2, 66.7, 3, 1, 50.0, "30000.00", "10000.00", "actual", 200.0, "3333.33", "10000.00"],
    "Mailing": [1, 1, 100.0, 0, 0, None, "0.00", "2000.00", "budgeted", -100.0, "2000.00", None],
    "Podcast": [0, 0, None, 0, 0, None, "0.00", None, None, None, None, None],
    "Webinar": [0, 0, None, 0, 0, None, "0.00", "0.00", "actual", None, None, None],
    "(none)": [1, 0, 0.0, 1, 1, 100.0, "700.00", None, None, None, None, None],
    "total": [5, 3, 60.0, 4, 2, 66.7, "30700.00", "12000.00", None, 150.0, "3000.00", "12000.00"],
}


def test_what_each_cost_and_brought(team: Crm) -> None:
    assert figures(team) == EXPECTED
    assert list(figures(team)) == [*EXPECTED]
    report = found(team)
    assert (report["report"], report["currency"], report["excluded"]) == ("campaign-return", "USD", [])
    assert [row["ref"] for row in report["rows"]] == ["M1", "M2", "M4", "M3", None]
    assert team.ok("report campaign-return --format ids").lines == ["M1", "M2", "M4", "M3"]
    text = team.ok("report campaign-return", env={"COLUMNS": "160"}).out
    assert "+200.0 %" in text
    assert "n/a" in text
    assert "inf" not in text
    assert "budgeted" in text


def test_a_campaign_is_counted_where_it_ran_with_all_that_came_of_it(team: Crm) -> None:
    assert list(figures(team, "--period 2026-05")) == ["Fair", "Mailing", "Podcast", "(none)", "total"]
    assert figures(team, "--period 2026-05")["Fair"] == EXPECTED["Fair"]
    assert figures(team, "--period 2026-05")["(none)"][:5] == [1, 0, 0.0, 0, 0]  # what was made in May
    assert list(figures(team, "--period 2026-02")) == ["Podcast", "total"]
    assert list(figures(team, "--period 2027")) == ["total"]
    assert found(team, "--period 2027")["excluded"] == []
    assert "Mailing" not in figures(team, "--period 2026-Q3")


def test_one_that_has_not_begun_is_named(team: Crm) -> None:
    team.ok("campaign add Gala --start-date 2026-12-01 --budgeted-cost 5k")
    report = found(team)
    assert report["excluded"] == [{"ref": "M5", "reason": "not begun"}]
    assert report["total"]["cost"] == "12000.00"
    team.ok("campaign edit Gala --start-date 2027-01-10")
    assert found(team, "--period 2027")["excluded"] == [{"ref": "M5", "reason": "not begun"}]
    assert found(team)["excluded"] == []
    team.ok("campaign edit Gala --start-date 2026-12-01")
    assert "Not begun: 1 campaign, in no row: M5" in team.ok("report campaign-return").out


def test_costs_and_amounts_are_converted_at_dated_rates(team: Crm) -> None:
    team.ok("campaign add Messe --start-date 2026-04-20 --actual-cost 'EUR 1000'")
    team.ok("opp add Kunde --amount 'EUR 3000' --campaign Messe --at 2026-05-01")
    team.ok("opp win O5 --at 2026-07-02")
    report = found(team)
    assert {"ref": "M5", "reason": "no rate for EUR"} in report["excluded"]
    assert {"ref": "O5", "reason": "no rate for EUR"} in report["excluded"]
    assert figures(team)["Messe"][6:] == ["0.00", None, None, None, None, None]
    assert report["total"]["won_amount"] == "30700.00"
    team.ok("rate set EUR 1.10 --from 2026-04-01")
    assert figures(team)["Messe"][6:] == ["3300.00", "1100.00", "actual", 200.0, None, "1100.00"]
    team.ok("rate set EUR 1.20 --from 2026-07-01")  # after the fair, before the deal was won
    assert figures(team)["Messe"][6:] == ["3600.00", "1100.00", "actual", 227.3, None, "1100.00"]
    assert figures(team, "--currency EUR")["Messe"][6:] == [
        *("3000.00", "1000.00", "actual", 200.0, None, "1000.00")
    ]


def test_a_single_currency_is_that_of_the_report(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("campaign add Messe --actual-cost 'JPY 100000'")
    crm.ok("opp add Kunde --amount 'JPY 250000' --campaign Messe --stage 'Closed Won'")
    assert found(crm)["currency"] == "JPY"
    assert figures(crm)["Messe"][6:] == ["250000", "100000", "actual", 150.0, None, "100000"]


def test_the_past_is_as_it_was(team: Crm) -> None:
    before = {day: found(team, f"--as-of {day}") for day in ("2026-05-10", "2026-06-01", "2026-06-02")}
    printed = found(team)
    assert figures(team, "--as-of 2026-05-10")["Fair"][:7] == [3, 1, 33.3, 1, 0, None, "0.00"]
    assert figures(team, "--as-of 2026-06-01")["Fair"][:7] == [3, 2, 66.7, 2, 1, 100.0, "30000.00"]
    assert "Webinar" not in figures(team, "--as-of 2026-05-31")
    team.today = "2026-09-01"
    team.ok("opp edit O1 --campaign Webinar")
    team.ok("lead edit L3 --campaign none")
    team.ok("campaign edit Fair --actual-cost 15k")
    team.ok("lead rm L5 --yes")
    team.ok("campaign rm Mailing --yes")
    assert found(team, "--as-of 2026-08-15") == printed
    for day, report in before.items():
        assert found(team, f"--as-of {day}") == report
    assert found(team, "--as-of 2026-08-31") == {**printed, "as_of": "2026-08-31"}
    now = figures(team)
    assert now == figures(team, "--as-of today")
    assert now["Webinar"][6] == "30000.00"
    assert "Mailing" not in now
    assert now["(none)"][:2] == [2, 1]  # that of the mailing, which is gone, and the third of the fair


def test_the_past_knows_what_had_begun_before_it_was_recorded(crm: Crm) -> None:
    crm.ok("opp add Deal --amount 5 --at 2026-03-01", today="2026-08-15")
    crm.ok("campaign add Fair --start-date 2026-02-01", today="2026-08-15")
    crm.ok("campaign add Slip --start-date 2026-02-01", today="2026-08-16")
    assert [*figures(crm, "--as-of 2026-04-01", today="2026-08-16")][:2] == ["Fair", "Slip"]
    crm.ok("undo", today="2026-08-17")
    crm.ok("campaign rm Fair --yes", today="2026-08-20")
    assert [*figures(crm, "--as-of 2026-04-01", today="2026-08-21")] == ["Fair", "(none)", "total"]
    assert [*figures(crm, "--as-of 2026-08-19", today="2026-08-21")] == ["Fair", "(none)", "total"]
    assert [*figures(crm, "--as-of 2026-08-20", today="2026-08-21")] == ["(none)", "total"]
    assert [*figures(crm, "--as-of 2026-01-31", today="2026-08-21")] == ["total"]


def test_undo_brings_every_figure_back(team: Crm) -> None:
    printed = found(team)
    for act in (
        "campaign edit Fair --actual-cost 1",
        "campaign rm Fair --yes",
        "lead convert L3 --amount 5",
        "opp win O3",
        "opp edit O1 --campaign none",
        "lead rm L5 --yes",
    ):
        team.ok(act)
        assert found(team) != printed
        team.ok("undo")
        assert found(team) == printed
        assert found(team, "--as-of today") == printed


def test_an_owner_answers_for_campaigns_and_for_what_came_by_itself(team: Crm) -> None:
    team.ok("user add Bo")
    team.ok("campaign edit Fair --owner Bo")
    assert list(figures(team, "--owner Bo")) == ["Fair", "total"]
    assert figures(team, "--owner Bo")["Fair"] == EXPECTED["Fair"]
    assert "Fair" not in figures(team, "--owner Ann")
    assert figures(team, "--owner Ann")["(none)"] == EXPECTED["(none)"]
    team.ok("opp add Own --owner Bo --amount 40")
    assert figures(team, "--owner Bo")["(none)"][3] == 1


def test_explain_names_formula_and_deals(team: Crm) -> None:
    explained = found(team, "--explain")["explain"]
    counted = {row["key"]: [deal["ref"] for deal in row["deals"]] for row in explained["rows"]}
    assert counted == {"Fair": ["O1", "O3", "O2"], "(none)": ["O4"]}
    assert explained["formulas"]["return"].startswith("(won amount - cost) / cost")
    assert "Fair: deals counted: 3" in team.ok("report campaign-return --explain --as-of today").out


def test_two_of_one_name_are_told_apart(team: Crm) -> None:
    team.ok("campaign add Fair --start-date 2026-07-01 --actual-cost 10")
    assert {"Fair (M1)", "Fair (M5)"} <= figures(team).keys()


def test_nothing_at_all_is_no_error(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("init")
    report = found(crm)
    assert (report["rows"], report["excluded"]) == ([], [])
    assert "No campaigns ran in 2026." in crm.ok("report campaign-return").out
    assert json.loads(crm.ok("report campaign-return --format jsonl").out or "[]") == []


def test_a_return_of_nothing_is_said(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("campaign add Fair --start-date 2026-03-02 --actual-cost 100")
    crm.ok("opp add Deal --amount 100 --campaign Fair")
    crm.ok("opp win O1")
    text = crm.ok("report campaign-return --fields campaign,return --format tsv").out
    assert text.splitlines()[1].split("\t") == ["Fair", "0.0"]
    assert "0.0 %" in crm.ok("report campaign-return --format table", env={"COLUMNS": "200"}).out
