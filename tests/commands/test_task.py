"""crm task: done, put off, and what it is about."""

import pytest

from tests.conftest import Crm


@pytest.fixture(autouse=True)
def tasks(crm: Crm) -> None:
    crm.today = "2026-11-21T10:00:00"
    crm.ok("opp add Acme")
    crm.ok("task add 'Call Li' --due-date fri --related-to O1")


def test_what_a_task_is_for_may_be_said_with_for(crm: Crm) -> None:
    assert crm.ok("task add 'Send offer' --for O1 --due-date +3d --json").json["related_to"] == "O1"


def test_a_done_task_leaves_the_list_and_says_when_it_was_done(crm: Crm) -> None:
    run = crm.ok("task done T1")
    assert (run.out, run.err) == ("T1\n", "T1 Call Li · done Sat 2026-11-21\n")
    task = crm.ok("task show T1 --json").json
    assert (task["status"], task["completed_at"]) == ("Completed", "2026-11-21T10:00:00Z")
    assert crm.ok("task list --json").json == []


def test_several_tasks_are_done_at_once_and_taken_back_at_once(crm: Crm) -> None:
    crm.ok("task add 'Send offer'")
    assert crm.ok("task done T1 T2 T1 --json").json == {"tasks": ["T1", "T2"]}
    crm.ok("undo")
    assert len(crm.ok("task list --json").json) == 2


def test_a_task_can_have_been_done_before_today_but_not_after(crm: Crm) -> None:
    crm.fails(2, "task done T1 --at tomorrow")
    crm.ok("task done T1 --at yesterday")
    assert crm.ok("task show T1 --json").json["completed_at"] == "2026-11-20T00:00:00Z"


def test_a_task_that_is_done_already_stays_as_it_was(crm: Crm) -> None:
    crm.ok("task done T1 --at 2026-11-20")
    assert crm.ok("task done T1").err == "T1 Call Li is done already.\n"
    assert crm.ok("task show T1 --json").json["completed_at"] == "2026-11-20T00:00:00Z"


def test_one_wrong_reference_and_no_task_is_done(crm: Crm) -> None:
    crm.fails(3, "task done T1 T99")
    assert crm.ok("task show T1 --json").json["completed_at"] is None


@pytest.mark.parametrize(
    ("date", "due"), [("+3d", "2026-11-24"), ("mon", "2026-11-23"), ("2026-12-01", "2026-12-01")]
)
def test_a_task_is_put_off_to_a_day(crm: Crm, date: str, due: str) -> None:
    run = crm.ok("task", "snooze", "T1", date)
    assert run.err.startswith("T1 Call Li · due Fri 2026-11-27 → ")
    assert run.err.rstrip().endswith(due)
    assert crm.ok("task show T1 --json").json["due_date"] == due


def test_a_task_is_put_off_neither_to_the_past_nor_to_never(crm: Crm) -> None:
    crm.fails(2, "task snooze T1 yesterday")
    crm.fails(2, "task snooze T1 none")
    crm.fails(2, "task snooze T1 someday")


def test_a_done_task_is_not_put_off(crm: Crm) -> None:
    crm.ok("task done T1")
    crm.fails(5, "task snooze T1 +3d")


def test_a_dry_run_writes_nothing(crm: Crm) -> None:
    assert crm.ok("task snooze T1 +9d --dry-run").err.startswith("Would be: T1 Call Li")
    assert crm.ok("task done T1 --dry-run").err.startswith("Would be: T1 Call Li")
    task = crm.ok("task show T1 --json").json
    assert (task["due_date"], task["completed_at"]) == ("2026-11-27", None)
