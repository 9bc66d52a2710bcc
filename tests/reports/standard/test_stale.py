"""crm report stale: open leads and deals that nobody has touched."""

from typing import Any

import pytest

from tests.conftest import Crm, Golden

ACTS = """
2026-01-01 init
2026-01-01 stage edit Qualification --limit-days 10
2026-01-05 lead add 'Wang Wei' --company Huaxin
2026-01-05 opp add 'Only made' --amount 1000
2026-01-05 opp add Called --amount 2000
2026-01-05 opp add Edited
2026-01-05 opp add 'Task done'
2026-01-05 opp add 等待中 --stage Qualification --amount 300
2026-01-05 opp add Won
2026-02-01 log call Hello --for O2
2026-02-02 opp edit O3 --next-step 'Call them'
2026-02-02 task add Send --for O4
2026-02-03 task done T1
2026-02-02 opp win O6
"""


@pytest.fixture
def quiet(crm: Crm) -> Crm:
    crm.today = "2026-02-05"
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    return crm


def rows(crm: Crm, words: str = "", **options: Any) -> list[tuple[Any, ...]]:
    found = crm.ok(f"report stale --json {words}", **options).json["rows"]
    return [(each["ref"], each["last"], each["days"], each["limit_days"]) for each in found]


def test_what_nobody_has_touched_the_longest_first(quiet: Crm) -> None:
    assert rows(quiet) == [("O1", "made", 31, 30), ("O5", "made", 31, 10), ("L1", "made", 31, 30)]
    assert rows(quiet, today="2026-03-07") == [
        ("O1", "made", 61, 30),
        ("O5", "made", 61, 10),
        ("L1", "made", 61, 30),
        ("O2", "activity", 34, 30),
        ("O3", "edited", 33, 30),
        ("O4", "task", 32, 30),
    ]


def test_at_the_limit_it_is_not_stale(quiet: Crm) -> None:
    assert rows(quiet, today="2026-02-04") == [("O5", "made", 30, 10)]
    assert rows(quiet, today="2026-01-15") == []
    assert rows(quiet, today="2026-01-16") == [("O5", "made", 11, 10)]


def test_the_command_mends_it(quiet: Crm) -> None:
    for each in quiet.ok("report stale --json").json["rows"]:
        quiet.ok(each["command"].removeprefix("crm ").replace("TEXT", "Hello"))
    assert rows(quiet) == []
    assert "Every open lead and deal has been touched of late." in quiet.ok("report stale").out
    assert quiet.ok("report stale --format ids", today="2026-05-01").lines[:2] == ["O2", "O3"]


@pytest.mark.parametrize(
    "words",
    ["lead edit L1 --status 'Closed - Not Converted'", "lead convert L1 --no-opp", "lead rm L1 --yes"],
)
def test_a_lead_that_is_closed_is_not_stale(quiet: Crm, words: str) -> None:
    quiet.ok(words)
    assert "L1" not in [row[0] for row in rows(quiet)]


def test_what_was_undone_is_no_touch(quiet: Crm) -> None:
    before = quiet.ok("report stale --explain --json").out
    for words in ("opp edit O1 --amount 5", "log call Hello --for O1", "opp win O5", "opp rm O1 --yes"):
        quiet.ok(words)
        assert quiet.ok("report stale --explain --json").out != before, words
        quiet.ok("undo")
        assert quiet.ok("report stale --explain --json").out == before, words


def test_an_imported_deal_is_as_old_as_it_says(quiet: Crm) -> None:
    text = "name,stage,created_at\nImported,Prospecting,2025-06-01\n"
    quiet.ok("opp import - --keep created_at", stdin=text)
    assert rows(quiet)[0] == ("O7", "made", 249, 30)


def test_a_snoozed_deal_is_hidden_till_its_day_and_said_so(quiet: Crm) -> None:
    quiet.ok("opp snooze O1 --until 2026-02-20")
    found = quiet.ok("report stale --json").json
    assert [each["ref"] for each in found["rows"]] == ["O5", "L1"]
    assert found["snoozed"] == [{"ref": "O1", "until": "2026-02-20"}]
    assert "Snoozed: 1 deal, not looked at: O1" in quiet.ok("report stale").out
    assert rows(quiet, today="2026-02-20")[0][0] == "O1"
    assert rows(quiet, "--as-of 2026-02-04", today="2026-03-01") == [("O5", "made", 30, 10)]


def test_as_of_a_day_what_had_happened_by_then(quiet: Crm) -> None:
    printed = {day: quiet.ok("report stale", today=day).out for day in ("2026-02-05", "2026-03-07")}
    assert quiet.ok("report stale --as-of today").out == printed["2026-02-05"]
    quiet.ok("log call Hello --for O1", today="2026-03-08")
    quiet.ok("opp edit O5 --amount 7", today="2026-03-08")
    quiet.ok("opp rm O2 --yes", today="2026-03-08")
    quiet.ok("lead edit L1 --status Work", today="2026-03-08")
    quiet.ok("lead convert L1 --no-opp", today="2026-03-09")
    for day, text in printed.items():
        assert quiet.ok(f"report stale --as-of {day}", today="2026-04-01").out == text


def test_owners_have_their_own(quiet: Crm) -> None:
    quiet.ok("user add 张敏", today="2026-01-05")
    quiet.ok("opp add Hers --owner 张敏", today="2026-01-05")
    assert [row[0] for row in rows(quiet, "--owner 张敏")] == ["O7"]


def test_amounts_in_another_currency(quiet: Crm) -> None:
    quiet.ok("opp add Yen --amount 500 --currency JPY", today="2026-01-01")
    quiet.ok("rate set EUR 2 --from 2026-01-01")
    run = quiet.ok("report stale --currency EUR --json").json["rows"]
    assert [(each["amount"], each["currency"]) for each in run[:2]] == [("500", "JPY"), ("500.00", "EUR")]
    text = quiet.ok("report stale --currency EUR").out
    assert "No rate (crm rate set): 1 deal, in their own currency: O7" in text


def test_what_was_looked_at(quiet: Crm) -> None:
    found = quiet.ok("report stale --explain --json").json["explain"]
    assert found["rows"] == [
        {"key": "opportunity", "looked_at": 5, "counted": 2},
        {"key": "lead", "looked_at": 1, "counted": 1},
    ]
    assert "2 of 5 open deals, 1 of 1 open leads" in quiet.ok("report stale").out


def test_nothing_yet(crm: Crm) -> None:
    crm.ok("init")
    assert "Every open lead and deal has been touched of late." in crm.ok("report stale").out


def test_what_was_undone_is_no_touch_and_hides_nothing(quiet: Crm) -> None:
    printed = rows(quiet)
    for day, words in (("02-06", "opp edit O1 --amount 7"), ("02-08", "undo")):
        quiet.ok(words, today=f"2026-{day}")
    for day, words in (("02-06", "log call Hello --for O1"), ("02-08", "undo")):
        quiet.ok(words, today=f"2026-{day}")
    for day, words in (("02-06", "opp snooze O5 --until 2026-05-01"), ("02-08", "undo")):
        quiet.ok(words, today=f"2026-{day}")
    then = [
        (ref, last, days - 2) for ref, last, days, _ in rows(quiet, "--as-of 2026-02-07", today="2026-02-09")
    ]
    assert then == [each[:3] for each in printed]


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(quiet: Crm, golden: Golden, width: int) -> None:
    quiet.env["COLUMNS"] = str(width)
    quiet.ok("user add 张敏")
    quiet.ok("opp assign O5 --to 张敏")
    golden(f"report-stale-{width}", quiet.ok("report stale --format table", today="2026-03-08").out)
