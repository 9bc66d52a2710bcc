"""What holds for every report: undo brings back what it printed, and a past day prints what it printed then."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcli.reports.standard import STANDARD
from tests.conftest import Crm

STANDARD_REPORTS = [
    f"report {each.word}{f' --by {by}' if by else ''}" for each in STANDARD for by in (each.by[:3] or ("",))
]
OTHERS = [
    "forecast",
    "forecast --team",
    "forecast --by month --currency USD",
    "forecast --range",
    "forecast accuracy --by stage",
    "pipeline",
    "pipeline diff 2026-01-15 today",
    "pipeline diff 2026-01-15 today --currency USD",
    "pipeline blockers",
    "quota show",
    "lint",
    "today --owner all",
]
EVERY = [*STANDARD_REPORTS, *OTHERS]

# What stands on what is kept for every day: deals as versions, other records in the journal, figures by their moments.
REMEMBERED = [
    "forecast",
    "forecast --team",
    "forecast --by stage --currency USD",
    "pipeline",
    "quota show",
    "report win-rate",
    "report win-rate --by source",
    "report cycle-time",
    "report velocity",
    "report funnel",
    "report time-in-stage",
    "report trend --by quarter",
    "report attainment",
    "report attainment --by month --period this-year",
    "report leaderboard",
    "report win-loss --by stage",
    "report win-loss --by reason",
    "report source-return",
    "report campaign-return",
    "report activity",
    "report stale",
    "report adoption",
]

ACTS = (
    "opp add Deal --amount 1000.50 --close-date +20d --owner Bo",
    "opp add Deal --amount 'EUR 300' --close-date +5d --stage Nego --source Web",
    "opp add Deal --close-date +5d",
    "opp edit O{id} --amount 777.77",
    "opp edit O{id} --amount 'EUR 5.50'",
    "opp edit O{id} --close-date +40d",
    "opp edit O{id} --source 'Trade Show'",
    "opp assign O{id} --to Bo",
    "opp stage O{id} Proposal",
    "opp stage O{id} Qualification",
    "opp win O{id}",
    "opp lose O{id} --reason Pricing",
    "opp lose O{id} --reason Competition",
    "opp edit O{id} --lost-reason Other",
    "opp reopen O{id} --close-date +9d",
    "opp rm O{id} --yes",
    "quota set --owner Bo --period this-quarter --amount 5000",
    "quota set --owner Li --period this-quarter --amount 700",
    "quota set --owner Bo --period this-month --amount none",
    "rate set EUR 1.25 --from today",
    "rate set EUR 1.5 --from today",
    "forecast adjust --owner Bo --period this-quarter --category commit --amount 4000 --note sure",
    "lead add Wang --source Web --email w{id}@example.com",
    "log call 'Asked for the price' --for O{id}",
    "task add Write --for O{id} --due-date -1d",
    "task done T{id}",
    "opp snooze O{id} --until +60d",
)
ELSE = (
    "lead convert L{id} --new-account Acme --amount 900",
    "log meeting Lunch --for O{id}",
    "user edit Bo --manager Li",
    "stage edit Proposal --limit-days 3",
    "opp role add O{id} C{id} 'Decision Maker'",
    "lead rm L{id} --yes",
)
ACT = st.tuples(st.sampled_from(ACTS), st.integers(1, 4))


def printed(crm: Crm, words: str) -> Any:
    """What a report prints for programs, without what it was asked with."""
    run = crm.ok(f"{words} --json")
    return run.json


def done(crm: Crm, words: str, id: int) -> bool:
    """Do it, if it can be done; whether there is anything to undo."""
    before = crm.ok("history --json").json
    crm(words.format(id=id))
    return bool(crm.ok("history --json").json != before)


def begun(crm: Crm) -> Crm:
    if not crm.env.get("BEGUN"):
        crm.env["BEGUN"] = "yes"
        crm.today = "2026-01-01"
        for name in ("Li", "Bo"):
            crm.ok(f"user add {name}")
        crm.ok("account add Huaxin")
        crm.ok("contact add Wei --account A1")
    return crm


def forget(crm: Crm) -> None:
    """Leave nothing but users, stages and an account."""
    from sqlalchemy import text

    from crmcli.store.engine import engine_of, target_of

    engine = engine_of(target_of(crm.environ["CRMCLI_DB"]))
    linking = ("contact_role", "task", "activity", "lead", "opportunity_version")  # before what they link to
    with engine.begin() as connection:
        for table in (*linking, "opportunity", "change", "entry", "quota", "rate", "adjustment"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(
            text(
                "UPDATE sequence SET next_id = 1 WHERE entity NOT IN ('user', 'stage', 'account', 'contact')"
            )
        )
    engine.dispose()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.tuples(st.sampled_from(ACTS + ELSE), st.integers(1, 4)), min_size=3, max_size=14),
    last=st.tuples(st.sampled_from(ACTS + ELSE), st.integers(1, 4)),
)
def test_undo_of_any_act_restores_every_report(
    crm: Crm, before: list[tuple[str, int]], last: tuple[str, int]
) -> None:
    begun(crm)
    forget(crm)
    for number, (words, id) in enumerate(before):
        crm.today = (date(2026, 1, 10) + timedelta(days=number * 4)).isoformat()
        crm(words.format(id=id))
    crm.today = "2026-03-20T12:00"
    known = [printed(crm, words) for words in EVERY]
    words, id = last
    if done(crm, words, id):
        crm.ok("undo")
    for asked, then in zip(EVERY, known, strict=True):
        assert printed(crm, asked) == then, f"{asked}, after {words.format(id=id)} was undone"


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    days=st.lists(
        st.tuples(
            st.lists(ACT, min_size=1, max_size=6),
            st.none() | st.tuples(st.sampled_from(ACTS), st.integers(1, 4)),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_a_past_day_prints_what_was_printed_that_day(
    crm: Crm, days: list[tuple[list[tuple[str, int]], tuple[str, int] | None]]
) -> None:
    """But for what was undone later: that never was. Each day may end with such a mistake."""
    begun(crm)
    forget(crm)
    known: dict[str, list[Any]] = {}
    for number, (acts, mistake) in enumerate(days):
        crm.today = day = (date(2026, 1, 10) + timedelta(days=number * 23)).isoformat()
        for words, id in acts:
            crm(words.format(id=id))
        known[day] = [printed(crm, words) for words in REMEMBERED]
        for words, then in zip(REMEMBERED, known[day], strict=True):
            assert printed(crm, f"{words} --as-of today") == then, f"{words}: today as of today"
        if mistake and done(crm, *mistake):
            crm.today = (date.fromisoformat(day) + timedelta(days=9)).isoformat()
            crm.ok("undo")
    for day, before in known.items():
        for words, then in zip(REMEMBERED, before, strict=True):
            assert printed(crm, f"{words} --as-of {day}") == then, f"{words} --as-of {day}"


@pytest.mark.parametrize("words", EVERY)
def test_every_report_has_every_format_and_says_something_of_an_empty_database(crm: Crm, words: str) -> None:
    crm.ok("init")
    crm.today = "2026-03-20"
    assert crm.ok(words).out
    for format in ("table", "plain", "jsonl", "csv", "tsv", "md"):
        crm.ok(f"{words} --format {format}")
    assert "schema_version" in crm.ok(f"{words} --json").out or words in ("lint", "today --owner all")
    assert crm.ok(f"{words} --fail-if rows<0").err == ""
