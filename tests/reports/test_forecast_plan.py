"""crm forecast with quotas, rates, adjustments, suppositions, and what was known when."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm

TODAY = "2026-08-15"


@pytest.fixture
def team(crm: Crm) -> Crm:
    """Ann leads Li and 张敏; deals in the third quarter of 2026."""
    crm.today = TODAY
    crm.env["CRMCLI_USER"] = "Ann Lee"
    crm.ok("user add 'Ann Lee'")
    crm.ok("user add Li --manager 'Ann Lee'")
    crm.ok("user add 张敏 --manager 'Ann Lee'")
    for deal in (
        "One --owner Li --amount 60k --close-date 2026-07-10 --stage 'Closed Won'",
        "Two --owner 张敏 --amount 60k --close-date 2026-09-10 --stage Nego",
        "Three --owner 'Ann Lee' --amount 10k --close-date 2026-09-20 --stage Percep",
        "Four --owner Li --amount 30k --close-date 2026-09-30",
    ):
        crm.ok(f"opp add {deal}")
    return crm


def rows(crm: Crm, words: str = "", **options: Any) -> dict[str, dict[str, Any]]:
    found = crm.ok(f"forecast --json {words}", **options).json
    return {each["key"]: each for each in found["rows"]} | {"total": found["total"]}


# --- quotas -----------------------------------------------------------------------------------------------


def test_quotas_stand_beside_the_figures(team: Crm) -> None:
    team.ok("user add Idle")
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k")
    team.ok("quota set --owner Idle --period 2026-Q3 --amount 20k")
    found = rows(team)
    measures = ("quota", "attainment", "gap", "coverage")
    assert [found["Li"][name] for name in measures] == ["100000.00", 60.0, "40000.00", 0.75]
    assert [found["Idle"][name] for name in measures] == ["20000.00", 0.0, "20000.00", 0.0]
    assert [found["张敏"][name] for name in measures] == [None, None, None, None]
    assert [found["total"][name] for name in measures] == ["120000.00", 50.0, "60000.00", 1.67]
    text = team.ok("forecast", env={"COLUMNS": "140"}).out
    assert "n/a" in text
    assert "60.0 %" in text
    assert "inf" not in text
    assert rows(team, "--by stage")["total"]["quota"] == "120000.00"
    assert rows(team, "--owner Li")["total"]["quota"] == "100000.00"


def test_the_quotas_of_months_are_those_of_their_rows_and_add_up(team: Crm) -> None:
    for month, amount in (("2026-07", 10), ("2026-08", 20), ("2026-09", 30)):
        team.ok(f"quota set --owner Li --period {month} --amount {amount}k")
    team.ok("quota set --owner 张敏 --period 2026-Q3 --amount 5k")
    found = rows(team, "--by month")
    assert [found[month]["quota"] for month in ("2026-07", "2026-08", "2026-09")] == [
        *("10000.00", "20000.00", "30000.00")
    ]
    assert found["2026-07"]["attainment"] == 600.0
    assert found["total"]["quota"] == "65000.00"
    assert rows(team, "--by quarter")["2026-Q3"]["quota"] == "65000.00"
    assert rows(team)["Li"]["quota"] == "60000.00"
    assert rows(team, "--by manager")["Ann Lee"]["quota"] == "65000.00"


# --- the reporting line -----------------------------------------------------------------------------------


def test_a_leader_is_shown_with_everybody_below(team: Crm) -> None:
    team.ok("quota split --period 2026-Q3 --total 200k --even --to Li,张敏")
    found = rows(team, "--team")
    assert list(found) == ["Ann Lee", "Li", "张敏", "total"]
    assert found["Ann Lee"]["commit"] == "120000.00"
    assert found["Ann Lee"]["quota"] == "200000.00"
    assert found["Li"] == rows(team)["Li"]
    plain = rows(team)
    for column in ("closed", "commit", "best_case", "open_pipeline", "weighted", "quota"):
        assert found["total"][column] == plain["total"][column] == found["Ann Lee"][column]
    assert "--by owner" in team.fails(2, "forecast --team --by month").err


def test_a_team_can_be_asked_for_alone(team: Crm) -> None:
    team.ok("user add Boss")
    team.ok("user edit 'Ann Lee' --manager Boss")
    team.ok("quota split --period 2026-Q3 --total 200k --even --to Li,张敏,Boss")
    team.ok("opp add Own --owner Boss --amount 7000 --close-date 2026-09-01 --stage Nego")
    team.ok("forecast adjust --owner Li --period 2026-Q3 --category commit --amount 90k --note judged")
    everybody = rows(team, "--team")
    ann = rows(team, "--team --owner 'Ann Lee'")
    assert list(ann) == ["Ann Lee", "Li", "张敏", "total"]
    for column in (
        "closed",
        "commit",
        "best_case",
        "open_pipeline",
        "weighted",
        "quota",
        "coverage",
        "count",
    ):
        assert ann["Ann Lee"][column] == everybody["Ann Lee"][column]
        assert ann["total"][column] == ann["Ann Lee"][column]
        assert ann["Li"][column] == everybody["Li"][column]
    assert "owner Ann Lee and team" in team.ok("forecast --team --owner 'Ann Lee'").out


# --- currencies -------------------------------------------------------------------------------------------


def test_everything_is_converted_at_the_dated_rates(team: Crm) -> None:
    team.ok("opp add Köln --owner Li --amount 'EUR 1000' --close-date 2026-09-01 --stage Nego")
    team.ok("opp add Bonn --owner Li --amount 'EUR 1000' --close-date 2026-07-20 --stage 'Closed Won'")
    team.ok("opp add Bath --owner Li --amount 'GBP 1000' --close-date 2026-07-20 --stage 'Closed Won'")
    team.ok("rate set EUR 1.1 --from 2026-07-01")
    team.ok("rate set EUR 1.2 --from 2026-08-01")
    team.ok("rate set EUR 9 --from 2026-08-16")  # tomorrow: of no open deal today
    found = team.ok("forecast --currency USD --json").json
    assert found["currency"] == "USD"
    assert found["rates"] == [
        {"currency": "EUR", "valid_from": "2026-07-01", "rate": "1.1"},
        {"currency": "EUR", "valid_from": "2026-08-01", "rate": "1.2"},
    ]
    li = next(each for each in found["rows"] if each["key"] == "Li")
    assert (li["closed"], li["commit"], li["count"]) == ("61100.00", "62300.00", 4)
    assert li["weighted"] == "4080.00"
    assert found["excluded"] == [{"ref": "O7", "reason": "no rate"}]
    assert "No rate: 1 deal, GBP 1,000.00" in team.ok("forecast --currency USD").out
    team.ok("rate set GBP 1.3 --from 2026-07-21")  # a day too late
    assert team.ok("forecast --currency USD --json").json["excluded"] == found["excluded"]
    team.ok("rate set GBP 1.3 --from 2026-07-20")
    whole = rows(team, "--currency USD")
    assert whole["Li"]["closed"] == "62400.00"
    for by in ("month", "stage", "account", "source", "team"):
        total = rows(team, f"--currency USD --by {by}")["total"]
        assert total["closed"] == whole["total"]["closed"]
        assert total["weighted"] == whole["total"]["weighted"]
    explained = team.ok("forecast --currency USD --explain").out
    assert "O6 Bonn · 1100.00 Closed 100 % · of EUR 1,000.00" in explained


def test_several_currencies_have_a_total_where_every_rate_is_known(team: Crm) -> None:
    team.ok("opp add Köln --owner Li --amount 'EUR 1000' --close-date 2026-09-01 --stage Nego")
    found = team.ok("forecast --json").json
    assert (found["currency"], found["total"]) == (None, None)
    assert "Together: no total in USD, as rates are missing" in team.ok("forecast").out
    team.ok("rate set EUR 1.2 --from 2026-08-01")
    found = team.ok("forecast --json").json
    assert found["currency"] is None
    assert (found["total"]["currency"], found["total"]["commit"]) == ("USD", "121200.00")
    assert found["totals"]["EUR"]["commit"] == "1000.00"
    assert "commit USD 121,200.00" in team.ok("forecast").out


def test_the_past_is_converted_at_its_rates_whenever_they_were_recorded(team: Crm) -> None:
    team.ok("opp add Köln --owner Li --amount 'EUR 1000' --close-date 2026-09-01 --stage Nego")
    team.ok("rate set EUR 1.1 --from 2026-07-01")
    team.ok("rate set EUR 1.5 --from 2026-07-01", today="2026-08-20")  # corrected
    team.ok("rate set EUR 1.7 --from 2026-08-18", today="2026-08-20")
    later = {"today": "2026-08-25"}

    def commit(words: str) -> str:
        return str(rows(team, f"--currency USD {words}", **later)["Li"]["commit"])

    assert commit("--as-of 2026-08-16") == "61500.00"
    assert commit("--as-of 2026-08-18") == "61700.00"
    assert commit("--known-at 2026-08-16") == "61100.00"
    assert commit("--as-of 2026-08-16 --known-at 2026-08-20") == "61500.00"


def test_a_rate_that_is_recorded_later_leaves_no_past_without_one(team: Crm) -> None:
    team.ok("opp add Bonn --owner Li --amount 'EUR 1000' --close-date 2026-07-20 --stage 'Closed Won'")
    team.ok("rate set EUR 1.1 --from 2026-07-01", today="2026-09-01")
    for words in (
        "forecast --currency USD",
        "pipeline --currency USD",
        "report win-rate --currency USD --period 2026",
        "report attainment --currency USD --period 2026",
        "report leaderboard --currency USD --period 2026",
        "quota show --period 2026",
        "pipeline diff 2026-07-01 2026-08-16 --currency USD",
    ):
        past = "" if "diff" in words else "--as-of 2026-08-16"
        assert "No rate" not in team.ok(f"{words} {past}", today="2026-09-02").out, words
    known = team.ok("forecast --currency USD --known-at 2026-08-16", today="2026-09-02")
    assert "No rate: 1 deal, EUR 1,000.00" in known.out


# --- adjustments ------------------------------------------------------------------------------------------


def test_an_adjustment_is_shown_and_the_raw_figure_kept_beside(team: Crm) -> None:
    words = "forecast adjust --owner Li --category commit --amount"
    owners = team.ok("--as", "Li", *words.split(), "70k", "--note", "sure", "--json")
    assert owners.json == {
        "owner": "Li",
        "period": "2026-Q3",
        "category": "commit",
        "layer": "owner",
        "currency": "USD",
        "raw": "60000.00",
        "amount": "70000.00",
        "note": "sure",
        "entry": 8,
    }
    found = rows(team)
    assert (found["Li"]["commit"], found["Li"]["raw"]) == ("70000.00", {"commit": "60000.00"})
    assert (found["total"]["commit"], found["total"]["raw"]) == ("130000.00", {"commit": "120000.00"})
    team.ok(f"{words} 90k --note 'PO arrives'")
    assert rows(team)["Li"]["commit"] == "90000.00"
    assert rows(team, "--team")["Ann Lee"]["commit"] == "150000.00"
    assert rows(team, "--team")["Ann Lee"]["raw"] == {"commit": "120000.00"}
    team.ok("opp add Late --owner Li --amount 5k --close-date 2026-09-30 --stage Nego")
    judged = team.ok("forecast --json").json["adjustments"]
    assert [(one["layer"], one["amount"], one["raw"], one["raw_then"], one["drift"]) for one in judged] == [
        ("manager", "90000.00", "65000.00", "60000.00", "5000.00"),
        ("owner", "70000.00", "65000.00", "60000.00", "5000.00"),
    ]
    said = team.ok("forecast").out
    assert (
        "Adjusted: Li, commit USD 90,000.00, by Ann Lee: PO arrives; raw USD 65,000.00, +USD 5,000.00 since"
        in said
    )
    team.ok("forecast adjust --owner Li --category commit --clear")
    assert rows(team)["Li"]["commit"] == "70000.00"
    team.ok("undo")
    assert rows(team)["Li"]["commit"] == "90000.00"
    history = team.ok("forecast adjust --list --json").json
    assert [(one["by"], one["amount"], one["note"]) for one in history] == [
        ("Li", "70000.00", "sure"),
        ("Ann Lee", "90000.00", "PO arrives"),
    ]
    for elsewhere in ("--by month", "--rollup single", "--period 2026-07"):
        assert rows(team, elsewhere)["total"]["raw"] is None


def test_an_adjustment_of_a_leader_is_of_the_whole_team(team: Crm) -> None:
    team.ok("forecast adjust --owner Li --category commit --amount 90k --note sure")
    done = team.ok("forecast adjust --owner 'Ann Lee' --category commit --amount 140k --note safer --json")
    assert done.json["raw"] == "150000.00"
    found = rows(team, "--team")
    assert found["Ann Lee"]["commit"] == found["total"]["commit"] == "140000.00"
    assert rows(team)["Ann Lee"]["commit"] == "0.00"
    assert "(of the team: --team)" in team.ok("forecast").out


def test_a_forecast_is_adjusted_by_its_owner_and_those_above(team: Crm) -> None:
    words = "forecast adjust --owner Li --category commit --amount 70k --note no".split()
    refused = team.fails(5, "--as", "张敏", *words)
    assert "The forecast of Li is not yours to adjust: Li does not report to you." in refused.err
    assert team.ok("forecast --json").json["adjustments"] == []
    team.ok("--as", "Li", "forecast", "adjust", "--owner", "Ann Lee", *words[4:])  # nobody is above
    team.ok(*words, env={"CRMCLI_USER": ""})  # no user, as a script is
    assert team.ok("forecast --json").json["adjustments"][-1]["layer"] == "manager"


def test_what_was_not_adjusted_cannot_be_cleared(team: Crm) -> None:
    words = "forecast adjust --owner Li --category commit"
    assert "There is no adjustment to clear" in team.fails(3, f"{words} --clear").err
    team.ok("--as", "Li", *f"{words} --amount 70k --note sure".split())
    assert "(manager)" in team.fails(3, f"{words} --clear").err
    team.ok("--as", "Li", *f"{words} --clear".split())
    assert "There is no adjustment to clear" in team.fails(3, f"{words} --clear").err
    assert [each["amount"] for each in team.ok("forecast adjust --list --json").json] == ["70000.00", None]


def test_a_commit_above_the_best_case_is_said(team: Crm) -> None:
    team.ok("forecast adjust --owner Li --category commit --amount 95k --note bold")
    said = "Above: the commit of Li, USD 95,000.00, is more than the best case, USD 60,000.00, which holds it"
    assert said in " ".join(team.ok("forecast", env={"COLUMNS": "300"}).out.split("\n"))
    team.ok("forecast adjust --owner Li --category best-case --amount 95k --note bold")
    assert "Above:" not in team.ok("forecast").out


def test_a_commit_below_what_is_closed_is_said(team: Crm) -> None:
    team.ok("forecast adjust --owner Li --category commit --amount 1 --note low")
    said = "Below: the commit of Li, USD 1.00, is less than what is closed, USD 60,000.00"
    assert said in " ".join(team.ok("forecast", env={"COLUMNS": "300"}).out.split("\n"))
    team.ok("forecast adjust --owner Li --category commit --amount 60k --note all")
    assert "Below:" not in team.ok("forecast").out


def test_a_judgement_is_converted_as_it_moves_the_figure_of_its_currency(team: Crm) -> None:
    team.ok("opp add Köln --owner Li --amount 'EUR 40000' --close-date 2026-09-01 --stage Nego")
    team.ok("rate set EUR 1.5 --from 2026-07-01")
    team.ok("forecast adjust --owner Li --category commit --amount 'EUR 100k' --note more")
    found = team.ok("forecast --currency USD --json").json
    li = next(each for each in found["rows"] if each["key"] == "Li")
    # USD 60,000 and EUR 40,000 are USD 120,000; EUR 60,000 more are USD 90,000.
    assert (li["commit"], li["raw"]) == ("210000.00", {"commit": "120000.00"})
    assert (found["total"]["commit"], found["total"]["raw"]) == ("270000.00", {"commit": "180000.00"})
    (one,) = found["adjustments"]
    assert [one[name] for name in ("currency", "amount", "raw", "raw_then", "drift")] == [
        *("EUR", "100000.00", "40000.00", "40000.00", "0.00")
    ]
    assert rows(team, "--currency USD --team")["Ann Lee"]["commit"] == "270000.00"
    blocks = {
        (each["key"], each["currency"]): each["commit"] for each in team.ok("forecast --json").json["rows"]
    }
    assert (blocks["Li", "EUR"], blocks["Li", "USD"]) == ("100000.00", "60000.00")
    team.ok("opp edit O5 --amount 'EUR 45000'")
    assert team.ok("forecast --currency USD --json").json["adjustments"][0]["drift"] == "5000.00"
    assert rows(team, "--currency USD")["Li"]["commit"] == "210000.00"  # raw moved, what is shown did not


def test_a_judgement_without_a_rate_is_named_and_left_out(team: Crm) -> None:
    team.ok("forecast adjust --owner Li --category commit --amount 'EUR 100k' --note more")
    assert rows(team, "--currency USD")["Li"]["commit"] == "60000.00"
    said = "No rate: an adjustment of Li to EUR 100,000.00 is left out"
    assert said in team.ok("forecast --currency USD").out
    assert said not in team.ok("forecast --currency USD --owner 张敏").out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--by month", "as rows are not people but each a month: --by owner"),
        ("--by quarter", "as rows are not people but each a quarter: --by owner"),
        ("--rollup single", "as cumulative figures were judged: --rollup cumulative"),
        ("--period 2026", "as only a part of 2026 was judged: --period 2026-Q3"),
    ],
)
def test_a_judgement_that_is_not_applied_is_said(team: Crm, words: str, why: str) -> None:
    team.ok("forecast adjust --owner Li --category commit --amount 90k --note sure")
    said = f"Not applied: 1 adjustment (Li 2026-Q3 commit), {why}"
    assert said in " ".join(team.ok(f"forecast {words}", env={"COLUMNS": "300"}).out.split("\n"))
    found = team.ok(f"forecast {words} --json").json
    assert found["adjustments"] == []
    assert found["adjustments_not_applied"] == [
        {
            "owner": "Li",
            "period": "2026-Q3",
            "category": "commit",
            "layer": "manager",
            "currency": "USD",
            "amount": "90000.00",
        }
    ]
    for elsewhere in ("", "--team", "--period 2026-07", f"{words} --owner 张敏"):
        assert "Not applied" not in team.ok(f"forecast {elsewhere}").out, elsewhere


def test_what_was_undone_never_was_but_was_known(team: Crm) -> None:
    words = "forecast adjust --owner Li --category commit --amount 90k --note sure"
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k")
    team.ok(words)
    team.ok("rate set EUR 2 --from 2026-08-01")
    team.ok("opp add Köln --owner Li --amount 'EUR 1000' --close-date 2026-09-01 --stage Nego")
    for _ in range(4):
        team.ok("undo", today="2026-08-20")

    def found(how: str) -> tuple[Any, ...]:
        li = rows(team, f"--currency USD {how}", today="2026-09-01").get("Li", {})
        return li.get("commit"), li.get("quota")

    team.ok("redo", today="2026-08-24")  # the quota again
    assert found("--as-of 2026-08-18") == found("--as-of 2026-08-22") == ("60000.00", "100000.00")
    assert found("--known-at 2026-08-18") == ("92000.00", "100000.00")
    assert found("--as-of 2026-08-17 --known-at 2026-08-18") == ("92000.00", "100000.00")
    assert found("--known-at 2026-08-22") == ("60000.00", None)
    assert found("--known-at 2026-08-24") == ("60000.00", "100000.00")


def test_quotas_that_were_set_since_are_not_those_of_a_past_day(team: Crm) -> None:
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k", today="2026-08-20")
    for words in ("--as-of 2026-08-18", "--as-of 2026-08-18 --known-at 2026-08-25"):
        found = team.ok(f"forecast --json {words}", today="2026-08-25").json
        assert found["total"]["quota"] is None
        assert (found["as_of"], found["known_at"]) == (
            "2026-08-18",
            "2026-08-25" if "known" in words else None,
        )
    text = team.ok("forecast --as-of 2026-08-18 --known-at 2026-08-25", today="2026-08-25").out
    assert "As of 2026-08-18, as known at 2026-08-25 · closing" in text


def test_a_forecast_says_where_its_quotas_are_for_a_part(team: Crm) -> None:
    said = "The quotas of Li cover only part of 2026-Q3"
    team.ok("quota set --owner Li --period 2026-08 --amount 100k")
    assert said in team.ok("forecast").out
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k")
    assert said not in team.ok("forecast").out


def test_a_leader_alone_has_no_drift_from_the_team(team: Crm) -> None:
    team.ok("forecast adjust --owner 'Ann Lee' --category commit --amount 140k --note safer")
    (one,) = team.ok("forecast --owner 'Ann Lee' --json").json["adjustments"]
    assert (one["raw"], one["drift"]) == ("120000.00", "0.00")


def test_what_is_set_for_a_team_is_said_to_be_in_no_row(team: Crm) -> None:
    team.ok("quota set --owner 'Ann Lee' --team --period 2026-Q3 --amount 500k")
    said = "What is set for a team is in the total, and in no row: --team"
    assert said in team.ok("forecast").out
    for words in ("--team", "--owner Li", "--owner 'Ann Lee'", "--by month"):
        assert said not in team.ok(f"forecast {words}").out


def test_quotas_that_cannot_be_converted_or_do_not_count_are_said(team: Crm) -> None:
    for month in ("2026-07", "2026-08"):
        team.ok(f"quota set --owner Li --period {month} --amount 'EUR 50k'")
    text = team.ok("forecast --currency USD").out
    assert "No rate: 2 quotas, EUR 100,000.00, left out; `crm rate set` mends it" in text
    team.ok("quota set --owner 张敏 --period 2026-Q3 --amount 90k")
    team.ok("quota set --owner 'Ann Lee' --team --period 2026-08 --amount 10k")
    text = team.ok("forecast --team").out
    said = "Passed over: USD 10,000.00 for the team of Ann Lee, as a member's quota reaches beyond its days"
    assert said in text
    assert team.ok("forecast --team --json").json["totals"]["USD"]["quota"] == "90000.00"


def test_the_whole_of_several_currencies_is_held_against_the_quota(team: Crm) -> None:
    team.ok("opp add Bonn --owner Li --amount 'EUR 10000' --close-date 2026-07-20 --stage 'Closed Won'")
    team.ok("rate set EUR 1.5 --from 2026-07-01")
    assert "attainment" not in together(team)
    team.ok("quota set --owner Li --period 2026-Q3 --amount 150k")
    assert "quota USD 150,000.00, attainment 50.0 %, coverage 1.33, at the rates of the day" in together(team)


def together(crm: Crm) -> str:
    lines = crm.ok("forecast", env={"COLUMNS": "400"}).out.splitlines()
    return next(line for line in lines if line.startswith("Together:"))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("--owner Li --category commit --amount 5k", 2, "has a note"),
        ("--owner Li --category closed --amount 5k --note x", 2, "cannot be adjusted"),
        ("--owner Li --amount 5k --note x", 2, "--category is missing"),
        ("--owner Li --category commit --note x", 2, "Give --amount, or --clear"),
        ("--owner Li --category commit --amount 5 --clear --note x", 2, "Give --amount, or --clear"),
        ("--owner Li --category commit --amount -5 --note x", 2, "negative"),
        ("--owner Nobody --category commit --amount 5 --note x", 3, "Nobody"),
    ],
)
def test_an_adjustment_that_cannot_be_is_refused(team: Crm, words: str, code: int, says: str) -> None:
    assert says in team.fails(code, f"forecast adjust {words}").err


# --- what if ----------------------------------------------------------------------------------------------


def test_a_supposition_is_counted_and_nothing_written(team: Crm) -> None:
    before = team.ok("forecast --json").json
    found = team.ok(
        *("forecast", "--json", "--explain", "--what-if", 'O4.stage="Closed Won"'),
        *("--what-if", "O2.close_date=2026-10-15", "--what-if", "O3.owner=Li", "--what-if", "O3.amount=12k"),
    ).json
    assert found["what_if"][1] == "O2.close_date=2026-10-15"
    by_key = {each["key"]: each for each in found["rows"]}
    assert list(by_key) == ["Li"]
    assert (by_key["Li"]["closed"], by_key["Li"]["best_case"]) == ("90000.00", "102000.00")
    assert [deal["ref"] for deal in found["explain"]["rows"][0]["deals"]] == ["O1", "O4", "O3"]
    assert team.ok("forecast --json").json == before
    assert rows(team, "--what-if O4.probability=50")["Li"]["weighted"] == "15000.00"
    assert rows(team, "--what-if O4.category=omitted")["Li"]["open_pipeline"] == "0.00"
    assert rows(team, "--what-if O1.stage=Nego --what-if O1.close_date=2026-09-01")["Li"]["closed"] == "0.00"
    assert rows(team, "--what-if O4.close_date=2026-08-01")["total"]["count"] == 3
    assert (
        rows(team, "--as-of 2026-08-15 --what-if O4.amount=1", today="2026-08-20")["Li"]["open_pipeline"]
        == "1.00"
    )


def test_a_supposition_is_what_the_act_would_have_made(team: Crm) -> None:
    supposed = rows(team, "--what-if 'O4.stage=Closed Won'")
    team.ok("opp win O4")
    assert rows(team) == supposed
    supposed = rows(team, "--what-if O2.stage=Perception")
    team.ok("opp stage O2 Perception")
    assert rows(team) == supposed


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        ("O4", 2, "says nothing of a deal"),
        ("O4.colour=red", 2, "not 'colour'"),
        ("O99.amount=5", 3, "O99"),
        ("O4.amount=lots", 2, "not an amount"),
        ("O4.stage=Nowhere", 2, "There is no stage"),
        ("O1.probability=50", 5, "has a probability of 100"),
        ("O4.probability=none", 2, "cannot be none"),
    ],
)
def test_a_supposition_that_cannot_be_is_refused(team: Crm, typed: str, code: int, says: str) -> None:
    assert says in team.fails(code, "forecast", "--what-if", typed).err


# --- what was known when ----------------------------------------------------------------------------------


def test_known_at_is_what_would_have_been_printed_that_day(crm: Crm) -> None:
    crm.ok("user add Bo", today="2026-05-01")
    crm.ok("opp add Won --owner Bo --amount 100 --close-date 2026-06-20", today="2026-05-01")
    crm.ok("opp edit O1 --stage 'Closed Won' --at 2026-05-10", today="2026-05-20")
    true = rows(crm, "--as-of 2026-05-15", today="2026-05-30")["total"]
    printed = rows(crm, "--known-at 2026-05-15", today="2026-05-30")["total"]
    assert (true["closed"], printed["closed"]) == ("100.00", "0.00")
    assert printed["open_pipeline"] == "100.00"
    both = rows(crm, "--as-of 2026-05-15 --known-at 2026-05-20", today="2026-05-30")["total"]
    assert both["closed"] == "100.00"
    assert "--known-at" in crm.fails(2, "forecast --known-at 2026-06-30", today="2026-05-30").err


PLANS = st.lists(
    st.sampled_from(
        [
            "quota set --owner Bo --period 2026-Q2 --amount 1000",
            "quota set --owner Bo --period 2026-05 --amount 300",
            "quota set --owner Al --team --period 2026-Q2 --amount 5000",
            "quota set --owner Bo --period 2026-Q2 --amount none",
            "rate set EUR 1.1 --from 2026-04-01",
            "rate set EUR 1.3 --from 2026-05-01",
            "forecast adjust --owner Bo --period 2026-Q2 --category commit --amount 700 --note why",
            "forecast adjust --owner Al --period 2026-Q2 --category best_case --amount 900 --note why",
            "forecast adjust --owner Bo --period 2026-Q2 --category commit --clear",
            "opp add Deal --owner Bo --amount 100.10 --close-date 2026-06-20",
            "opp add Deal --owner Al --amount 'EUR 77.77' --close-date 2026-06-21 --stage Nego",
            "opp edit O1 --stage 'Closed Won'",
            "opp edit O1 --amount 55.55",
            "opp rm O2 --yes",
            "undo",
            "redo",
        ]
    ),
    max_size=6,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(PLANS, min_size=2, max_size=3))
def test_what_was_printed_can_be_printed_again_with_its_plans(crm: Crm, days: list[list[str]]) -> None:
    if "BO" not in crm.environ:
        crm.ok("user add Al", today="2026-01-01")
        crm.ok("user add Bo --manager Al", today="2026-01-01")
        crm.environ["BO"] = "is there"
    forget(crm)
    words = "--period 2026-Q2 --currency USD --team"
    printed: dict[str, Any] = {}
    for number, acts in enumerate(days):
        today = f"2026-05-{10 + number}"
        for act in acts:
            crm(act, today=today)
        printed[today] = asked(crm, words, today)
        for again in ("--as-of", "--known-at"):
            assert asked(crm, f"{words} {again} {today}", today) == printed[today]
        whole, own = rows(crm, words, today=today)["total"], rows(crm, words[:-6], today=today)["total"]
        for column in ("closed", "open_pipeline", "weighted", "quota"):
            assert whole[column] == own[column]
    for day, before in printed.items():
        assert asked(crm, f"{words} --known-at {day}", "2026-05-30") == before


def asked(crm: Crm, words: str, today: str) -> Any:
    """What a forecast prints for programs, without what it was asked with."""
    found = crm.ok(f"forecast --json {words}", today=today).json
    known_at = found.pop("known_at")
    assert (known_at is None) == ("--known-at" not in words)
    return found


def forget(crm: Crm) -> None:
    """Empty the database of deals and plans, and of all that is known of them."""
    from sqlalchemy import text

    from crmcli.store.engine import engine_of, target_of

    engine = engine_of(target_of(crm.environ["CRMCLI_DB"]))
    with engine.begin() as connection:
        for table in ("opportunity_version", "change", "opportunity", "quota", "rate", "adjustment", "entry"):
            connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(
                text("UPDATE sequence SET next_id = 1 WHERE entity = :table"), {"table": table}
            )
    engine.dispose()


@pytest.mark.parametrize(
    "act",
    [
        "quota set --owner Li --period 2026-Q3 --amount 5k",
        "quota set --owner 'Ann Lee' --team --period 2026-Q3 --amount 5k",
        "quota split --period 2026-Q3 --total 1000 --even",
        "rate set EUR 2 --from 2026-07-01",
        "rate rm EUR --from 2026-07-01",
        "forecast adjust --owner Li --category commit --amount 1 --note why",
    ],
)
def test_undo_restores_every_report(team: Crm, act: str) -> None:
    team.ok("opp add Köln --owner Li --amount 'EUR 1000' --close-date 2026-09-01 --stage Nego")
    team.ok("rate set EUR 1.1 --from 2026-07-01")
    team.ok("quota set --owner Li --period 2026-Q3 --amount 100k")
    reports = (
        *(
            "forecast --json",
            "forecast --currency USD --team --json",
            "forecast --by month --currency USD --json",
        ),
        "quota show --json",
    )
    before = [team.ok(words).out for words in reports]
    team.ok(act)
    assert [team.ok(words).out for words in reports] != before
    team.ok("undo")
    assert [team.ok(words).out for words in reports] == before


# --- the range --------------------------------------------------------------------------------------------


def test_the_range_is_by_ones_own_win_rates(crm: Crm) -> None:
    crm.today = "2026-05-01"
    crm.ok("init")
    none = crm.ok("forecast --range --json").json["range"]
    assert (none["p10"], none["p90"], none["mean"]) == ("0.00", "0.00", "0.00")
    assert none["history"] == {"closed": 0, "won": 0, "thin": True, "stages": {}}
    assert "From no closed deals" in crm.ok("forecast --range").out
    for number in range(1, 5):
        crm.ok(f"opp add Past{number} --amount 100 --close-date +5d --stage Proposal")
    for number in range(1, 4):
        crm.ok(f"opp win O{number}", today="2026-05-02")
    crm.ok("opp lose O4 --reason Pricing", today="2026-05-02")
    crm.today = "2026-05-03"
    crm.ok("opp add Next --amount 1000 --close-date 2026-06-01 --stage Proposal")
    crm.ok("quota set --period this-quarter --amount 1000")
    found = crm.ok("forecast --range --json").json["range"]
    assert (found["p10"], found["p50"], found["p90"]) == ("300.00", "1300.00", "1300.00")
    assert found["mean"] == "1050.00"  # 300 + 1000 × (3 + 8 × 3/4) / (4 + 8)
    assert found["chance_of_quota"] == 75.0
    assert found["history"]["thin"] is True
    assert found["history"]["stages"]["Proposal/Price Quote"] == {
        "closed": 4,
        "won": 3,
        "probability": 75,
        "win_rate": 75.0,
    }
    text = crm.ok("forecast --range --explain").out
    assert (
        "From 4 closed deals, 3 of them won, stage by stage, and the probabilities of the stages: too" in text
    )
    assert (
        "win rate from Proposal/Price Quote: 3 won of 4: 75.0 %;"
        " drawn towards its probability of 75 % by 8 deals: 75.0 %" in text
    )
    assert "win rate from" not in crm.ok("forecast --range").out
    crm.ok("opp add Köln --amount 'EUR 5' --close-date 2026-06-01")
    assert "have no range together" in crm.fails(2, "forecast --range").err
    assert crm.ok("forecast --range --currency USD --json").json["range"]["mean"] == "1050.00"


def test_the_past_has_the_reporting_line_and_the_teams_of_then(crm: Crm) -> None:
    for name in ("Ann", "Zed"):
        crm.ok(f"user add {name}", today="2026-01-05")
    crm.ok("user add Bob --manager Ann --team East", today="2026-01-05")
    crm.ok("opp add O --amount 100 --owner Bob --stage Nego --close-date 2026-02-01", today="2026-01-05")
    crm.ok(
        "opp add P --amount 70 --owner Bob --stage 'Closed Won' --close-date 2026-01-05", today="2026-01-05"
    )
    asked = [
        *("forecast --team", "forecast --by team", "forecast --by manager", "forecast --team --owner Ann"),
        *("report win-rate --by team", "report attainment --by manager", "quota show"),
    ]
    before = [crm.ok(f"{words} --json", today="2026-01-05").json for words in asked]
    crm.ok("user edit Bob --manager Zed --team West", today="2026-01-15")
    for words, then in zip(asked, before, strict=True):
        assert crm.ok(f"{words} --as-of 2026-01-05 --json", today="2026-01-20").json == then, words
        assert crm.ok(f"{words} --json", today="2026-01-05").json != then or words == "quota show"
    known = crm.ok("forecast --team --known-at 2026-01-05 --json", today="2026-01-20").json
    assert known["rows"] == before[0]["rows"]
