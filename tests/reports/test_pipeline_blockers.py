"""crm pipeline blockers: what open deals are stuck on; crm opp snooze: not now."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.reports.pipeline_blockers import _DATED, _UNDATED, Asked, deals_sql, numbered_days
from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from crmcli.values.dates import iso_instant
from tests.conftest import Crm, Golden

ACTS = """
2026-03-01 user add Bo
2026-03-01 stage edit Prospecting --limit-days 14
2026-03-01 account add Acme
2026-03-01 contact add 'Li Na' --account A1
2026-03-01 opp add 'Renewal of all that they have' --amount 1000 --close-date 2026-04-01 --account A1
2026-04-01 opp edit O1 --close-date 2026-04-11
2026-04-02 opp edit O1 --close-date 2026-04-21
2026-04-03 opp edit O1 --close-date 2026-05-01
2026-04-03 task add Call --due-date 2026-05-02 --for O1
2026-05-10 opp add Free --amount 500 --close-date 2026-07-01 --next-step Go
2026-05-10 opp role O2 C1 'Decision Maker'
2026-05-10 opp add Bos --amount 20 --close-date 2026-08-01 --owner Bo
2026-05-10 opp role O3 C1 Influencer
2026-05-10 opp add Won --stage 'Closed Won' --close-date 2026-04-01
"""


@pytest.fixture
def stuck(crm: Crm) -> Crm:
    crm.env["LOGNAME"] = "mia"
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    crm.today = "2026-05-11"
    return crm


def rows(crm: Crm, words: str = "") -> list[tuple[Any, ...]]:
    found = crm.ok(f"pipeline blockers {words} --json").json["rows"]
    return [(each["ref"], each["reason"]) for each in found]


def test_each_line_is_one_thing_with_the_command_that_mends_it(stuck: Crm) -> None:
    found = stuck.ok("pipeline blockers --json").json
    assert found["as_of"] == "2026-05-11"
    assert [(each["ref"], each["message"], each["command"]) for each in found["rows"]] == [
        ("O1", "should have closed 2026-05-01", "crm opp edit O1 --close +2w"),
        ("O1", "71 days in Prospecting, limit 14", "crm opp stage O1 STAGE"),
        ("O1", "close date pushed 3 times", "crm opp snooze O1 --until +2w"),
        ("O1", "T1 was due 2026-05-02", "crm task done T1"),
        ("O1", "no decision maker", "crm opp role O1 CONTACT 'Decision Maker'"),
        ("O1", "no activity for 71 days", "crm log call TEXT --for O1"),
        ("O3", "no next step", "crm opp edit O3 --next TEXT"),
        ("O3", "no decision maker", "crm opp role O3 CONTACT 'Decision Maker'"),
    ]
    assert found["rows"][0]["amount"] == "1000.00"


def test_the_commands_mend_it(stuck: Crm) -> None:
    words = {"STAGE": "Qualification", "CONTACT": "C1", "TEXT": "Call"}
    for each in stuck.ok("pipeline blockers --json").json["rows"]:
        command = each["command"].removeprefix("crm ")
        for placeholder, value in words.items():
            command = command.replace(placeholder, value)
        if "snooze" not in command:
            stuck.ok(command)
    assert rows(stuck) == [("O1", "pushed"), ("O1", "no next step")], "its only task is done"
    stuck.ok("opp snooze O1 --until +2w")
    assert rows(stuck) == []
    assert "No open deal is stuck." in stuck.ok("pipeline blockers").out


def test_the_first_deals_are_those_whose_close_date_comes_first(stuck: Crm) -> None:
    stuck.ok("opp add Whenever")
    assert list(dict.fromkeys(ref for ref, _ in rows(stuck))) == ["O1", "O3", "O5"]
    assert {ref for ref, _ in rows(stuck, "--limit 1")} == {"O1"}
    assert rows(stuck, "--limit 3") == rows(stuck)
    more = "The first 2 deals by close date; more are stuck (--limit)"
    assert more in stuck.ok("pipeline blockers -n 2").out
    assert "more are stuck" not in stuck.ok("pipeline blockers --limit 3").out
    assert "--limit is at least 1" in stuck.fails(2, "pipeline blockers --limit 0").err


def test_people_see_the_first_hundred_programs_all(crm: Crm) -> None:
    lines = "\n".join(f"Deal {number},2026-01-01" for number in range(1, 104))
    crm.ok("opp import -", stdin=f"Name,Close date\n{lines}\n")
    crm.today = "2026-05-11"
    text = crm.ok("pipeline blockers").out
    assert "O100 " in text
    assert "O101 " not in text
    assert "The first 100 deals by close date; more are stuck (--limit)" in text
    assert len({ref for ref, _ in rows(crm)}) == 103
    assert "O103" in crm.ok("pipeline blockers --format csv").out


def test_an_owner_sees_their_own(stuck: Crm) -> None:
    assert {ref for ref, _ in rows(stuck, "--owner Bo")} == {"O3"}
    stuck.fails(3, "pipeline blockers --owner Nobody")


def test_a_date_brought_forward_or_set_again_is_no_push(crm: Crm) -> None:
    crm.ok("opp add One --close-date 2026-06-01", today="2026-03-01")
    for day, close in enumerate(("2026-05-20", "2026-06-01", "none", "2026-07-01", "2026-06-15"), 2):
        crm.ok(f"opp edit O1 --close-date {close}", today=f"2026-03-{day:02}")
    crm.ok("opp lose O1 --reason Pricing", today="2026-04-01")
    crm.ok("opp reopen O1 --close-date 2026-07-01", today="2026-04-02")
    crm.ok("opp edit O1 --close-date 2026-08-01", today="2026-04-03")
    assert ("O1", "pushed") not in rows(Crm(crm.start, crm.environ, "2026-04-04"))
    crm.ok("opp edit O1 --close-date 2026-09-01", today="2026-04-05")
    assert ("O1", "pushed") in rows(Crm(crm.start, crm.environ, "2026-04-06"))


# --- usual limits -------------------------------------------------------------------------------------


def test_a_stage_without_a_limit_has_what_was_usual_of_won_deals(crm: Crm) -> None:
    for number in range(1, 9):
        crm.ok(f"opp add Won{number}", today="2026-01-01")
        if number == 8:
            assert stalled(crm, today="2026-05-01") == []
        crm.ok(f"opp stage O{number} Qualification", today="2026-01-31")
        crm.ok(f"opp win O{number}", today="2026-02-02")
    crm.ok("user add Bo")
    crm.ok("opp add Here --owner Bo", today="2026-03-01")
    crm.ok("opp add There --stage Qualification", today="2026-03-01")
    assert stalled(crm, today="2026-03-15") == []
    assert stalled(crm, today="2026-03-16") == [("O10", "15 days in Qualification, usual limit 14")]
    assert stalled(crm, "--owner Bo", today="2026-04-15") == []
    found = [("O9", "46 days in Prospecting, usual limit 45")]
    assert stalled(crm, "--owner Bo", today="2026-04-16") == found
    run = crm.ok("pipeline blockers --json", today="2026-04-16").json
    assert run["limits"][:2] == [
        {"stage": "Prospecting", "limit_days": 45, "won_deals": 8, "median_days": 30.0},
        {"stage": "Qualification", "limit_days": 14, "won_deals": 8, "median_days": 2.0},
    ]
    assert run["limits"][2]["limit_days"] is None
    text = crm.ok("pipeline blockers", today="2026-04-16").out
    assert "Prospecting 45 days (8 deals), Qualification 14 days (8 deals)" in text
    crm.ok("stage edit Prospecting --limit-days 60")
    assert stalled(crm, "--owner Bo", today="2026-04-16") == []


def test_days_of_visits_to_a_stage_add_up(crm: Crm) -> None:
    for number in range(1, 9):
        crm.ok(f"opp add Won{number}", today="2026-01-01")
        crm.ok(f"opp edit O{number} --amount 5", today="2026-01-03")
        crm.ok(f"opp stage O{number} Qualification", today="2026-01-11")
        crm.ok(f"opp stage O{number} Prospecting", today="2026-01-16")
        crm.ok(f"opp win O{number}", today="2026-02-05")
    found = crm.ok("pipeline blockers --json", today="2026-03-01").json["limits"]
    assert [each["median_days"] for each in found[:2]] == [30.0, 5.0]


@given(
    st.integers(1_546_300_800, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Beirut", "Pacific/Kiritimati"]
    ),
)
def test_a_moment_is_on_the_day_of_the_users_calendar(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    assert numbered_days(zone)(iso_instant(moment)) == moment.astimezone(zone).date().toordinal()


def stalled(crm: Crm, words: str = "", **options: Any) -> list[tuple[str, str]]:
    found = crm.ok(f"pipeline blockers {words} --json", **options).json["rows"]
    return [(each["ref"], each["message"]) for each in found if each["reason"] == "stalled"]


# --- snoozed ------------------------------------------------------------------------------------------


def test_a_snoozed_deal_is_hidden_till_its_day_and_said_so(stuck: Crm) -> None:
    said = stuck.ok("opp snooze O1 --until +2w --note 'Li is on leave'").err
    assert "snoozed until Mon 2026-05-25" in said
    found = stuck.ok("pipeline blockers --json").json
    assert {each["ref"] for each in found["rows"]} == {"O3"}
    assert found["snoozed"] == [{"ref": "O1", "until": "2026-05-25"}]
    assert "Snoozed: O1 until 2026-05-25" in stuck.ok("pipeline blockers").out
    stuck.today = "2026-05-25"
    assert "O1" in {ref for ref, _ in rows(stuck)}
    due = [each for each in stuck.ok("today --json").json if each["kind"] == "due"]
    assert [(each["what"], each["related"]) for each in due] == [("Look at this deal again", "O1")]


def test_snoozed_again_it_is_another_day_and_none_wakes_it(stuck: Crm) -> None:
    stuck.ok("opp snooze O1 --until +2w")
    stuck.ok("opp snooze O1 --until +4w --note Later")
    assert stuck.ok("pipeline blockers --json").json["snoozed"] == [{"ref": "O1", "until": "2026-06-08"}]
    assert len(stuck.ok("task list --json").json) == 2
    stuck.ok("opp snooze O1 --until none")
    assert stuck.ok("pipeline blockers --json").json["snoozed"] == []
    assert "is not snoozed" in stuck.ok("opp snooze O1 --until none").err


def test_a_snooze_is_undone(stuck: Crm) -> None:
    before = rows(stuck)
    stuck.ok("opp snooze O1 --until +2w")
    assert rows(stuck) != before
    stuck.ok("undo")
    assert rows(stuck) == before


def test_another_deferred_task_hides_nothing(stuck: Crm) -> None:
    before = rows(stuck)
    stuck.ok("task add 'Send the brochure' --status Deferred --due-date +2w --for O1")
    assert rows(stuck) == before


@pytest.mark.parametrize(("words", "code"), [("O1 --until today", 2), ("O4 --until +2w", 5), ("O1", 2)])
def test_what_cannot_be_snoozed_is_refused(stuck: Crm, words: str, code: int) -> None:
    stuck.fails(code, f"opp snooze {words}")
    assert stuck.ok("pipeline blockers --json").json["snoozed"] == []


def test_a_dry_run_snoozes_nothing(stuck: Crm) -> None:
    assert "Would be: O1" in stuck.ok("opp snooze O1 --until +2w --dry-run").err
    assert stuck.ok("pipeline blockers --json").json["snoozed"] == []


# --- screens and plans --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(stuck: Crm, golden: Golden, width: int) -> None:
    text = stuck.ok("pipeline blockers --format table", env={"COLUMNS": str(width)}).out
    assert max(map(len, text.splitlines())) <= width
    golden(f"pipeline-blockers-{width}", text)


@pytest.mark.sqlite
@pytest.mark.parametrize("which", [_DATED, _UNDATED])
def test_what_belongs_to_a_deal_is_found_by_index(crm: Crm, which: tuple[str, str]) -> None:
    crm.ok("init")
    reader = open_reader(target_of(crm.environ["CRMCLI_DB"]))
    asked = Asked(date(2026, 5, 11), UTC)
    sql = deals_sql(asked, *which)
    given = {name: value for name, value in asked.params.items() if f":{name}" in sql}
    steps = [each[3] for each in reader.rows(f"EXPLAIN QUERY PLAN {sql}", **given)]
    for alias in ("t", "a", "v", "r", "c", "u"):
        found = [step for step in steps if step.split()[1:2] == [alias]]
        assert {step.split()[0] for step in found} == {"SEARCH"}, alias
    assert [step for step in steps if step.startswith("SEARCH d USING INDEX ix_opportunity_open_close_date")]
    reader.close()
