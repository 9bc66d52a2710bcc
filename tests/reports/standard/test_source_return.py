"""crm report source-return: what the leads of each source became, and brought."""

from typing import Any

import pytest

from tests.conftest import Crm, Golden

ACTS = """
2026-01-10 lead add 'Early Bird' --source Web
2026-03-01 opp add Older --source Web --amount 1000
2026-04-02 lead add 'Wang Wei' --source Web
2026-04-03 lead add 'Li Na' --source Web
2026-04-04 lead add '张敏' --source 'Trade Show'
2026-04-05 lead add Nameless
2026-04-06 lead convert L2 --opp-name Huaxin --amount 3000
2026-04-07 opp add Lost --source Web --amount 500
2026-04-08 opp add Open --source 'Trade Show' --amount 800
2026-04-09 opp add Blank --source Web
2026-04-20 opp win O1
2026-04-21 opp win O2
2026-04-22 opp lose O3 --reason Pricing
2026-04-23 opp win O5
"""
FIGURES = ("leads", "converted", "conversion_rate", "deals", "won", "lost", "win_rate")
MONEY = ("won_amount", "average_won", "won_per_lead")


@pytest.fixture
def selling(crm: Crm) -> Crm:
    crm.today = "2026-05-01"
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    return crm


def rows(crm: Crm, words: str = "--period 2026-04", **options: Any) -> dict[str, dict[str, Any]]:
    found = crm.ok(f"report source-return --json {words}", **options).json
    return {each["source"] or "total": each for each in [*found["rows"], found["total"]]}


def figures(row: dict[str, Any], names: tuple[str, ...] = FIGURES) -> list[Any]:
    return [row[name] for name in names]


def test_what_each_source_brought(selling: Crm) -> None:
    found = rows(selling)
    assert list(found) == ["Trade Show", "Web", "(none)", "total"]
    assert figures(found["Web"]) == [2, 1, 50.0, 3, 3, 1, 75.0]
    assert figures(found["Web"], MONEY) == ["4000.00", "2000.00", "2000.00"], "one won deal has no amount"
    assert figures(found["Trade Show"]) == [1, 0, 0.0, 1, 0, 0, None]
    assert figures(found["Trade Show"], MONEY) == ["0.00", None, "0.00"]
    assert figures(found["(none)"]) == [1, 0, 0.0, 0, 0, 0, None]
    assert figures(found["total"]) == [4, 1, 25.0, 4, 3, 1, 75.0]
    assert figures(found["total"], MONEY) == ["4000.00", "2000.00", "1000.00"]


def test_it_agrees_with_the_win_rate(selling: Crm) -> None:
    found = selling.ok("report win-rate --by source --period 2026-04 --json").json["rows"]
    names = ("won", "lost", "win_rate", "won_amount", "average_won")
    assert [[each[name] for name in names] for each in found] == [figures(rows(selling)["Web"], names)]


def test_a_source_without_leads_has_no_amount_for_each(selling: Crm) -> None:
    found = rows(selling, "--period 2026-04-20..2026-04-30")["Web"]
    assert figures(found) == [0, 0, None, 0, 3, 1, 75.0]
    assert found["won_per_lead"] is None


def test_amounts_are_converted_and_what_has_no_rate_is_named(selling: Crm) -> None:
    selling.ok("rate set EUR 2 --from 2026-04-01")
    for number, currency in ((6, "EUR"), (7, "JPY")):
        selling.ok(f"opp add More --source Web --amount 100 --currency {currency}", today="2026-04-10")
        selling.ok(f"opp win O{number}", today="2026-04-24")
    found = selling.ok("report source-return --period 2026-04 --json").json
    assert found["total"]["won_amount"] == "4200.00"
    assert found["total"]["won"] == 5
    excluded = {(each["ref"], each["reason"]) for each in found["excluded"]}
    assert excluded == {("O5", "no amount"), ("O7", "no rate for JPY")}
    assert rows(selling, "--period 2026-04 --currency EUR")["total"]["won_amount"] == "2100.00"


def test_owners_have_their_own(selling: Crm) -> None:
    selling.ok("user add 张敏")
    selling.ok("lead assign L3 --to 张敏")
    assert figures(rows(selling, "--period 2026-04 --owner 张敏")["total"])[:5] == [1, 0, 0.0, 0, 0]


def test_the_leads_and_deals_that_were_counted(selling: Crm) -> None:
    found = selling.ok("report source-return --period 2026-04 --explain --json").json["explain"]
    deals = {each["key"]: [deal["ref"] for deal in each["deals"]] for each in found["rows"]}
    assert deals == {"Web": ["O2", "O1", "O3", "O5"], "Trade Show": ["O4"]}
    leads = {each["key"]: [lead["ref"] for lead in each["leads"]] for each in found["leads"]}
    assert leads == {"Trade Show": ["L4"], "Web": ["L2", "L3"], "(none)": ["L5"]}
    text = selling.ok("report source-return --period 2026-04 --explain").out
    assert "Web: leads counted: 2: L2 converted, L3 not converted" in text


def test_as_of_a_day_it_is_what_was_printed_that_day(crm: Crm) -> None:
    printed = {}
    words = "report source-return --period 2026 --explain"
    for line in ACTS.strip().splitlines():
        crm.ok(line[11:], today=line[:10])
        printed[line[:10]] = crm.ok(words, today=line[:10]).out
    crm.ok("lead edit L1 --source Email", today="2026-04-25")
    crm.ok("lead rm L5 --yes", today="2026-04-25")
    crm.ok("opp edit O4 --source Email", today="2026-04-25")
    for day, text in printed.items():
        assert crm.ok(f"{words} --as-of {day}", today="2026-05-01").out == text
    live = crm.ok(words, today="2026-05-01").out
    assert live != printed["2026-04-23"]
    assert crm.ok(f"{words} --as-of today", today="2026-05-01").out == live


@pytest.mark.parametrize(
    "words", ["lead convert L3 --no-opp", "opp reopen O1", "lead rm L4 --yes", "opp edit O4 --source Web"]
)
def test_undo_restores_it(selling: Crm, words: str) -> None:
    said = "report source-return --explain --json"
    before = selling.ok(said).out
    selling.ok(words)
    assert selling.ok(said).out != before
    selling.ok("undo")
    assert selling.ok(said).out == before


def test_nothing_yet(crm: Crm) -> None:
    crm.ok("init")
    run = crm.ok("report source-return", today="2026-05-01")
    assert "No leads or deals were made and no deals were closed in 2026." in run.out


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(selling: Crm, golden: Golden, width: int) -> None:
    selling.ok("lead edit L4 --source 展会")
    text = selling.ok("report source-return --period 2026-04 --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-source-return-{width}", text)
