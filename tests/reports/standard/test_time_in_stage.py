"""crm report time-in-stage: how long deals stay in each stage."""

from datetime import date, timedelta
from itertools import count, groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm, Golden

ACTS = """
2026-02-01 opp add Back
2026-02-11 opp stage O1 Qualification
2026-02-16 opp stage O1 Prospecting
2026-02-20 opp edit O1 --amount 7
2026-03-01 opp stage O1 Qualification
2026-02-01 opp add Won
2026-02-05 opp win O2
2026-02-01 opp add Lost
2026-03-03 opp lose O3 --reason Pricing
2026-04-01 opp add Waiting
2026-04-02 opp add 等待
"""
FIGURES = ("completed", "mean_days", "median_days", "won_completed", "won_median_days")
STILL = ("still_there", "longest_days", "longest")


@pytest.fixture
def selling(crm: Crm) -> Crm:
    crm.today = "2026-05-01"
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    return crm


def rows(crm: Crm, words: str = "", **options: Any) -> dict[str, dict[str, Any]]:
    found = crm.ok(f"report time-in-stage --json {words}", **options).json
    return {each["stage"]: each for each in found["rows"]}


def figures(row: dict[str, Any], names: tuple[str, ...] = FIGURES) -> list[Any]:
    return [row[name] for name in names]


def test_visits_add_up_and_what_is_still_there_stands_beside(selling: Crm) -> None:
    found = rows(selling)
    assert figures(found["Prospecting"]) == [3, 19.0, 23.0, 1, 4.0], "10 + 13, 4 and 30 days"
    assert figures(found["Prospecting"], STILL) == [2, 30, "O4"]
    assert figures(found["Qualification"]) == [0, None, None, 0, None], "5 days, and again since 1 March"
    assert figures(found["Qualification"], STILL) == [1, 66, "O1"]
    assert figures(found["Needs Analysis"], STILL) == [0, None, None]


def test_the_period_is_that_in_which_a_stage_was_left(selling: Crm) -> None:
    assert figures(rows(selling, "--period 2026-02")["Prospecting"])[:3] == [1, 4.0, 4.0]
    assert figures(rows(selling, "--period 2026-03")["Prospecting"])[:3] == [2, 26.5, 26.5]
    assert figures(rows(selling, "--period 2025")["Prospecting"], STILL) == [2, 30, "O4"]


def test_a_day_is_the_users(crm: Crm) -> None:
    crm.env["TZ"] = "America/New_York"
    crm.ok("opp add One", today="2026-03-02T23:30:00-05:00")
    crm.ok("opp stage O1 Qualification", today="2026-03-03T00:30:00-05:00")
    assert rows(crm, today="2026-03-03")["Prospecting"]["median_days"] == 1.0
    assert rows(crm, today="2026-03-03", env={"TZ": "UTC"})["Prospecting"]["median_days"] == 0.0


def test_a_limit_is_shown_and_what_is_usual_is_said(crm: Crm) -> None:
    crm.ok("user add Bo")
    for number in range(1, 9):
        crm.ok(f"opp add Won{number}", today="2026-01-01")
        crm.ok(f"opp win O{number}", today="2026-01-31")
    found = rows(crm, today="2026-05-01")["Prospecting"]
    assert (found["limit_days"], found["usual_limit_days"]) == (None, 45)
    said = "(1.5 × the median of won deals, at least 14): Prospecting 45 days (8 deals)"
    assert said in crm.ok("report time-in-stage", today="2026-05-01").out
    assert rows(crm, "--as-of 2026-01-30", today="2026-05-01")["Prospecting"]["usual_limit_days"] is None
    crm.ok("opp add Bos --owner Bo", today="2026-05-01")
    assert rows(crm, "--owner Bo", today="2026-05-01")["Prospecting"]["usual_limit_days"] == 45, "everybody's"
    crm.ok("stage edit Prospecting --limit-days 20")
    assert rows(crm, today="2026-05-01")["Prospecting"]["limit_days"] == 20
    assert "Usual limit" not in crm.ok("report time-in-stage", today="2026-05-01").out


def test_each_deal_is_told_with_its_days(selling: Crm) -> None:
    found = selling.ok("report time-in-stage --explain --json").json["explain"]["rows"]
    told = {
        each["key"]: [(deal["ref"], deal["days"], deal["left"]) for deal in each["deals"]] for each in found
    }
    assert told["Prospecting"][:3] == [("O3", 30, "2026-03-03"), ("O4", 30, None), ("O5", 29, None)]
    text = selling.ok("report time-in-stage --explain").out
    assert "O3 Lost · no amount · made 2026-02-01 · lost 2026-03-03 · left 2026-03-03 after 30 days" in text
    assert "O5 等待 · no amount · made 2026-04-02 · open no close date · there for 29 days" in text


def test_owners_have_their_own(selling: Crm) -> None:
    selling.ok("user add 张敏")
    selling.ok("opp assign O5 --to 张敏")
    assert figures(rows(selling, "--owner 张敏")["Prospecting"], STILL) == [1, 29, "O5"]


def test_as_of_a_day_it_is_what_was_printed_that_day(crm: Crm) -> None:
    printed = {}
    acts = sorted(ACTS.strip().splitlines(), key=lambda line: line[:10])
    for line in acts:
        crm.ok(line[11:], today=line[:10])
        printed[line[:10]] = crm.ok("report time-in-stage", today=line[:10]).out
    crm.ok("opp rm O1 --yes", today="2026-04-05")
    for day, text in printed.items():
        assert crm.ok(f"report time-in-stage --as-of {day}", today="2026-05-01").out == text
    live = crm.ok("report time-in-stage --explain --json", today="2026-05-01").out
    assert crm.ok("report time-in-stage --explain --json --as-of today", today="2026-05-01").out == live


MOVES = st.tuples(
    st.integers(0, 9),
    st.sampled_from(["add New", "stage {} Nego", "stage {} Prospecting", "win {}", "reopen {}"]),
)
REPORTS = ("report funnel --explain", "report time-in-stage --explain")
YEARS = count(1990)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(MOVES, st.integers(0, 9)), max_size=8))
def test_whatever_happens_a_past_day_stays_as_it_was_printed(crm: Crm, acts: list[Any]) -> None:
    year = next(YEARS)  # the database is one for all examples: each has a year of its own
    refs, printed = [crm.ok("opp add First", today=f"{year}-03-01").out.strip()], {}
    for days, moves in groupby(sorted(acts), key=lambda act: act[0][0]):
        day = (date(year, 3, 2) + timedelta(days=days)).isoformat()
        for (_, words), number in moves:
            run = crm("opp " + words.format(refs[number % len(refs)]), today=day)
            if words.startswith("add"):
                refs.append(run.out.strip())
        printed[day] = [crm.ok(words, today=day).out for words in REPORTS]
    last = f"{year}-12-01"
    for day, texts in printed.items():
        words = [f"{words} --period {year} --as-of {day}" for words in REPORTS]
        assert [crm.ok(each, today=last).out for each in words] == texts
    crm.ok("opp", "rm", *refs, "--yes", today=last)


@pytest.mark.parametrize("words", ["opp stage O4 Nego", "opp reopen O3", "opp rm O1 --yes", "opp win O1"])
def test_undo_restores_it(selling: Crm, words: str) -> None:
    before = selling.ok("report time-in-stage --explain --json").out
    selling.ok(words)
    assert selling.ok("report time-in-stage --explain --json").out != before
    selling.ok("undo")
    assert selling.ok("report time-in-stage --explain --json").out == before


def test_nothing_yet(crm: Crm) -> None:
    crm.ok("init")
    said = "No deals left a stage in 2026, and none are in one."
    assert said in crm.ok("report time-in-stage", today="2026-05-01").out


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(selling: Crm, golden: Golden, width: int) -> None:
    selling.ok("stage add 提案 --position 4 --probability 30 --category Pipeline --limit-days 20")
    text = selling.ok("report time-in-stage --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-time-in-stage-{width}", text)
