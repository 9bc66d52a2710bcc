"""crm account|contact|lead merge: several records become the first, and one undo takes it all back."""

from typing import Any

import pytest

from crmcli.model import ENTITIES
from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from tests.conftest import Crm

State = dict[str, list[tuple[Any, ...]]]


def live(db_url: str) -> State:
    """Every live record, whole, and every version of a deal that still counts."""
    reader = open_reader(target_of(db_url))
    try:
        state = {
            entity: list(reader.rows(f'SELECT * FROM "{entity}" WHERE deleted_at IS NULL ORDER BY id'))
            for entity in ENTITIES
        }
        state["version"] = list(
            reader.rows(
                "SELECT opportunity_id, valid_from, valid_to, account_id, stage FROM opportunity_version"
                " WHERE recorded_to IS NULL ORDER BY opportunity_id, valid_from"
            )
        )
        return state
    finally:
        reader.close()


@pytest.fixture(autouse=True)
def day(crm: Crm) -> None:
    crm.today = "2026-11-21T10:00:00"


@pytest.fixture
def busy(crm: Crm) -> Crm:
    """Two accounts, two contacts and two leads of the same, with everything that can link to them."""
    crm.ok("account add Huaxin --website huaxin.cn --description 'Old friends'")
    crm.ok("account add '华信电子有限公司' --phone '+86 21 5555 1234' --description Big --set external_id=X2")
    crm.ok("account add 'Huaxin Foods' --parent A2")
    crm.ok("contact add '王伟' --account A1 --email wei@huaxin.cn")
    crm.ok("contact add 'Wang Wei' --account A2 --mobile '+86 138 0013 8000'")
    crm.ok("contact add 'Li Na' --account A2 --reports-to C2")
    for name, account in (("Fair", "A1"), ("Press", "A2")):
        crm.ok(f"opp add {name} --account {account} --amount 50k --close-date eoq")
    crm.ok("opp role O1 C1 Influencer")
    crm.ok("opp role O1 C2 'Decision Maker' --primary")
    crm.ok("opp role O2 C2 Evaluator")
    for ref in ("A2", "C2"):
        crm.ok(f"task add Call --for {ref}")
        crm.ok(f"log call 'Hello there' --for {ref}")
    crm.ok("lead add 'Wang Wei' --company Huaxin --email wei@huaxin.cn")
    crm.ok("lead add 'Wei Wang' --company '华信' --phone 13800138000 --rating Hot")
    crm.ok("task add Write --for L2")
    crm.ok("lead add Ann")
    crm.ok("lead convert L3 --account A2 --contact C2 --opp O2")
    return crm


@pytest.mark.parametrize("words", ["account merge A1 A2", "contact merge C1 C2", "lead merge L1 L2"])
def test_one_undo_takes_it_all_back_and_redo_does_it_again(busy: Crm, db_url: str, words: str) -> None:
    before = live(db_url)
    busy.ok(f"{words} --dry-run")
    assert live(db_url) == before
    busy.ok(f"{words} --yes")
    merged = live(db_url)
    assert merged != before
    busy.ok("doctor")
    busy.ok("undo")
    assert live(db_url) == before
    busy.ok("redo")
    assert live(db_url) == merged


def test_accounts_become_one_with_all_that_was_theirs(busy: Crm) -> None:
    run = busy.ok("account merge A1 A2 --yes --json")
    assert run.json == {
        "kept": "A1",
        "merged": ["A2"],
        "filled": ["phone", "description", "external_id"],
        "different": ["name"],
        "relinked": {
            "accounts": 1,
            "contacts": 2,
            "leads": 1,
            "opportunities": 1,
            "tasks": 1,
            "activities": 1,
        },
        "entry": run.json["entry"],
    }
    shown = busy.ok("account show A1 --json").json
    assert (shown["phone"], shown["external_id"]) == ("+86 21 5555 1234", "X2")
    assert shown["description"] == "Old friends\n\n---\n\nBig"
    assert {row["ref"] for row in shown["contacts"]} == {"C1", "C2", "C3"}
    assert {row["ref"] for row in shown["open_opportunities"]} == {"O1", "O2"}
    assert busy.ok("account show A3 --json").json["parent"] == "A1"
    assert busy.ok("lead show L3 --json").json["converted_account"] == "A1"
    busy.fails(3, "account show A2")
    assert busy.ok("account show X2 --json").json["ref"] == "A1"
    assert [row["ref"] for row in busy.ok("search 5555 --json").json] == ["A1"]
    assert "kept name Huaxin (not 华信电子有限公司)" in run.err
    assert "`crm undo" in run.err


def test_contacts_become_one_with_one_part_in_each_deal(busy: Crm) -> None:
    run = busy.ok("contact merge C1 C2 --yes --json")
    assert run.json["filled"] == ["mobile"]
    assert run.json["different"] == ["name", "account"]
    assert run.json["relinked"] == {
        "leads": 1,
        "contacts": 1,
        "tasks": 1,
        "activities": 1,
        "contact_roles": 1,
    }
    roles = {opp: busy.ok(f"opp show {opp} --json").json["contacts"] for opp in ("O1", "O2")}
    assert [(row["ref"], row["role"], bool(row["is_primary"])) for row in roles["O1"]] == [
        ("C1", "Influencer", True)
    ]
    assert [(row["ref"], row["role"]) for row in roles["O2"]] == [("C1", "Evaluator")]
    assert busy.ok("contact show C3 --json").json["reports_to"] == "C1"
    assert "stays Influencer in O1, not Decision Maker" in run.err


def test_leads_become_one_and_a_converted_one_does_not(busy: Crm) -> None:
    run = busy.ok("lead merge L1 L2 --yes")
    assert run.out == "L1\n"
    lead = busy.ok("lead show L1 --json").json
    assert (lead["company"], lead["phone"], lead["rating"]) == ("Huaxin", "13800138000", "Hot")
    assert busy.ok("task list --json related_to:L1").json[0]["subject"] == "Write"
    error = busy.fails(5, "lead merge L1 L3 --yes --json").error
    assert "L3 Ann has been converted" in error["message"]
    busy.fails(5, "lead merge L3 L1 --yes")


def test_a_deal_was_the_other_accounts_until_the_merge(busy: Crm) -> None:
    busy.ok("account merge A1 A2 --yes", today="2026-11-24")
    then = busy.ok("forecast --by account --as-of 2026-11-22 --json", today="2026-11-25").json
    now = busy.ok("forecast --by account --json", today="2026-11-25").json
    assert len(then["rows"]) == 2
    assert len(now["rows"]) == 1


def test_a_parent_may_be_merged_into_its_child_but_makes_no_circle(crm: Crm) -> None:
    crm.ok("account add Top")
    crm.ok("account add Middle --parent A1")
    crm.ok("account add Low --parent A2")
    error = crm.fails(5, "account merge A3 A1 --yes --json").error
    assert "A2 would be its own parent" in error["message"]
    assert "crm account merge A1 A3" in error["hint"]
    crm.ok("account merge A3 A2 --yes")
    assert crm.ok("account show A3 --json").json["parent"] == "A1"
    crm.ok("undo")
    crm.ok("account merge A1 A3 --yes")
    assert crm.ok("account show A2 --json").json["parent"] == "A1"
    assert crm.ok("account show A1 --json").json["parent"] is None


def test_a_link_to_what_was_deleted_is_not_taken(crm: Crm) -> None:
    crm.ok("account add Gone")
    crm.ok("contact add Wei --email wei@huaxin.cn")
    crm.ok("contact add Wei --account A1 --phone 555123")
    crm.ok("account rm A1 --yes")
    assert crm.ok("contact merge C1 C2 --yes --json").json["filled"] == ["phone"]


def test_nothing_is_merged_without_a_yes(busy: Crm, db_url: str) -> None:
    before = live(db_url)
    run = busy.fails(2, "account merge A1 A2")
    assert "say --yes" in run.err
    assert "A2: 1 account" in run.err
    assert live(db_url) == before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, "account merge A1"),
        (2, "account merge A1 A1 --yes"),
        (2, "account merge A1 C1 --yes"),
        (3, "account merge A1 A99 --yes"),
        (4, "lead merge L1 wang --yes"),
    ],
)
def test_what_cannot_be_merged_is_said(busy: Crm, code: int, words: str) -> None:
    busy.ok("lead add Wang --email a@x.com")
    busy.ok("lead add Wang --email b@x.com")
    assert busy.fails(code, f"{words} --json").error["message"]


def test_several_are_merged_in_their_order_and_each_once(crm: Crm) -> None:
    crm.ok("lead add Wang")
    for number in (1, 2, 3):
        crm.ok(f"lead add Wang --phone 55512{number} --rating Hot")
    run = crm.ok("lead merge L1 L3 L2 L3 L4 --yes --json")
    assert run.json["merged"] == ["L3", "L2", "L4"]
    assert crm.ok("lead list --json").json[0]["phone"] == "555122"
    assert len(crm.ok("history --json").json) == 5


def test_thousands_of_links_go_along(crm: Crm, tmp_path: Any, db_url: str) -> None:
    crm.ok("account add Huaxin")
    crm.ok("account add '华信'")
    path = tmp_path / "people.csv"
    path.write_text("name,account\n" + "".join(f"Person {n},A2\n" for n in range(2000)), "utf-8")
    crm.ok("contact", "import", path)
    before = live(db_url)
    assert crm.ok("account merge A1 A2 --yes --json").json["relinked"] == {"contacts": 2000}
    crm.ok("undo")
    assert live(db_url) == before
