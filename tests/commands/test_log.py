"""crm log: what has happened."""

import pytest

from tests.conftest import Crm


@pytest.fixture(autouse=True)
def deal(crm: Crm) -> None:
    crm.today = "2026-11-21T10:00:00"
    crm.ok("contact add Bo")
    crm.ok("opp add Acme")


def test_a_call_is_logged_with_all_that_came_of_it(crm: Crm) -> None:
    call = crm.ok(
        "log call 'Talked about price' --related-to O1 --contact C1 --duration-minutes 12"
        " --outcome 'Will sign' --direction outbound --at 2026-11-02 --json"
    ).json
    assert (call["type"], call["subject"], call["direction"]) == ("Call", "Talked about price", "Outbound")
    assert (call["related_to"], call["contact"], call["duration_minutes"]) == ("O1", "C1", 12)
    assert call["happened_at"] == "2026-11-02T00:00:00Z"


@pytest.mark.parametrize("verb", ["call", "email", "meeting", "note"])
def test_each_verb_logs_its_type_about_the_record_before_the_subject(crm: Crm, verb: str) -> None:
    logged = crm.ok(f"log {verb} O1 'They want it by March' --json").json
    assert (logged["type"], logged["subject"]) == (verb.capitalize(), "They want it by March")
    assert (logged["related_to"], logged["contact"]) == ("O1", None)


def test_the_line_says_when_it_was(crm: Crm) -> None:
    run = crm.ok("log call O1 Price --at '2026-11-02 14:30'")
    assert run.err == "E1 Price · Call · O1 Acme · Mon 2026-11-02 14:30\n"


def test_what_is_logged_without_a_day_has_happened_now(crm: Crm) -> None:
    for words in ("log note A", "log note B --at today"):
        assert crm.ok(f"{words} --json").json["happened_at"] == "2026-11-21T10:00:00Z"


def test_at_and_happened_at_mean_the_same(crm: Crm) -> None:
    assert crm.ok("log note A --happened-at yesterday --json").json["happened_at"] == "2026-11-20T00:00:00Z"
    crm.fails(2, "log note A --at yesterday --happened-at yesterday")


def test_what_is_logged_has_happened(crm: Crm) -> None:
    assert crm.fails(2, "log meeting Demo --at tomorrow --json").error["field"] == "happened_at"
    crm.fails(2, "log meeting Demo --at '2026-11-21 10:01'")


def test_a_reference_alone_lacks_a_subject(crm: Crm) -> None:
    assert crm.fails(2, "log note O1 --json").error["field"] == "subject"


def test_the_record_is_named_once_and_exists(crm: Crm) -> None:
    crm.fails(2, "log note O1 x --for O1")
    crm.fails(3, "log note O9 x")
    crm.fails(2, "log note O1 they want it")


def test_what_is_about_a_contact_was_with_that_contact(crm: Crm) -> None:
    logged = crm.ok("log call C1 'New number' --json").json
    assert (logged["related_to"], logged["contact"]) == ("C1", "C1")


def test_any_type_can_be_added_listed_shown_edited_and_deleted(crm: Crm) -> None:
    crm.fails(2, "log add 'Lunch'")
    crm.ok("log add Lunch --type meeting --for O1")
    assert [row["subject"] for row in crm.ok("log list type:meeting --json").json] == ["Lunch"]
    crm.ok("log edit E1 --outcome Fine")
    assert crm.ok("log show E1 --json").json["outcome"] == "Fine"
    crm.ok("log rm E1 --yes")
    crm.fails(3, "log show E1")


def test_a_dry_run_writes_nothing(crm: Crm) -> None:
    assert crm.ok("log note O1 x --dry-run").err.startswith("Would be: ")
    assert crm.ok("log list --json").json == []
