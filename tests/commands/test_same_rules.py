"""What a verb refuses, edit and add refuse too; a file of another system's history may tell what it likes."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm, Run


@pytest.fixture(autouse=True)
def saturday(crm: Crm) -> None:
    crm.today = "2026-11-21T10:00:00"
    crm.ok("init")


@pytest.fixture
def deal(crm: Crm) -> str:
    crm.ok("opp add Acme --amount 50k --close-date 2026-11-27 --at 2026-10-01")
    return "O1"


def shown(crm: Crm, noun: str = "opp", ref: str = "O1") -> dict[str, Any]:
    found: dict[str, Any] = crm.ok(f"{noun} show {ref} --json").json
    return found


def brought_in(crm: Crm, tmp_path: Path, noun: str, text: str, *options: str) -> Run:
    path = tmp_path / "history.csv"
    path.write_text(text)
    return crm(noun, "import", path, *options, "--json")


# --- deals ------------------------------------------------------------------------------------------------


def test_an_edit_does_not_open_a_closed_deal(crm: Crm, deal: str) -> None:
    crm.ok("opp win O1")
    error = crm.fails(5, "opp edit O1 --stage Prospecting --json").error
    assert error["hint"] == "`crm opp reopen O1` opens it again."
    assert error == crm.fails(5, "opp stage O1 Prospecting --json").error
    crm.fails(5, "opp edit O1 --stage 'Closed Lost' --lost-reason Pricing")
    assert shown(crm)["stage"] == "Closed Won"


def test_a_deal_that_is_edited_or_added_as_lost_has_a_reason(crm: Crm, deal: str) -> None:
    for words in ("opp edit O1 --stage 'Closed Lost'", "opp add Lost --stage 'Closed Lost'"):
        error = crm.fails(2, f"{words} --json").error
        assert (error["field"], error["hint"]) == ("lost_reason", "--lost-reason Pricing")
        crm.ok(f"{words} --lost-reason Pricing")
    crm.ok("opp edit O1 --lost-reason Competition")
    assert shown(crm)["lost_reason"] == "Competition"


def test_a_reason_is_for_lost_deals(crm: Crm, deal: str) -> None:
    crm.fails(2, "opp edit O1 --lost-reason Pricing")
    crm.fails(2, "opp add Next --lost-reason Pricing")


def test_no_deal_is_added_or_edited_into_an_inactive_stage(crm: Crm, deal: str) -> None:
    crm.ok("stage edit 'Value Proposition' --active no")
    crm.fails(5, "opp edit O1 --stage 'Value Proposition'")
    crm.fails(5, "opp add Next --stage 'Value Proposition'")


def test_no_deal_is_closed_in_the_future(crm: Crm, deal: str) -> None:
    crm.fails(5, "opp edit O1 --stage 'Closed Won' --close-date +20d")
    crm.fails(5, "opp add Next --stage 'Closed Won' --close-date +20d")
    assert shown(crm)["close_date"] == "2026-11-27"


def test_an_open_deal_is_not_in_the_category_closed(crm: Crm, deal: str) -> None:
    crm.fails(5, "opp edit O1 --category Closed")
    crm.ok("opp edit O1 --category Omitted")


def test_a_history_may_hold_what_could_not_be_done_here(crm: Crm, tmp_path: Path) -> None:
    crm.ok("stage edit 'Value Proposition' --active no")
    crm.ok("user add Bob --active no")
    rows = (
        "external id,name,stage,close date,owner\n"
        "1,Lost,Closed Lost,2026-01-31,Bob\n2,Old,Value Proposition,2026-12-31,Bob\n"
    )
    told = brought_in(crm, tmp_path, "opp", rows, "--match", "external_id")
    assert (told.code, told.json["created"]) == (0, 2)
    lost = crm.ok("opp show Lost --json").json
    assert (lost["lost_reason"], lost["owner"], lost["is_closed"]) == (None, "Bob", True)
    again = rows.replace("Closed Lost,2026-01-31", "Prospecting,2026-12-31")
    told = brought_in(crm, tmp_path, "opp", again, "--match", "external_id")
    assert (told.code, told.json["updated"]) == (0, 1)
    assert crm.ok("opp show Lost --json").json["is_closed"] is False


# --- at ---------------------------------------------------------------------------------------------------


def test_only_an_edit_of_a_deal_has_a_day(crm: Crm, deal: str) -> None:
    crm.ok("opp edit O1 --stage Qualification --at 2026-11-02")
    crm.ok("account add Acme")
    crm.fails(2, "account edit A1 --city Lyon --at 2026-11-02")


def test_no_deal_is_edited_before_it_was_there(crm: Crm, deal: str) -> None:
    error = crm.fails(5, "opp edit O1 --amount 60k --at 2026-09-30 --json").error
    assert error["message"].startswith("O1 Acme was created on Thu 2026-10-01")


def test_two_edits_on_one_past_day_keep_their_order(crm: Crm, deal: str) -> None:
    crm.ok("opp edit O1 --stage Qualification --at 2026-11-02")
    crm.ok("opp edit O1 --stage 'Needs Analysis' --at 2026-11-02")
    told = [row["what"] for row in crm.ok("opp timeline O1 --json").json if row["kind"] == "stage"]
    assert told == ["Prospecting", "Qualification", "Needs Analysis"]


# --- owners, activities, leads, circles -------------------------------------------------------------------


@pytest.mark.parametrize("noun", ["lead", "account", "contact", "opp", "task"])
def test_who_has_left_gets_no_records_but_keeps_theirs(crm: Crm, noun: str) -> None:
    crm.ok("user add Bob")
    ref = crm.ok(f"{noun} add Mine --owner Bob").out.strip()
    crm.ok("user edit Bob --active no")
    error = crm.fails(5, f"{noun} add Next --owner Bob --json").error
    assert error["message"] == "Bob is not active and gets no records."
    crm.ok(f"{noun} edit {ref} --owner Bob --description x")
    other = crm.ok(f"{noun} add Other").out.strip()
    assert crm.fails(5, f"{noun} edit {other} --owner Bob --json").error == error


def test_what_is_logged_is_not_edited_into_the_future(crm: Crm, tmp_path: Path) -> None:
    crm.ok("log note Demo")
    assert crm.fails(2, "log edit E1 --happened-at +3d --json").error["field"] == "happened_at"
    crm.ok("log edit E1 --happened-at yesterday")
    rows = "type,subject,happened at\nNote,Later,2026-12-24\n"
    assert brought_in(crm, tmp_path, "log", rows).code == 2


def test_a_lead_is_not_called_converted(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add Wang --email wang@example.com")
    for words in ("lead edit L1", "lead add Li"):
        error = crm.fails(5, f"{words} --status 'Closed - Converted' --json").error
        assert error["hint"].startswith("`crm lead convert ")
    rows = "name,email,status\nLi,li@example.com,Closed - Converted\n"
    run = brought_in(crm, tmp_path, "lead", rows)
    assert run.code == 2
    assert "--value 'status:Closed - Converted=" in run.err
    changed = rows.replace("Li,li@", "Wang,wang@")
    assert brought_in(crm, tmp_path, "lead", changed, "--match", "email").code == 2


def test_the_export_of_a_converted_lead_changes_nothing_when_it_comes_back(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add Wang --email wang@example.com")
    crm.ok("lead convert L1")
    rows = "name,email,status\nWang,wang@example.com,Closed - Converted\n"
    run = brought_in(crm, tmp_path, "lead", rows, "--match", "email")
    assert (run.code, run.json["unchanged"]) == (0, 1)


@pytest.mark.parametrize(
    ("noun", "link"), [("account", "parent"), ("user", "manager"), ("contact", "reports-to")]
)
def test_nobody_is_above_themselves(crm: Crm, noun: str, link: str) -> None:
    one, two, three = (crm.ok(f"{noun} add {name}").out.strip() for name in ("One", "Two", "Three"))
    crm.fails(5, f"{noun} edit {one} --{link} {one}")
    crm.ok(f"{noun} edit {two} --{link} {one}")
    crm.ok(f"{noun} edit {three} --{link} {two}")
    error = crm.fails(5, f"{noun} edit {one} --{link} {three} --json").error
    assert f"by way of {three} and {two}." in error["message"]
    assert error["field"] == link.replace("-", "_")
    crm.ok(f"{noun} edit {three} --{link} {one}")


# --- what is said -----------------------------------------------------------------------------------------


def test_an_edit_says_what_it_changed_from_what_to_what(crm: Crm, deal: str) -> None:
    assert crm.ok("opp edit O1 --category Commit").err == "O1 Acme · category Pipeline → Commit\n"
    assert crm.ok("opp edit O1 --amount 60k --close-date none --next-step Call").err == (
        "O1 Acme · amount USD 50,000.00 → USD 60,000.00 · close date Fri 2026-11-27 → none"
        " · next step none → Call\nNo close date: it is in no period's forecast.\n"
    )
    assert crm.ok("opp edit O1 --next-step Call").err == "O1 Acme · nothing was changed\n"
    crm.ok("account add Huaxin")
    assert crm.ok("opp edit O1 --account A1").err == "O1 Acme · account none → A1 Huaxin\n"
    run = crm.ok("opp edit O1 --stage 'Closed Won' --dry-run")
    assert run.err.startswith("Would be: O1 Acme · stage Prospecting → Closed Won · probability 10 % → 100 %")
    crm.ok("user add Li")
    assert crm.ok("user edit Li --active no").err.endswith(" · active yes → no\n")
    assert (
        crm.ok("stage edit Prospecting --probability 15").err == "S1 Prospecting · probability 10 % → 15 %\n"
    )
    crm.ok("log note Demo")
    assert crm.ok("log edit E1 --happened-at '2026-11-20 09:30'").err == (
        "E1 Demo · happened at 2026-11-21 10:00 → 2026-11-20 09:30\n"
    )


def test_a_deal_without_an_amount_is_remarked(crm: Crm) -> None:
    remark = "No amount: it adds nothing to pipeline and forecast."
    assert crm.ok("opp add Acme --close-date eoy").err.splitlines()[1:] == [remark]
    assert crm.ok("opp win O1").err.splitlines()[1:] == [remark]
    crm.ok("lead add Wang --company Huaxin")
    run = crm.ok("lead convert L1")
    assert run.err.splitlines()[-1] == remark
    assert "O2 Huaxin · " in run.err


def test_a_close_date_that_is_past_is_remarked_on_an_open_deal(crm: Crm) -> None:
    remark = "The close date, Sun 2026-11-01, is past."
    assert crm.ok("opp add Acme --amount 1 --close-date 2026-11-01").err.splitlines()[1:] == [remark]
    assert crm.ok("opp edit O1 --next-step Call").err.count("past") == 0
    crm.ok("opp edit O1 --close-date eoy")
    assert crm.ok("opp edit O1 --close-date 2026-11-01").err.splitlines()[1:] == [remark]
    crm.ok("lead add Wang --company Huaxin")
    assert remark in crm.ok("lead convert L1 --amount 5k --close-date 2026-11-01").err


def test_a_reopened_deal_has_its_close_date_again(crm: Crm, deal: str) -> None:
    crm.ok("opp win O1 --at 2026-11-10")
    assert crm.ok("opp reopen O1").err.endswith(" · closes Fri 2026-11-27\n")
    assert shown(crm)["close_date"] == "2026-11-27"
    crm.ok("opp win O1")
    run = crm.ok("opp reopen O1", today="2026-12-05T10:00:00")
    assert "It needs a new close date, Fri 2026-11-27 is past" in run.err
    crm.ok("opp win O1", today="2026-12-05T10:00:00")
    crm.ok("opp reopen O1 --close-date 2026-12-24", today="2026-12-06T10:00:00")
    assert shown(crm)["close_date"] == "2026-12-24"


def test_a_role_or_reason_is_known_by_its_beginning_and_a_new_one_is_announced(crm: Crm, deal: str) -> None:
    crm.ok("contact add Bo")
    assert "Decision Maker" in crm.ok("opp role O1 C1 dec").err
    assert "'Godfather' is a new role." in crm.ok("opp role O1 C1 Godfather").err
    crm.ok("lead add Wang")
    crm.ok("lead convert L1 --role exec")
    assert shown(crm, ref="O2")["contacts"][0]["role"] == "Executive Sponsor"
    crm.ok("opp lose O1 --reason pri")
    assert shown(crm)["lost_reason"] == "Pricing"
    crm.ok("opp stage O2 'Closed Lost' --reason comp")
    assert shown(crm, ref="O2")["lost_reason"] == "Competition"


def test_a_word_for_an_end_is_answered_with_the_verb(crm: Crm, deal: str) -> None:
    assert "`crm opp win REF`" in crm.fails(2, "opp stage O1 won --json").error["hint"]
    assert "`crm opp lose REF" in crm.fails(2, "opp stage O1 lost --json").error["hint"]
    hint = crm.fails(2, "opp stage O1 propsal --json").error["hint"]
    assert hint == "Did you mean 'Proposal/Price Quote'?"
