"""crm user and crm contact: who sells, and to whom."""

import pytest

from tests.conftest import Crm


@pytest.fixture(autouse=True)
def li(crm: Crm) -> None:
    crm.today = "2026-11-21T10:00:00"
    crm.ok("user add Li --email li@example.com --role 'Sales Rep'")


@pytest.mark.parametrize("record", ["lead add Wang", "opp add Acme", "task add Call"])
def test_who_owns_open_records_is_not_deleted(crm: Crm, record: str) -> None:
    ref = crm.ok(f"{record} --owner Li").out.strip()
    error = crm.fails(5, "user rm Li --yes --json").error
    assert error["message"].startswith("Li owns 1 open ")
    assert "`crm user edit 'Li' --active no`" in error["hint"]
    assert ("crm opp assign O1 --to USER" in error["hint"]) == (ref == "O1")


def test_who_owns_only_what_is_over_can_be_deleted_and_come_back(crm: Crm) -> None:
    crm.ok("opp add Acme --owner Li")
    crm.ok("opp win O1")
    crm.ok("user rm Li --yes")
    assert "Li" not in [row["name"] for row in crm.ok("user list --json").json]
    crm.ok("undo")
    assert crm.ok("user show Li --json").json["role"] == "Sales Rep"


def test_a_deletion_is_confirmed(crm: Crm) -> None:
    crm.fails(2, "user rm Li")
    crm.ok("user rm Li --dry-run")
    crm.ok("user show Li")


def test_who_has_left_is_kept_as_inactive(crm: Crm) -> None:
    crm.ok("opp add Acme --owner Li")
    crm.ok("user edit Li --active no")
    assert [row["name"] for row in crm.ok("user list active=no --json").json] == ["Li"]


def test_a_contact_has_all_the_verbs_of_a_record(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("contact add 'Li Na' --account Huaxin --title Buyer")
    crm.ok("contact edit C1 --mobile '+86 138 0013 8000'")
    assert crm.ok("contact show C1 --json").json["account_name"] == "Huaxin"
    assert [row["ref"] for row in crm.ok("contact list title:buy --json").json] == ["C1"]
    crm.ok("contact rm C1 --yes")
    crm.fails(3, "contact show C1")


@pytest.mark.parametrize("noun", ["opp", "task", "log", "user", "stage", "contact"])
def test_every_verb_has_an_example_that_names_it(crm: Crm, noun: str) -> None:
    from importlib import import_module

    for word, verb in import_module(f"crmcli.commands.{noun}").command.verbs.items():
        assert verb.examples, word
        assert all(example.startswith(f"crm {noun} {word}") for example in verb.examples), word
