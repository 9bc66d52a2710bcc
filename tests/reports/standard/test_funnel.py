"""crm report funnel: of the deals that entered a stage, how many came further."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcli.rules.funnel import NOWHERE, WON, Passage, funnel
from tests.conftest import Crm, Golden

ACTS = """
2026-02-01 opp add Skip --amount 1000
2026-02-01 opp add 'Lost late' --amount 2000
2026-02-01 opp add 'Won at once' --amount 4000
2026-02-01 opp add Waiting
2026-03-01 opp stage O1 'Needs Analysis'
2026-03-01 opp stage O2 Qualification
2026-03-05 opp stage O2 Prospecting
2026-03-09 opp stage O2 Qualification
2026-03-10 opp lose O2 --reason Pricing
2026-04-01 opp win O3
"""
FIGURES = ("entered", "advanced", "lost", "pending", "conversion", "of_first", "amount")


@pytest.fixture
def selling(crm: Crm) -> Crm:
    crm.today = "2026-05-01"
    act(crm, ACTS)
    return crm


def act(crm: Crm, acts: str) -> None:
    for line in acts.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)


def rows(crm: Crm, words: str = "", **options: Any) -> dict[str, list[Any]]:
    found = crm.ok(f"report funnel --json {words}", **options).json
    return {each["stage"]: [each[name] for name in FIGURES] for each in found["rows"]}


def test_a_skip_a_reentry_a_loss_and_a_win(selling: Crm) -> None:
    found = rows(selling)
    assert list(found)[:3] == ["Prospecting", "Qualification", "Needs Analysis"]
    assert len(found) == 8
    assert found["Prospecting"] == [4, 3, 0, 1, 100.0, 100.0, "7000.00"]
    assert found["Qualification"] == [3, 2, 1, 0, 66.7, 75.0, "7000.00"]
    assert found["Needs Analysis"] == [2, 1, 0, 1, 100.0, 50.0, "5000.00"]
    assert found["Negotiation/Review"] == [1, 1, 0, 0, 100.0, 25.0, "4000.00"]


def test_only_those_that_entered_in_the_period(selling: Crm) -> None:
    found = rows(selling, "--period 2026-03")
    assert found["Prospecting"] == [0, 0, 0, 0, None, None, "0.00"]
    assert found["Qualification"] == [2, 1, 1, 0, 50.0, None, "3000.00"]
    assert found["Needs Analysis"] == [1, 0, 0, 1, None, None, "1000.00"]


def test_a_month_is_the_users(crm: Crm) -> None:
    crm.env["TZ"] = "America/New_York"
    crm.ok("opp add Late", today="2026-03-31T23:30:00-04:00")
    assert rows(crm, "--period 2026-03", today="2026-05-01")["Prospecting"][0] == 1
    assert rows(crm, "--period 2026-04", today="2026-05-01") == {}


def test_each_deal_is_told_with_what_became_of_it(selling: Crm) -> None:
    found = selling.ok("report funnel --explain --json").json["explain"]
    told = {each["key"]: [(deal["ref"], deal["became"]) for deal in each["deals"]] for each in found["rows"]}
    assert told["Qualification"] == [("O3", "advanced"), ("O2", "lost"), ("O1", "advanced")]
    assert set(found["formulas"]) == set(FIGURES)
    text = selling.ok("report funnel --explain").out
    assert "conversion: advanced / (advanced + lost)" in text
    assert "O2 Lost late · USD 2000.00 · made 2026-02-01 · lost 2026-03-10 · lost" in text


def test_a_deal_that_came_closed_is_in_no_stage_and_said_so(selling: Crm) -> None:
    selling.ok("opp add Old --stage 'Closed Won' --close-date 2026-04-02 --amount 10")
    selling.ok("opp add Older --stage 'Closed Won' --close-date 2025-04-02 --amount 10")
    found = selling.ok("report funnel --json").json
    assert found["rows"][0]["entered"] == 4
    assert found["without_stages"] == ["O5", "O6"], "its history begins when it was told of"
    assert "Came closed (imported): 2 deals, in no stage: O5 O6" in selling.ok("report funnel").out


def test_amounts_are_converted_and_what_has_no_rate_is_named(selling: Crm) -> None:
    selling.ok("rate set EUR 2 --from 2026-03-01")
    act(selling, "2026-02-01 opp add Euro --amount 100 --currency EUR\n2026-04-01 opp win O5")
    act(selling, "2026-02-01 opp add Yen --amount 100 --currency JPY")
    found = selling.ok("report funnel --json").json
    assert found["rows"][1]["amount"] == "7200.00"
    excluded = {(each["ref"], each["reason"]) for each in found["excluded"]}
    assert excluded == {("O4", "no amount"), ("O6", "no rate for JPY")}
    assert rows(selling, "--currency EUR", today="2026-05-01")["Qualification"][6] == "3600.00"


def test_owners_have_their_own(selling: Crm) -> None:
    selling.ok("user add 张敏")
    selling.ok("opp assign O3 --to 张敏")
    assert rows(selling, "--owner 张敏")["Prospecting"][:2] == [1, 1]


def test_a_stage_out_of_use_is_there_where_deals_were_in_it(selling: Crm) -> None:
    selling.ok("stage edit 'Needs Analysis' --active no")
    selling.ok("stage edit 'Value Proposition' --active no")
    assert "Needs Analysis" in rows(selling)
    assert "Value Proposition" not in rows(selling)


def test_as_of_a_day_it_is_what_was_printed_that_day(crm: Crm) -> None:
    printed = {}
    days = ("2026-02-01", "2026-03-01", "2026-03-05", "2026-03-10", "2026-04-01")
    for day in days:
        act(crm, "\n".join(line for line in ACTS.strip().splitlines() if line.startswith(day)))
        printed[day] = crm.ok("report funnel --explain", today=day).out
    crm.ok("opp rm O4 --yes", today="2026-04-02")
    for day in days:
        assert crm.ok(f"report funnel --explain --as-of {day}", today="2026-05-01").out == printed[day]
    live = crm.ok("report funnel --json", today="2026-05-01").out
    assert crm.ok("report funnel --json --as-of today", today="2026-05-01").out == live


@pytest.mark.parametrize(
    "words", ["opp stage O4 Nego", "opp reopen O3", "opp rm O1 --yes", "opp lose O4 --reason x"]
)
def test_undo_restores_it(selling: Crm, words: str) -> None:
    before = selling.ok("report funnel --explain --json").out
    selling.ok(words)
    assert selling.ok("report funnel --explain --json").out != before
    selling.ok("undo")
    assert selling.ok("report funnel --explain --json").out == before


def test_nothing_yet(crm: Crm) -> None:
    crm.ok("init")
    assert "No deals entered a stage in 2026." in crm.ok("report funnel", today="2026-05-01").out
    assert crm.ok("report funnel --json", today="2026-05-01").json["rows"] == []


# --- SQL and the pure rule ----------------------------------------------------------------------------


class Step(NamedTuple):
    """A stage that a deal came into, by its place in the process."""

    at: str
    place: int
    closed: bool = False
    won: bool = False


def passage(path: Sequence[Step], since: str, until: str) -> Passage | None:
    """How a deal passed through the process; None where no open stage of it is known.

    The highest place counts, so what was skipped was passed, and what is entered again was entered before.
    The stage in which a deal is lost is no place. A deal that was closed and is open again was not closed.
    """
    if all(step.closed for step in path):
        return None
    last = path[-1]

    def furthest(before: str | None = None) -> int:
        places = [
            WON if step.closed else step.place
            for step in path
            if (before is None or step.at < before) and (not step.closed or (step.won and last.won))
        ]
        return max(places, default=NOWHERE)

    return Passage(furthest(since), furthest(until), furthest(), last.closed)


STAGES = ("Prospecting", "Qualification", "Needs Analysis", "Value Proposition")
MOVES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([*STAGES, "won", "lost"])), max_size=5)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(MOVES, min_size=1, max_size=3), st.integers(0, 8), st.integers(1, 12))
def test_sql_counts_as_the_rule_does(crm: Crm, deals: list[Any], start: int, length: int) -> None:
    first = date(2026, 3, 1)
    crm.ok("init")
    for each in crm.ok("opp list --json").json:  # the database is one for all examples
        crm.ok("opp", "rm", each["ref"], "--yes", today="2026-12-01")
    paths = []
    for moves in deals:
        day = first
        ref = crm.ok("opp add Deal", today=day.isoformat()).out.strip()
        path = [Step(day.isoformat(), 1)]
        for days, move in moves:
            day += timedelta(days=days + 1)
            at, closed = day.isoformat(), path[-1].closed
            if move in STAGES:
                verb = ("reopen", ref, "--stage") if closed else ("stage", ref)
                crm.ok("opp", *verb, move, today=at)
                path.append(Step(at, STAGES.index(move) + 1))
            elif not closed:
                crm.ok(f"opp {'win' if move == 'won' else 'lose --reason x'} {ref}", today=at)
                path.append(Step(at, 9, True, move == "won"))
        paths.append(path)
    since, until = first + timedelta(days=start), first + timedelta(days=start + length)
    found = [passage(path, since.isoformat(), until.isoformat()) for path in paths]
    expected = funnel(range(1, 9), [(each, 1, 0) for each in found if each])
    period = f"--period {since}..{until - timedelta(days=1)}"
    printed = rows(crm, period, today="2026-12-01")
    counted = [row[:6] for row in printed.values()]
    if any(each.entered for each in expected):
        assert counted == [list(each[:6]) for each in expected]
    else:
        assert counted == []


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(selling: Crm, golden: Golden, width: int) -> None:
    selling.ok("stage add 提案 --position 4 --probability 30 --category Pipeline")
    text = selling.ok("report funnel --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-funnel-{width}", text)


def test_acts_within_one_second_are_all_remembered(crm: Crm) -> None:
    """A script is faster than the clock, which tells seconds."""
    crm.today = "2026-02-10T12:00:00"
    crm.ok("opp add One --amount 50 --stage Perc")
    crm.ok("opp stage O1 Nego")
    crm.ok("opp stage O1 Qual")
    crm.ok("opp lose O1 --reason Pricing")
    rows = {row["stage"]: row for row in crm.ok("report funnel --json").json["rows"]}
    assert rows["Negotiation/Review"]["lost"] == 1  # the furthest it came
    assert rows["Perception Analysis"]["advanced"] == 1
    stages = [row["what"] for row in crm.ok("opp timeline O1 --json").json if row["kind"] == "stage"]
    assert stages == ["Perception Analysis", "Negotiation/Review", "Qualification", "Closed Lost"]
    found = crm.ok("report win-loss --by stage --json").json["rows"]
    assert [row["stage"] for row in found if row["deals"]] == ["Qualification"]
    crm.ok("doctor")
    crm.ok("undo")
    assert crm.ok("opp show O1 --json").json["stage"] == "Qualification"
    crm.ok("doctor")
