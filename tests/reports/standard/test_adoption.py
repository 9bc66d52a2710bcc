"""crm report adoption: who works with it, and how complete the records are."""

from typing import Any

import pytest
from sqlalchemy import text

from crmcli.store.engine import engine_of, target_of
from tests.conftest import Crm, Golden

ACTS = """
2026-04-30 Ann init
2026-04-30 Ann user add Ann
2026-04-30 Ann user add 张敏
2026-04-30 Ann user add Idle
2026-05-04 Ann account add Huaxin --owner 张敏
2026-05-04 张敏 opp add Deal --amount 100 --close-date 2026-08-01 --account A1
2026-05-04 张敏 opp edit O1 --amount 200
2026-05-05 张敏 opp edit O1 --amount 300
2026-05-12 张敏 log call Hello --for O1
2026-05-12 张敏 account edit A1 --city Xi'an
2026-05-13 Ann task add Send --owner 张敏 --due-date 2026-05-20
2026-05-13 Ann task add Call --owner 张敏 --due-date 2026-06-20
2026-05-14 Ann opp add Mistake
2026-05-14 Ann undo
"""
FIGURES = ("made", "changed", "deals_changed", "activities", "imported", "active_days", "active_weeks")


@pytest.fixture
def working(crm: Crm) -> Crm:
    crm.today = "2026-05-25"
    for line in ACTS.strip().splitlines():
        day, user, words = line.split(" ", 2)
        crm.ok(words.replace("'", "\\'"), today=day, env={"CRMCLI_USER": user})
    crm.env["CRMCLI_USER"] = "Ann"
    return crm


def rows(crm: Crm, words: str = "", **options: Any) -> dict[str, dict[str, Any]]:
    found = crm.ok(f"report adoption --json {words}", **options).json
    return {each["user"] or "total": each for each in [*found["rows"], found["total"]]}


def figures(row: dict[str, Any]) -> list[Any]:
    return [row[name] for name in FIGURES]


def test_what_each_did_by_hand(working: Crm) -> None:
    found = rows(working)
    assert list(found) == ["Ann", "Idle", "张敏", "total"]
    assert figures(found["张敏"]) == [2, 2, 1, 1, 0, 3, 2]
    assert figures(found["Ann"]) == [3, 0, 0, 0, 0, 2, 2], (
        "users are set up, and what was undone is not there"
    )
    assert figures(found["Idle"]) == [0, 0, 0, 0, 0, 0, 0]
    assert figures(found["total"]) == [5, 2, 1, 1, 0, 4, 2]
    assert [found[name]["last_seen"] for name in ("Ann", "Idle", "张敏")] == [
        "2026-05-13",
        None,
        "2026-05-12",
    ]


def test_overdue_tasks_and_complete_records(working: Crm) -> None:
    found = rows(working)
    assert [found["张敏"][name] for name in ("tasks_to_do", "tasks_overdue", "overdue")] == [2, 1, 50.0]
    assert found["Ann"]["overdue"] is None
    before = found["张敏"]["completeness"]
    assert 0 < before < 100
    working.ok("account edit A1 --industry Energy")
    assert rows(working)["张敏"]["completeness"] > before


def test_imports_stand_apart(working: Crm) -> None:
    working.ok("lead import -", stdin="name,company\nLi Na,Acme\nWang Wei,Acme\n")
    found = rows(working)
    assert figures(found["Ann"]) == [3, 0, 0, 0, 2, 2, 2]
    assert found["Ann"]["last_seen"] == "2026-05-25"


def test_the_period(working: Crm) -> None:
    assert figures(rows(working, "--period 2026-W19")["张敏"]) == [1, 1, 1, 0, 0, 2, 1]
    found = rows(working, "--period 2026-04")["张敏"]
    assert figures(found) == [0, 0, 0, 0, 0, 0, 0]
    assert found["last_seen"] == "2026-05-12"


def test_an_owner(working: Crm) -> None:
    found = rows(working, "--owner 张敏")
    assert list(found) == ["张敏", "total"]
    assert figures(found["total"]) == figures(found["张敏"]) == [2, 2, 1, 1, 0, 3, 2]
    assert found["total"]["overdue"] == 50.0


def test_whoever_did_anything_is_there_user_or_not(working: Crm) -> None:
    working.ok("contact add 'Li Na'", env={"CRMCLI_USER": "Guest"})
    assert figures(rows(working)["Guest"]) == [1, 0, 0, 0, 0, 1, 1]
    working.ok("user edit Idle --active no")
    assert "Idle" not in rows(working)


def test_the_entries_that_were_counted(working: Crm) -> None:
    found = working.ok("report adoption --explain --json").json["explain"]["rows"]
    told = {each["key"]: [entry["day"] for entry in each["records"]] for each in found}
    assert told["Ann"] == ["2026-05-04", "2026-05-13", "2026-05-13"]
    assert " opp edit O1 --amount 300 · 2026-05-05" in working.ok("report adoption --explain").out


def test_as_of_a_day_what_was_done_by_then(crm: Crm) -> None:
    printed = {}
    for line in ACTS.strip().splitlines():
        day, user, words = line.split(" ", 2)
        crm.ok(words.replace("'", "\\'"), today=day, env={"CRMCLI_USER": user})
        printed[day] = rows(crm, today=day)
    live = crm.ok("report adoption --explain", today="2026-05-25").out
    assert crm.ok("report adoption --explain --as-of today", today="2026-05-25").out == live
    crm.ok("task done T1", today="2026-05-26")
    for day in ("2026-05-12", "2026-05-13"):
        then = rows(crm, f"--as-of {day}", today="2026-05-27")
        for name in ("张敏", "total"):
            assert {**then[name], "completeness": 0} == {**printed[day][name], "completeness": 0}


@pytest.mark.parametrize(
    "words", ["opp edit O1 --amount 7", "log call More --for O1", "task done T1", "opp rm O1 --yes"]
)
def test_undo_restores_it(working: Crm, words: str) -> None:
    before = working.ok("report adoption --explain --json").out
    working.ok(words)
    assert working.ok("report adoption --explain --json").out != before
    working.ok("undo")
    assert working.ok("report adoption --explain --json").out == before


def test_nothing_yet(crm: Crm) -> None:
    crm.ok("init")
    assert "Nobody has done anything yet." in crm.ok("report adoption").out


def test_what_was_undone_later_was_not_done_then_either(working: Crm) -> None:
    printed = rows(working)
    working.ok("opp edit O1 --amount 999", today="2026-05-25", env={"CRMCLI_USER": "张敏"})
    working.ok("undo", today="2026-05-27", env={"CRMCLI_USER": "张敏"})
    assert rows(working, "--as-of 2026-05-25", today="2026-05-28") == printed


def test_who_is_called_otherwise_now_is_still_the_same(working: Crm) -> None:
    before = rows(working)
    working.ok("user edit 张敏 --name 张伟")
    working.ok("user edit Idle --name 张敏")
    after = rows(working)
    assert list(after) == ["Ann", "张伟", "张敏", "total"]
    assert {**after["张伟"], "user": "张敏"} == before["张敏"]
    assert figures(after["张敏"]) == figures(before["Idle"])
    assert figures(rows(working, "--owner 张伟")["total"]) == figures(before["张敏"])
    working.ok("opp edit O1 --amount 1", env={"CRMCLI_USER": "张敏"})
    assert figures(rows(working)["张敏"])[:2] == [0, 1]


def test_records_of_which_no_field_is_listed(working: Crm) -> None:
    engine = engine_of(target_of(working.environ["CRMCLI_DB"]))
    with engine.begin() as connection:
        connection.execute(text("UPDATE field SET listed = 0"))
    engine.dispose()
    assert {row["completeness"] for row in rows(working).values()} == {None}


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(working: Crm, golden: Golden, width: int) -> None:
    text = working.ok("report adoption --format table", env={"COLUMNS": str(width)}).out
    golden(f"report-adoption-{width}", text)
