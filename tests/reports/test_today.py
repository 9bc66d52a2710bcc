"""crm today: what waits, for whom, and what to do about it."""

from typing import Any

import pytest

from tests.conftest import Crm

TODAY = "2026-05-11"


@pytest.fixture
def day(crm: Crm) -> Crm:
    crm.today = TODAY
    crm.env["CRMCLI_USER"] = "Ann"
    for line in (
        "user add Ann",
        "user add Bo",
        "account add Acme",
        "opp add Renewal --account Acme --amount 50k --close-date 2026-06-01 --next-step Call",
        "opp add Slipped --amount 5k --close-date 2026-05-01",
        "opp add Idle --account A1 --close-date 2026-07-01",
        "opp add Busy --close-date 2026-07-01",
        "opp add Bos --close-date 2026-07-01 --owner Bo",
        "opp add Gone --close-date 2026-05-01 --stage 'Closed Lost' --lost-reason Pricing",
        "task add 'Call 王伟' --due-date 2026-05-10 --related-to O1",
        "task add 'Send deck' --due-date today",
        "task add Later --due-date tomorrow --related-to O4",
        "lead add 'Wang Wei' --company Huaxin --email wei@huaxin.cn --at 2026-05-08",
        "lead add Fresh --email a@example.com --at 2026-05-09",
        "lead add Known --email b@example.com --status Working --at 2026-05-01",
    ):
        crm.ok(line)
    return crm


def rows(crm: Crm, words: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = crm.ok(f"today --json {words}").json
    return found


def test_the_most_pressing_comes_first_each_with_what_to_do(day: Crm) -> None:
    assert [(each["kind"], each["ref"], each["date"], each["suggestion"]) for each in rows(day)] == [
        ("overdue", "T1", "2026-05-10", "crm task done T1"),
        ("due", "T2", "2026-05-11", "crm task done T2"),
        ("past close", "O2", "2026-05-01", "crm opp edit O2 --close +2w"),
        ("no next step", "O3", "2026-07-01", "crm opp edit O3 --next TEXT"),
        ("new lead", "L1", "2026-05-08", "crm log call TEXT --for L1"),
    ]


def test_a_row_says_what_it_belongs_to(day: Crm) -> None:
    found = {each["ref"]: each for each in rows(day)}
    assert (found["T1"]["related"], found["T1"]["related_name"]) == ("O1", "Renewal")
    assert (found["O3"]["related"], found["O3"]["related_name"]) == ("A1", "Acme")
    assert (found["O2"]["amount"], found["O2"]["currency"]) == ("5000.00", "USD")
    assert found["L1"]["related_name"] == "Huaxin"


def test_a_day_is_ones_own_a_users_or_everybodys(day: Crm) -> None:
    assert [each["ref"] for each in rows(day, "--owner Bo")] == ["O5"]
    assert [each["ref"] for each in rows(day, "--owner all")] == ["T1", "T2", "O2", "O3", "O5", "L1"]
    day.fails(3, "today --owner Nobody")


def test_who_owns_nothing_sees_everybodys_day(day: Crm) -> None:
    del day.env["CRMCLI_USER"]
    day.env["LOGNAME"] = "Visitor"
    assert len(rows(day)) == 6, "the login is no user yet"
    day.ok("user add Visitor")
    assert len(rows(day)) == 6, "a user who owns nothing"


def test_a_lead_that_was_called_is_not_new(day: Crm) -> None:
    day.ok("log call 'First call' --related-to L1")
    assert all(each["kind"] != "new lead" for each in rows(day))


def test_the_suggestions_work(day: Crm) -> None:
    for each in rows(day):
        day.ok(each["suggestion"].removeprefix("crm ").replace("TEXT", "Call"))
    assert [(each["kind"], each["ref"]) for each in rows(day)] == [("no next step", "O2")]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_command_to_run_is_never_cut(day: Crm, width: int) -> None:
    day.ok("opp edit O3 --name 'A renewal with a name that goes on and on, far beyond the screen'")
    text = day.ok("today --format table", env={"COLUMNS": str(width)}).out
    assert text.count("Why") == 1, "it is still a table"
    assert max(map(len, text.splitlines())) <= width
    for each in rows(day):
        assert each["suggestion"] in text
        assert f" {each['ref']} " in text


def test_what_is_to_do_stands_apart_from_whom_it_is_for(day: Crm) -> None:
    text = day.ok("today --format plain").out
    for words in ("Call 王伟 · O1 Renewal", "Idle · A1 Acme", "Wang Wei · Huaxin"):
        assert words in text


def test_a_day_without_work_is_a_sentence(crm: Crm) -> None:
    crm.today = TODAY
    crm.ok("init")
    assert "Nothing is due today" in crm.ok("today --format plain").out
    assert crm.ok("today --json").json == []
