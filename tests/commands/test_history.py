"""crm history: entries, and what they changed in a record."""

from tests.conftest import Crm


def test_the_newest_entry_comes_first(crm: Crm) -> None:
    crm.ok("--as li lead add 'Wang Wei'")
    crm.ok("--as li lead add 'Li Na'")
    crm.ok("--as li undo")
    entries = crm.ok("history --json").json
    assert [entry["entry"] for entry in entries] == [3, 2, 1]
    assert entries[0] == {
        "entry": 3,
        "at": entries[0]["at"],
        "user": "li",
        "source": "cli",
        "command": "undo",
        "records": 1,
        "undoes": 2,
        "undone_by": None,
    }
    assert entries[1]["undone_by"] == 3
    assert [entry["entry"] for entry in crm.ok("history --limit 1 --json").json] == [3]
    assert crm.ok("history --limit 0 --json").json == []
    crm.fails(2, "history --limit -1")


def test_of_a_record_the_changed_fields_are_told_in_words(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("account add Acme")
    crm.ok("opp add Deal --account A1 --amount 5k")
    crm.ok("opp edit O1 --account A2 --amount 6k --close-date 2027-04-03 --next-step 'Call [them]'")
    crm.ok("lead add Nobody")
    newest, oldest = crm.ok("history O1 --json").json
    changes = {change["field"]: (change["old"], change["new"]) for change in newest["changes"]}
    assert changes == {
        "account": ("A1 Huaxin", "A2 Acme"),
        "amount": ("USD 5,000.00", "USD 6,000.00"),
        "close_date": (None, "2027-04-03"),
        "next_step": (None, "Call [them]"),
    }
    assert {change["op"] for change in newest["changes"]} == {"edit"}
    assert oldest["changes"] == [{"ref": "O1", "op": "add", "field": None, "old": None, "new": None}]
    assert "amount: USD 5,000.00 → USD 6,000.00" in crm.ok("history O1 --format plain").out
    assert crm.ok("history Deal --json").json == crm.ok("history O1 --json").json


def test_a_deleted_record_has_a_history(crm: Crm) -> None:
    crm.ok("lead add 'Wang Wei'")
    crm.ok("lead rm L1 --yes")
    newest, _ = crm.ok("history L1 --json").json
    assert newest["changes"][0]["op"] == "remove"
    crm.fails(3, "history L9")


def test_an_edit_of_its_own_fields_is_told_by_name(crm: Crm) -> None:
    crm.ok("lead add 'Wang Wei'")
    crm.ok("lead edit L1 --owner none --status working")
    changes = crm.ok("history L1 --json").json[0]["changes"]
    assert {change["field"] for change in changes} == {"owner", "status"}
