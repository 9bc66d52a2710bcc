"""crm report win-rate: of the deals that were closed, how many were won."""

import pytest

from tests.conftest import Crm
from tests.reports.standard.book import act, rows

ACTS = """
2026-01-05 user add Bo --team North
2026-01-05 user add 李雷 --team North --manager Bo
2026-01-10 opp add Alpha --amount 1000 --owner Bo --source Web
2026-01-10 opp add Beta --amount 3000 --owner Bo --source Web
2026-01-10 opp add Gamma --amount 500 --owner 李雷
2026-01-10 opp add Delta --owner 李雷
2026-01-10 opp add Epsilon --amount 9999 --owner Bo
2026-02-10 opp win O1
2026-02-11 opp lose O2 --reason Pricing
2026-05-12 opp win O3
2026-05-12 opp win O4
"""


@pytest.fixture
def closed(crm: Crm) -> Crm:
    crm.today = "2026-08-15"
    act(crm, ACTS)
    return crm


def test_open_deals_are_in_no_denominator(closed: Crm) -> None:
    found = rows(closed, "win-rate")
    assert [found["Bo"][name] for name in ("won", "lost", "win_rate")] == [1, 1, 50.0]
    assert [found["李雷"][name] for name in ("won", "lost", "win_rate")] == [2, 0, 100.0]
    assert [found[None][name] for name in ("won", "lost", "win_rate")] == [3, 1, 75.0]


def test_by_value_and_on_average_only_amounts_count(closed: Crm) -> None:
    found = rows(closed, "win-rate")
    assert found["Bo"]["value_win_rate"] == 25.0
    assert found["李雷"]["average_won"] == "500.00", "the deal without an amount is in no average"
    assert found[None]["won_amount"] == "1500.00"
    assert found[None]["lost_amount"] == "3000.00"


def test_by_what_else_deals_have(closed: Crm) -> None:
    assert {name: row["win_rate"] for name, row in rows(closed, "win-rate --by quarter").items()} == {
        "2026-Q1": 50.0,
        "2026-Q2": 100.0,
        None: 75.0,
    }
    assert rows(closed, "win-rate --by team")["North"]["won"] == 3
    assert rows(closed, "win-rate --by manager")["Bo"]["won"] == 2
    assert rows(closed, "win-rate --by source")["Web"]["win_rate"] == 50.0
    assert list(rows(closed, "win-rate --period 2026-02 --owner Bo --by month")) == ["2026-02", None]


def test_amounts_in_other_currencies_are_converted_on_the_day_they_were_closed(closed: Crm) -> None:
    act(closed, "2026-01-10 opp add Zeta --amount 'EUR 100' --owner Bo\n2026-03-01 opp win O6")
    closed.ok("rate set EUR 1.10 --from 2026-01-01")
    closed.ok("rate set EUR 1.20 --from 2026-04-01")
    assert rows(closed, "win-rate")["Bo"]["won_amount"] == "1110.00"
    assert rows(closed, "win-rate --currency EUR --period 2026-03")["Bo"]["won_amount"] == "100.00"


def test_a_deal_without_a_rate_is_counted_and_named_and_is_no_zero(closed: Crm) -> None:
    act(closed, "2026-01-10 opp add Zeta --amount 'GBP 100' --owner Bo\n2026-03-01 opp win O6")
    found = closed.ok("report win-rate --json").json
    assert found["excluded"] == [
        {"ref": "O4", "reason": "no amount"},
        {"ref": "O6", "reason": "no rate for GBP"},
    ]
    assert rows(closed, "win-rate")["Bo"]["won"] == 2
    assert rows(closed, "win-rate")["Bo"]["average_won"] == "1000.00"
    assert "No rate for GBP (crm rate set): 1 deal" in closed.ok("report win-rate").out


def test_explain_names_the_formula_and_the_deals(closed: Crm) -> None:
    text = closed.ok("report win-rate --explain").out
    assert "win rate: won / (won + lost)" in text
    assert "Bo: deals counted: 2" in text
    assert "O2 Beta · USD 3000.00 · made 2026-01-10 · lost 2026-02-11" in text
    said = closed.ok("report win-rate --explain --json").json["explain"]["rows"]
    assert [deal["ref"] for deal in said[0]["deals"]] == ["O2", "O1"]


def test_accounts_of_one_name_are_told_apart(closed: Crm) -> None:
    act(
        closed,
        """
2026-06-01 account add Acme
2026-06-01 account add Acme
2026-06-01 opp edit O1 --account A1
2026-06-01 opp edit O2 --account A2
""",
    )
    for report in ("win-rate", "cycle-time", "velocity", "win-loss"):
        found = closed.ok(f"report {report} --by account --json").json["rows"]
        named = [(row["ref"], row["account"]) for row in found if row["account"] == "Acme"]
        assert set(named) <= {("A1", "Acme"), ("A2", "Acme")}
        assert named
    found = closed.ok("report win-rate --by account --explain --json").json
    assert [(row["ref"], row["account"], row["won"]) for row in found["rows"]] == [
        ("A1", "Acme", 1),
        ("A2", "Acme", 0),
        (None, "(none)", 2),
    ]
    assert [(row["ref"], row["counted"]) for row in found["explain"]["rows"]] == [
        ("A1", 1),
        ("A2", 1),
        (None, 2),
    ]
    assert closed.ok("report win-rate --by account --format ids").lines == ["A1", "A2"]


def test_the_currency_is_that_of_all_deals_whatever_is_asked_for(closed: Crm) -> None:
    asked = ("leaderboard", "attainment", "win-rate --owner Bo", "funnel --period 2025", "velocity", "trend")

    def currencies(words: str = "") -> set[str]:
        reports = [f"report {each} {words} --json" for each in asked]
        return {closed.ok(each).json["currency"] for each in (*reports, f"dashboard {words} --json")}

    closed.ok("quota set --owner Bo --period 2026 --amount 'EUR 1'")
    assert currencies() == {"USD"}
    act(closed, "2026-07-01 opp add Zeta --amount 'EUR 1' --owner 李雷")
    assert currencies() == {"USD"}, "there are two: the home currency"
    for ref in ("O1", "O2", "O3", "O5"):
        closed.ok(f"opp edit {ref} --amount 'EUR 5'", today="2026-07-02")
    assert currencies() == {"EUR"}, "the only one"
    assert currencies("--as-of 2026-06-30") == {"USD"}


def test_people_are_told_of_the_first_deals_and_of_how_many_there_are(closed: Crm) -> None:
    names = "".join(f"Deal {number},Closed Won,2026-03-01,Bo,{number}\n" for number in range(1, 31))
    blank = "".join(f"Blank {number},Closed Won,2026-03-01,Bo,\n" for number in range(12))
    closed.ok("opp import -", stdin=f"name,stage,close_date,owner,amount\n{names}{blank}")
    for report in ("win-rate", "win-loss --by owner", "trend --by quarter"):
        lines = [line.strip() for line in closed.ok(f"report {report} --explain --format plain").lines]
        assert sum(line.startswith("O") and " · made " in line for line in lines) >= 20
        assert any(line.startswith("No amount: 13 deals, counted, in no amount: O4 ") for line in lines)
        assert any(line.endswith("and 3 more") for line in lines)
        found = closed.ok(f"report {report} --explain --json").json
        assert sum(each["reason"] == "no amount" for each in found["excluded"]) == 13
        for row in found["explain"]["rows"]:
            assert len(row["deals"]) == row["counted"]
            said = f"{row['key']}: deals counted: {row['counted']}"
            assert said in lines
            more = row["counted"] - 20
            assert (
                lines[lines.index(said) + min(21, row["counted"] + 1) :][:1] == [f"and {more} more"]
                or more <= 0
            )
