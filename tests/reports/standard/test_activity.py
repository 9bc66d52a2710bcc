"""crm report activity: how much was done."""

from typing import Any

import pytest

from tests.conftest import Crm, Golden

ACTS = """
2026-05-04 user add Bo --team East
2026-05-04 user add 张敏
2026-05-04 opp add Deal
2026-05-04 log call 'First talk' --for O1 --duration-minutes 30 --owner Bo
2026-05-12 log email Offer --for O1 --owner 张敏
2026-05-13 log meeting 'At the fair' --for O1 --duration-minutes 90 --owner 张敏
2026-05-20 log note Thoughts --for O1 --owner Bo
2026-05-20 log call Again --for O1 --owner Bo --at 2026-04-28
2026-05-04 task add 'Send it' --owner Bo
2026-05-21 task done T1
2026-05-21 task add 'Never done' --owner Bo
"""
FIGURES = ("calls", "emails", "meetings", "notes", "tasks", "done", "minutes")


@pytest.fixture
def busy(crm: Crm) -> Crm:
    crm.today = "2026-05-25"
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    return crm


def rows(crm: Crm, words: str = "", by: str = "owner", **options: Any) -> dict[str, list[Any]]:
    found = crm.ok(f"report activity --by {by} --json {words}", **options).json
    names = [name for name in FIGURES if name in found["rows"][0]] if found["rows"] else []
    all_rows = [*found["rows"], {**found["total"], by: "total"}]
    return {each[by]: [each[name] for name in names] for each in all_rows}


def test_by_owner(busy: Crm) -> None:
    assert rows(busy) == {
        "Bo": [1, 0, 0, 1, 1, 3, 30],
        "张敏": [0, 1, 1, 0, 0, 2, 90],
        "total": [1, 1, 1, 1, 1, 5, 120],
    }
    assert rows(busy, "--owner Bo") == {"Bo": [1, 0, 0, 1, 1, 3, 30], "total": [1, 0, 0, 1, 1, 3, 30]}
    assert rows(busy, "--period 2026-04")["Bo"] == [1, 0, 0, 0, 0, 1, 0], "the day it happened"
    assert list(rows(busy, by="team")) == ["East", "(none)", "total"]


def test_by_type(busy: Crm) -> None:
    found = rows(busy, by="type")
    assert list(found) == ["Call", "Email", "Meeting", "Note", "Task", "total"]
    assert found["Meeting"] == [1, 90]
    assert busy.ok("report activity --by type --json").json["rows"][0]["share"] == 20.0


def test_by_week_and_month_with_those_in_which_nothing_was_done(busy: Crm) -> None:
    found = rows(busy, by="week")
    assert [(week, row[5]) for week, row in found.items()] == [
        ("2026-W19", 1),
        ("2026-W20", 2),
        ("2026-W21", 2),
        ("2026-W22", 0),
        ("total", 5),
    ]
    assert busy.ok("report activity --period 2026-W20 --json").json["total"]["done"] == 2
    months = rows(busy, "--period this-year", by="month")
    assert [(month, row[5]) for month, row in months.items()] == [
        ("2026-04", 1),
        ("2026-05", 5),
        ("total", 6),
    ]


def test_a_day_is_the_users(crm: Crm) -> None:
    crm.env["TZ"] = "Asia/Kathmandu"
    crm.ok("opp add Deal", today="2026-05-31T20:00:00Z")
    crm.ok("log call One --for O1", today="2026-05-31T18:14:00Z")
    crm.ok("log call Two --for O1", today="2026-05-31T18:15:00Z")
    assert rows(crm, "--period this-year", by="month", today="2026-06-02") == {
        "2026-05": [1, 0, 0, 0, 0, 1, 0],
        "2026-06": [1, 0, 0, 0, 0, 1, 0],
        "total": [2, 0, 0, 0, 0, 2, 0],
    }


def test_each_is_told(busy: Crm) -> None:
    found = busy.ok("report activity --explain --json").json["explain"]["rows"]
    told = {each["key"]: [(one["ref"], one["type"], one["day"]) for one in each["records"]] for each in found}
    assert told["Bo"] == [
        ("E1", "Call", "2026-05-04"),
        ("E4", "Note", "2026-05-20"),
        ("T1", "Task", "2026-05-21"),
    ]
    assert "  T1 Send it · Task · 2026-05-21" in busy.ok("report activity --explain").out


def test_as_of_a_day_only_what_had_happened(busy: Crm) -> None:
    live = busy.ok("report activity --explain").out
    assert busy.ok("report activity --explain --as-of today").out == live
    assert rows(busy, "--as-of 2026-05-12")["total"] == [1, 1, 0, 0, 0, 2, 30]
    busy.ok("log rm E1 --yes")
    assert rows(busy, "--as-of 2026-05-12")["total"] == [1, 1, 0, 0, 0, 2, 30], "it was there"
    assert rows(busy)["total"][0] == 0


def test_as_of_a_day_knows_a_task_that_was_recorded_later(busy: Crm) -> None:
    def tasks(day: str) -> int:
        found: int = rows(busy, f"--as-of {day}")["total"][4]
        return found

    assert [tasks("2026-05-12"), tasks("2026-05-21")] == [0, 1]
    busy.ok("task done T2 --at 2026-05-22")
    assert [tasks("2026-05-21"), tasks("2026-05-22")] == [1, 2], "nobody had said so by then"
    explained = busy.ok("report activity --explain --as-of 2026-05-22").out
    assert "  T2 Never done · Task · 2026-05-22" in explained
    busy.ok("undo")
    assert tasks("2026-05-22") == 1
    busy.ok("task edit T1 --status 'In Progress'")
    assert tasks("2026-05-22") == 1, "it was done then"
    busy.ok("task done T1")
    assert [tasks("2026-05-22"), tasks("2026-05-20")] == [1, 0]


@pytest.mark.parametrize("words", ["log call More --for O1", "task done T2", "log rm E2 --yes"])
def test_undo_restores_it(busy: Crm, words: str) -> None:
    before = busy.ok("report activity --explain --json").out
    busy.ok(words)
    assert busy.ok("report activity --explain --json").out != before
    busy.ok("undo")
    assert busy.ok("report activity --explain --json").out == before


def test_nothing_yet(crm: Crm) -> None:
    crm.ok("init")
    for by in ("owner", "type", "week", "month"):
        run = crm.ok(f"report activity --by {by}", today="2026-05-01")
        assert "Nothing was done in 2026-05." in run.out
    crm.fails(2, "report activity --by stage")


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(busy: Crm, golden: Golden, width: int) -> None:
    text = busy.ok("report activity --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-activity-{width}", text)
