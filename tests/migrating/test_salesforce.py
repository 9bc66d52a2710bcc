"""Moving in from Salesforce: whole exports, made here, brought in and taken back."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from crmcli.migrating.salesforce import long_id
from tests.conftest import Crm

TODAY = "2026-06-15"
ANN, BOB = "005000000000001", "005000000000002"


def sf(kind: str, number: int) -> str:
    """An id as the short form has it: the object's sign and a number, in letters of both cases."""
    return f"{kind}0000000aB{number:03d}x"[:15].ljust(15, "0")


def table(headings: str, *rows: tuple[Any, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(headings.split())
    writer.writerows(rows)
    return out.getvalue()


USERS = table(
    "Id Username FirstName LastName Email IsActive ManagerId CreatedDate",
    (BOB, "bob@x.example", "Bob", "Old", "bob@x.example", "false", ANN, "2019-01-01T00:00:00.000Z"),
    (ANN, "ann@x.example", "Ann", "Lee", "ann@x.example", "true", "", "2019-01-01T00:00:00.000Z"),
)
ACCOUNTS = table(
    "Id IsDeleted Name ParentId AnnualRevenue NumberOfEmployees Fax Customer_Priority__c OwnerId CreatedDate"
    " LastModifiedDate",
    (sf("001", 2), "false", "Small & Sons", sf("001", 1), "", "12.0", "", "High", BOB,
     "2020-02-01T10:00:00.000Z", "2020-03-01T10:00:00.000Z"),
    (sf("001", 1), "false", "Big Holding", "", "6.0E7", "", "+1 555", "", ANN,
     "2020-01-01T10:00:00.000Z", "2020-03-01T10:00:00.000Z"),
    (sf("001", 3), "true", "Gone Ltd", "", "", "", "", "", ANN,
     "2020-01-01T10:00:00.000Z", "2020-03-01T10:00:00.000Z"),
)  # fmt: skip
CONTACTS = table(
    "Id FirstName LastName AccountId Email ReportsToId OwnerId CreatedDate",
    (sf("003", 1), "Eve", "Hall", long_id(sf("001", 2)), "eve@small.example", sf("003", 2), ANN,
     "2020-04-01T10:00:00.000Z"),
    (sf("003", 2), "Max", "Boss", sf("001", 2), "max@small.example", "", ANN, "2020-04-01T10:00:00.000Z"),
)  # fmt: skip
DEALS = table(
    "Id Name AccountId StageName Amount Probability CloseDate IsClosed IsWon ForecastCategoryName OwnerId"
    " CreatedDate LastModifiedDate",
    (sf("006", 1), "Renewal", sf("001", 2), "Negotiation/Review", "5000.0", "80.0", "2026-07-31", "false", "false",
     "Commit", ANN, "2026-01-05T09:00:00.000Z", "2026-04-01T00:00:00.000Z"),
    (sf("006", 2), "Pilot", sf("001", 1), "Closed Won", "900.5", "100.0", "2026-03-10", "true", "true",
     "Closed", BOB, "2026-02-01T09:00:00.000Z", "2026-03-10T12:00:00.000Z"),
)  # fmt: skip
HISTORY = table(
    "Id OpportunityId StageName Amount Probability CloseDate ForecastCategory CreatedDate IsDeleted",
    ("008000000000001", sf("006", 1), "Prospecting", "3000.0", "10.0", "2026-06-30", "Pipeline",
     "2026-01-05T09:00:00.000Z", "false"),
    ("008000000000003", sf("006", 1), "Negotiation/Review", "5000.0", "80.0", "2026-07-31", "Forecast",
     "2026-04-01T09:00:00.000Z", "false"),
    ("008000000000002", sf("006", 1), "Value Proposition", "4000.0", "50.0", "2026-06-30", "Pipeline",
     "2026-03-01T09:00:00.000Z", "false"),
    ("008000000000004", sf("006", 2), "Prospecting", "900.5", "10.0", "2026-03-10", "Pipeline",
     "2026-02-01T09:00:00.000Z", "false"),
    ("008000000000005", sf("006", 2), "Closed Won", "900.5", "100.0", "2026-03-10", "Closed",
     "2026-03-10T12:00:00.000Z", "false"),
)  # fmt: skip
CHANGES = table(
    "Id OpportunityId Field OldValue NewValue CreatedDate",
    ("017000000000001", sf("006", 1), "Owner", "Bob Old", "Ann Lee", "2026-02-01T09:00:00.000Z"),
    ("017000000000002", sf("006", 1), "Owner", BOB, ANN, "2026-02-01T09:00:00.000Z"),
    ("017000000000003", sf("006", 1), "created", "", "", "2026-01-05T09:00:00.000Z"),
)  # fmt: skip
ROLES = table(
    "Id OpportunityId ContactId Role IsPrimary",
    ("00K000000000001", sf("006", 1), sf("003", 1), "Decision Maker", "true"),
    ("00K000000000002", long_id(sf("006", 1)), sf("003", 2), "", "false"),
)
LEADS = table(
    "Id FirstName LastName Company Status IsConverted ConvertedDate ConvertedAccountId ConvertedContactId"
    " ConvertedOpportunityId OwnerId",
    (sf("00Q", 1), "Eve", "Hall", "Small & Sons", "Closed - Converted", "true", "2020-04-01", sf("001", 2),
     sf("003", 1), sf("006", 1), ANN),
    (sf("00Q", 2), "New", "Face", "Nowhere Inc", "Open - Not Contacted", "false", "", "", "", "", ANN),
)  # fmt: skip
TASKS = table(
    "Id WhoId WhatId Subject ActivityDate Status Priority IsClosed TaskSubtype OwnerId CompletedDateTime"
    " LastModifiedDate",
    ("00T000000000001", sf("003", 1), sf("006", 1), "Send contract", "2026-06-20", "Not Started", "High", "false",
     "Task", ANN, "", "2026-06-01T00:00:00.000Z"),
    ("00T000000000002", sf("003", 2), sf("006", 1), "Asked about price", "2026-05-02", "Completed", "Normal",
     "true", "Call", ANN, "2026-05-02T15:30:00.000Z", "2026-05-02T15:30:00.000Z"),
    ("00T000000000003", sf("00Q", 2), "500000000000001", "Call back", "", "In Progress", "Normal", "false", "Task",
     ANN, "", "2026-06-01T00:00:00.000Z"),
)  # fmt: skip
EVENTS = table(
    "Id WhatId Subject StartDateTime EndDateTime DurationInMinutes OwnerId",
    ("00U000000000001", sf("001", 2), "Kick-off", "2026-05-01T10:00:00.000Z", "2026-05-01T11:30:00.000Z", "90", ANN),
    ("00U000000000002", sf("001", 2), "Review", "2026-07-01T10:00:00.000Z", "2026-07-01T11:00:00.000Z", "60", ANN),
)  # fmt: skip
PRODUCTS = table("Id Name", ("01t000000000001", "Widget"), ("01t000000000002", "Gadget"))

WHOLE = {
    "Task.csv": TASKS,
    "Lead.csv": LEADS,
    "OpportunityContactRole.csv": ROLES,
    "OpportunityHistory.csv": HISTORY,
    "OpportunityFieldHistory.csv": CHANGES,
    "Opportunity.csv": DEALS,
    "Contact.csv": CONTACTS,
    "ACCOUNT.csv": ACCOUNTS,
    "users.csv": USERS,
    "Event.csv": EVENTS,
    "Product2.csv": PRODUCTS,
}


@pytest.fixture
def crm(crm: Crm) -> Crm:
    crm.today = TODAY
    return crm


def folder(path: Path, files: Mapping[str, str | bytes]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def packed(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in files.items():
            out.writestr(name, text)
    return path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return folder(tmp_path / "export", WHOLE)


def moved(crm: Crm, *words: str | Path) -> dict[str, Any]:
    """What a migration says of each object: `(object, becomes)` -> created, updated, unchanged, rejected."""
    report = crm.ok("migrate", "salesforce", *words, "--json").json
    report["by"] = {
        (row["object"], row["becomes"]): (row["created"], row["updated"], row["unchanged"], row["rejected"])
        for row in report["rows"]
    }
    return report  # type: ignore[no-any-return]


def records(crm: Crm, noun: str, *terms: str) -> list[dict[str, Any]]:
    return crm.ok(noun, "list", *terms, "--json").json  # type: ignore[no-any-return]


def dump(crm: Crm) -> dict[str, Any]:
    nouns = ("user", "account", "contact", "lead", "opp", "task", "log", "stage")
    return {noun: records(crm, noun) for noun in nouns}


# --- the whole -------------------------------------------------------------------------------------------


def test_a_whole_export_comes_in_with_one_command_whatever_the_order_of_its_files(
    crm: Crm, export: Path
) -> None:
    report = moved(crm, export)
    assert report["by"] == {
        ("User", "users"): (2, 0, 0, 0),
        ("Account", "accounts"): (2, 0, 0, 0),
        ("Contact", "contacts"): (2, 0, 0, 0),
        ("Opportunity", "opportunities"): (2, 0, 0, 0),
        ("OpportunityHistory", "versions"): (5, 0, 0, 0),
        ("OpportunityFieldHistory", "versions"): (1, 0, 1, 0),
        ("OpportunityContactRole", "contact roles"): (2, 0, 0, 0),
        ("Lead", "leads"): (2, 0, 0, 0),
        ("Lead", "conversions"): (1, 0, 0, 0),
        ("Task", "tasks"): (2, 0, 0, 0),
        ("Task", "activities"): (1, 0, 0, 0),
        ("Event", "tasks"): (1, 0, 0, 0),
        ("Event", "activities"): (1, 0, 0, 0),
        ("Product2", None): (None, None, None, None),
    }
    account = next(row for row in report["rows"] if row["object"] == "Account")
    assert (account["read"], account["deleted"]) == (2, 1)
    product = next(row for row in report["rows"] if row["object"] == "Product2")
    assert (product["read"], product["note"]) == (2, "not yet kept")
    assert report["no_counterpart"] == []
    assert report["left_out"] == {"Account": ["Fax"]}

    users = {user["name"]: user for user in records(crm, "user")}
    assert (users["Ann Lee"]["active"], users["Bob Old"]["active"]) == (True, False)
    assert users["Bob Old"]["manager_name"] == "Ann Lee"
    accounts = {account["name"]: account for account in records(crm, "account")}
    assert accounts["Small & Sons"]["parent_name"] == "Big Holding"
    assert accounts["Small & Sons"]["external_id"] == long_id(sf("001", 2))
    assert accounts["Small & Sons"]["owner"] == "Bob Old"
    assert accounts["Small & Sons"]["customer_priority"] == "High"
    assert accounts["Small & Sons"]["employees"] == 12
    assert accounts["Small & Sons"]["created_at"] == "2020-02-01T10:00:00Z"
    assert accounts["Small & Sons"]["updated_at"] == "2020-03-01T10:00:00Z"
    assert accounts["Big Holding"]["annual_revenue"] == "60000000.00"
    people = {person["name"]: person for person in records(crm, "contact")}
    assert people["Eve Hall"]["reports_to_name"] == "Max Boss"
    deals = {deal["name"]: deal for deal in records(crm, "opp")}
    assert deals["Renewal"]["probability"] == 80
    assert deals["Pilot"]["owner"] == "Bob Old"
    assert deals["Pilot"]["closed_at"] == "2026-03-10"
    leads = {name: crm.ok("lead", "show", name, "--json").json for name in ("Eve Hall", "New Face")}
    assert leads["Eve Hall"]["status"] == "Closed - Converted"
    assert leads["Eve Hall"]["converted_at"] == "2020-04-01T00:00:00Z"
    became = [leads["Eve Hall"][f"converted_{what}"] for what in ("account", "contact", "opp")]
    assert became == [accounts["Small & Sons"]["ref"], people["Eve Hall"]["ref"], deals["Renewal"]["ref"]]
    tasks = {task["subject"]: task for task in records(crm, "task")}
    assert set(tasks) == {"Send contract", "Call back", "Review"}
    assert tasks["Send contract"]["related_to"] == deals["Renewal"]["ref"]
    assert tasks["Send contract"]["contact_name"] == "Eve Hall"
    assert tasks["Call back"]["related_to"] == leads["New Face"]["ref"]  # not the case, which is no noun
    assert tasks["Review"]["due_date"] == "2026-07-01"
    done = {activity["subject"]: activity for activity in records(crm, "log")}
    assert (done["Asked about price"]["type"], done["Kick-off"]["type"]) == ("Call", "Meeting")
    assert done["Asked about price"]["happened_at"] == "2026-05-02T15:30:00Z"
    assert done["Kick-off"]["duration_minutes"] == 90
    roles = crm.ok("opp", "show", deals["Renewal"]["ref"], "--json").json["contacts"]
    assert [(role["name"], role["role"], role["is_primary"]) for role in roles] == [
        ("Eve Hall", "Decision Maker", True),
        ("Max Boss", None, False),
    ]
    assert crm.ok("doctor").code == 0


def test_the_same_export_again_changes_nothing(crm: Crm, export: Path) -> None:
    moved(crm, export)
    before = dump(crm)
    report = moved(crm, export)
    assert not any(row["created"] or row["updated"] or row["rejected"] for row in report["rows"])
    assert report["entry"] is None
    assert dump(crm) == before


def test_the_same_export_changes_nothing_on_a_later_day(crm: Crm, export: Path) -> None:
    """An event that has passed meanwhile is the task that it was made."""
    moved(crm, export)
    report = moved_on(crm, "2026-08-01", export)
    created = {(row["object"], row["becomes"]): row["created"] for row in report["rows"] if row["created"]}
    assert created == {}


def moved_on(crm: Crm, today: str, *words: str | Path) -> dict[str, Any]:
    return crm.ok("migrate", "salesforce", *words, "--json", today=today).json  # type: ignore[no-any-return]


def test_one_undo_takes_everything_back_and_redo_brings_it(crm: Crm, export: Path) -> None:
    crm.ok("account add 'Here before'")
    before = dump(crm)
    moved(crm, export)
    after = dump(crm)
    crm.ok("undo")
    for noun, rows in dump(crm).items():  # custom fields stay, with nothing in them
        assert [{name: row[name] for name in row if row[name] is not None} for row in rows] == [
            {name: row[name] for name in row if row[name] is not None} for row in before[noun]
        ]
    assert crm.ok("doctor").code == 0
    crm.ok("redo")
    again = dump(crm)
    for noun, rows in after.items():
        assert [row["ref"] for row in again[noun]] == [row["ref"] for row in rows]
    assert crm.ok("doctor").code == 0


def test_a_dry_run_says_what_the_run_does_and_writes_nothing(crm: Crm, export: Path) -> None:
    crm.ok("account add 'Here before'")
    before = dump(crm)
    would = moved(crm, export, "--dry-run")
    assert dump(crm) == before
    did = moved(crm, export)
    assert would["rows"] == did["rows"]
    assert (would["dry_run"], would["entry"]) == (True, None)
    assert (did["dry_run"], did["entry"]) == (False, 2)


def test_the_past_is_as_the_history_says(crm: Crm, export: Path) -> None:
    moved(crm, export)
    on = {}
    for day in ("2026-01-04", "2026-01-31", "2026-03-15", "2026-06-14"):
        rows = crm.ok("pipeline", "--as-of", day, "--json").json["rows"]
        on[day] = {(row["stage"], row["amount"]) for row in rows if row["count"]}
    assert on == {
        "2026-01-04": set(),
        "2026-01-31": {("Prospecting", "3000.00")},
        "2026-03-15": {("Value Proposition", "4000.00")},
        "2026-06-14": {("Negotiation/Review", "5000.00")},
    }
    owners = {}
    for day in ("2026-01-31", "2026-03-15"):
        rows = crm.ok("forecast", "--period", "2026-Q2", "--as-of", day, "--json").json["rows"]
        owners[day] = [row["key"] for row in rows]
    assert owners == {"2026-01-31": ["Bob Old"], "2026-03-15": ["Ann Lee"]}
    then = crm.ok("forecast --period 2026-Q2 --as-of 2026-03-15 --json").json["total"]
    now = crm.ok("forecast --period 2026-Q3 --json").json["total"]
    assert (then["open_pipeline"], now["commit"]) == ("4000.00", "5000.00")


def test_a_longer_history_is_recorded_anew_and_can_be_taken_back(crm: Crm, export: Path) -> None:
    moved(crm, export)
    later = HISTORY + table(
        "x", ("008000000000009", sf("006", 1), "Prospecting", "7000.0", "80.0", "2026-07-31", "Forecast",
              "2026-05-01T09:00:00.000Z", "false")
    ).partition("\n")[2]  # fmt: skip
    deals = DEALS.replace('"Negotiation/Review","5000.0"', '"Prospecting","7000.0"')
    folder(export, {"OpportunityHistory.csv": later, "Opportunity.csv": deals})
    report = moved_on(crm, "2026-06-20", export)
    updated = {row["object"]: row["updated"] for row in report["rows"] if row["updated"]}
    assert updated == {"Opportunity": 1}

    def in_may(day: str) -> set[str]:
        rows = crm.ok("pipeline", "--as-of", day, "--json", today="2026-06-21").json["rows"]
        return {row["amount"] for row in rows if row["count"]}

    assert in_may("2026-05-15") == {"7000.00"}
    crm.ok("undo", today="2026-06-21")
    assert in_may("2026-05-15") == {"5000.00"}
    assert crm.ok("doctor", today="2026-06-21").code == 0


def test_a_deal_that_was_moved_here_keeps_the_history_it_has_here(crm: Crm, export: Path) -> None:
    moved(crm, export)
    deal = records(crm, "opp", "name=Renewal")[0]["ref"]
    crm.ok("opp", "edit", deal, "--close-date", "2026-08-15")
    timeline = crm.ok("opp", "timeline", deal, "--json").json
    extra = HISTORY.replace("2026-04-01T09:00:00.000Z", "2026-04-02T09:00:00.000Z")
    folder(export, {"OpportunityHistory.csv": extra, "Opportunity.csv": DEALS.replace("2026-07-31", "")})
    crm.ok("migrate", "salesforce", export)
    assert crm.ok("opp", "timeline", deal, "--json").json == timeline


# --- files -----------------------------------------------------------------------------------------------


def test_an_export_split_over_several_zips_is_the_same_as_a_folder(
    crm: Crm, export: Path, tmp_path: Path
) -> None:
    head, first, *rest = ACCOUNTS.splitlines(keepends=True)
    names = list(WHOLE)
    one = {"ACCOUNT.csv": head + first} | {name: WHOLE[name] for name in names[:5]}
    two = {"WE/ACCOUNT_1.csv": head + "".join(rest)} | {
        name: WHOLE[name] for name in names[5:] if "ACC" not in name
    }
    report = moved(crm, packed(tmp_path / "we_2.ZIP", two), packed(tmp_path / "we_1.zip", one))
    assert report["by"]["Account", "accounts"] == (2, 0, 0, 0)
    again = moved(crm, export)
    assert not any(row["created"] or row["updated"] for row in again["rows"])


@pytest.mark.parametrize(
    ("name", "headings"),
    [
        ("account_export_2026-01-31.csv", "ID NAME BILLINGCITY ORACLE_ID__C"),
        ("accountData.csv", "ACCOUNT.ID ACCOUNT.NAME ACCOUNT.BILLINGCITY ACCOUNT.ORACLE_ID__C"),
        ("Accounts (1).csv", "account.id account.name Account.BillingCity oracle_id__c"),
        ("ACCOUNT.CSV", "Account_ID Account_Name Billing_City Oracle_Id__c"),
    ],
)
def test_names_of_files_and_headings_come_in_many_forms(
    crm: Crm, tmp_path: Path, name: str, headings: str
) -> None:
    text = table(headings, (sf("001", 1), "Acme", "Bern", "4-1"))
    moved(crm, folder(tmp_path / "x", {name: text.replace("Account_", "Account ")}))
    account = records(crm, "account")[0]
    assert (account["name"], account["city"], account["oracle_id"]) == ("Acme", "Bern", "4-1")
    report = moved(crm, tmp_path / "x")
    assert report["by"]["Account", "accounts"] == (0, 0, 1, 0)


def test_a_cp1252_table_beside_a_utf8_one(crm: Crm, tmp_path: Path) -> None:
    accounts = table("Id Name", (sf("001", 1), "Crédit à la carte")).encode("cp1252")
    contacts = table("Id LastName AccountId", (sf("003", 1), "Müller 王", sf("001", 1)))
    moved(crm, folder(tmp_path / "x", {"Account.csv": accounts, "Contact.csv": contacts}))
    contact = records(crm, "contact")[0]
    assert (contact["name"], contact["account_name"]) == ("Müller 王", "Crédit à la carte")


def test_names_of_members_that_lead_elsewhere_do_no_harm(crm: Crm, tmp_path: Path) -> None:
    text = table("Id Name", (sf("001", 1), "Acme"))
    evil = packed(
        tmp_path / "evil.zip", {"../../../evil/Account.csv": text, "/etc/Contact.csv": "Id,LastName\n"}
    )
    report = moved(crm, evil)
    assert report["by"]["Account", "accounts"] == (1, 0, 0, 0)
    assert not (tmp_path.parent / "evil").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {
        "evil.zip",
        "home",
        "crm.db",
        "crm.db-wal",
        "crm.db-shm",
    }


def test_a_bomb_is_refused_while_it_grows(crm: Crm, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out, out.open("Account.csv", "w") as member:
        member.write(b"Id,Name\n")
        for _ in range(40):
            member.write(b"0" * (1 << 20))
    error = crm.fails(2, "migrate", "salesforce", bomb, "--json").error
    assert "grows without measure" in error["message"]


def test_a_header_that_lies_about_the_size_does_not_get_past_the_cap(crm: Crm, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("Account.csv", b"Id,Name\n" + b"0" * (40 << 20))
    raw = bomb.read_bytes()
    size = (8 + (40 << 20)).to_bytes(4, "little")
    assert raw.count(size) == 2
    bomb.write_bytes(raw.replace(size, (1000).to_bytes(4, "little")))
    error = crm.fails(2, "migrate", "salesforce", bomb, "--json").error
    assert "damaged" in error["message"]


@pytest.mark.parametrize("content", [b"PK\x03\x04 nothing more", b"", b"\x00" * 100])
def test_what_is_no_zip_is_refused_in_words(crm: Crm, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    crm.fails(2, "migrate", "salesforce", tmp_path / "x.zip")


def test_a_folder_without_an_export_is_refused(crm: Crm, tmp_path: Path) -> None:
    error = crm.fails(2, "migrate", "salesforce", folder(tmp_path / "x", {"notes.txt": "hi"}), "--json").error
    assert error["message"] == "Nothing here is an export of Salesforce."
    assert crm.fails(2, "migrate", "salesforce", tmp_path / "none", "--json").error["field"] == "export"


def test_files_that_are_none_of_its_objects_are_named(crm: Crm, tmp_path: Path) -> None:
    files = {
        "Account.csv": table("Id Name", (sf("001", 1), "Acme")),
        "Rocket__c.csv": "Id\n1\n2\n",
        "odd.csv": "a\n1\n",
    }
    report = moved(crm, folder(tmp_path / "x", files | {"logo.png": b"\x89PNG"}))
    notes = {row["object"]: (row["read"], row["note"]) for row in report["rows"]}
    assert notes["Rocket__c"] == (2, "not yet kept")
    assert notes["odd.csv"] == (None, "no object of Salesforce; not read")
    assert report["other_files"] == 1


# --- what has no counterpart -----------------------------------------------------------------------------

ODD = table(
    "Id Name StageName Amount Probability CloseDate IsClosed IsWon ForecastCategoryName OwnerId",
    (
        sf("006", 1),
        "One",
        "Verbal",
        "10",
        "85.0",
        "2026-09-30",
        "false",
        "false",
        "Commit",
        "005000000000009",
    ),
    (sf("006", 2), "Two", "Signed", "20", "100.0", "2026-05-30", "true", "true", "Closed", "005000000000009"),
    (sf("006", 3), "Three", "Prospecting", "30", "10.0", "2026-09-30", "false", "false", "Pipeline", ""),
)


def test_stages_without_a_counterpart_are_listed_and_nothing_is_written(crm: Crm, tmp_path: Path) -> None:
    export = folder(tmp_path / "x", {"Opportunity.csv": ODD})
    crm.ok("init")
    run = crm.fails(2, "migrate", "salesforce", export)
    assert "Opportunity.csv line 2" in run.err
    assert "--create-stages" in run.err
    assert run.out == ""
    assert records(crm, "opp") == []
    error = crm.fails(2, "migrate", "salesforce", export, "--json").error
    assert [row["line"] for row in error["details"]["rejects"]] == [2, 3]
    dry = crm.fails(2, "migrate", "salesforce", export, "--dry-run", "--json").json
    assert dry["no_counterpart"] == [
        {"field": "owner", "value": long_id("005000000000009"), "records": 2},
        {"field": "stage", "value": "Signed", "records": 1},
        {"field": "stage", "value": "Verbal", "records": 1},
    ]
    assert [(row["created"], row["rejected"]) for row in dry["rows"]] == [(1, 2)]
    assert dry["rejects"] == error["details"]["rejects"]


def test_a_value_says_what_a_stage_or_an_owner_of_theirs_is_here(crm: Crm, tmp_path: Path) -> None:
    crm.ok("user add 'Li Wei'")
    export = folder(tmp_path / "x", {"Opportunity.csv": ODD})
    says = ("--value", "stage:verbal=Negotiation/Review", "--value", "stage:Signed=Closed Won")
    crm.ok("migrate", "salesforce", export, *says, "--value", f"owner:{long_id('005000000000009')}=Li Wei")
    deals = {deal["name"]: deal for deal in records(crm, "opp")}
    assert (deals["One"]["stage"], deals["One"]["probability"]) == ("Negotiation/Review", 85)
    assert (deals["Two"]["stage"], deals["Two"]["owner"]) == ("Closed Won", "Li Wei")
    assert deals["Three"]["owner"] != "Li Wei"
    unknown = crm.fails(2, "migrate", "salesforce", export, "--value", "stange:a=b", "--json").error
    assert "stage" in unknown["hint"]


def test_stages_are_made_as_the_rows_or_the_table_of_stages_tell(crm: Crm, tmp_path: Path) -> None:
    stages = table(
        "Id MasterLabel DefaultProbability ForecastCategoryName IsClosed IsWon IsActive",
        ("01J1", "Verbal", "70.0", "Best Case", "false", "false", "false"),
    )
    export = folder(tmp_path / "x", {"Opportunity.csv": ODD, "OpportunityStage.csv": stages})
    report = moved(crm, export, "--create-stages", "--create-owners")
    assert report["made"] == {
        "stages": ["Verbal (70 %)", "Signed (100 %)"],
        "users": [long_id("005000000000009")],
    }
    made = {stage["name"]: stage for stage in records(crm, "stage")}
    assert (made["Verbal"]["probability"], made["Verbal"]["category"]) == (70, "Best Case")
    assert (made["Verbal"]["active"], made["Signed"]["is_won"]) == (False, True)
    deals = {deal["name"]: deal for deal in records(crm, "opp")}
    assert deals["One"]["probability"] == 85
    assert deals["Two"]["is_won"] is True
    crm.ok("undo")
    assert "Verbal" not in {stage["name"] for stage in records(crm, "stage")}
    assert records(crm, "opp") == []


def test_who_is_here_already_is_the_user_of_the_export(crm: Crm, tmp_path: Path) -> None:
    crm.ok("user add 'Annie' --email ann@x.example")
    crm.ok("user add 'Bob Old'")
    report = moved(crm, folder(tmp_path / "x", {"User.csv": USERS}))
    assert report["by"]["User", "users"][0] == 0
    users = records(crm, "user")
    assert sorted(user["external_id"] for user in users if user["external_id"]) == [
        long_id(ANN),
        long_id(BOB),
    ]
    crm.ok("undo")
    assert {user["name"] for user in records(crm, "user")} >= {"Annie", "Bob Old"}


def test_two_users_of_one_name_are_told_apart(crm: Crm, tmp_path: Path) -> None:
    text = table(
        "Id FirstName LastName Email", (ANN, "Jo", "Doe", "a@x.example"), (BOB, "Jo", "Doe", "b@x.example")
    )
    export = folder(tmp_path / "x", {"User.csv": text})
    moved(crm, export)
    assert {user["name"] for user in records(crm, "user")} >= {"Jo Doe", "Jo Doe (b@x.example)"}
    assert moved(crm, export)["by"]["User", "users"] == (0, 0, 2, 0)


# --- rejects ---------------------------------------------------------------------------------------------

BAD = {
    "Account.csv": table(
        "Id Name AnnualRevenue",
        (sf("001", 1), "Good", "5"),
        (sf("001", 2), "Bad", "much"),
        (sf("001", 3), "", ""),
    ),
    "Contact.csv": table(
        "Id LastName AccountId", (sf("003", 1), "Fine", sf("001", 1)), (sf("003", 2), "Lost", sf("001", 2))
    ),
}


def test_one_bad_row_and_nothing_is_written(crm: Crm, tmp_path: Path) -> None:
    crm.ok("init")
    run = crm.fails(2, "migrate", "salesforce", folder(tmp_path / "x", BAD))
    assert "Account.csv line 3: " in run.err
    assert "Account.csv line 4: name is missing" in run.err
    assert "Contact.csv line 3: " in run.err
    assert dump(crm)["account"] == dump(crm)["contact"] == []


def test_rejects_go_into_a_file_for_each_object_and_come_in_once_mended(crm: Crm, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    run = crm.fails(7, "migrate", "salesforce", folder(tmp_path / "x", BAD), "--rejects", bad, "--json")
    assert {row["object"]: (row["created"], row["rejected"]) for row in run.json["rows"]} == {
        "Account": (1, 2),
        "Contact": (1, 1),
    }
    assert {path.name for path in bad.iterdir()} == {"Account.csv", "Contact.csv"}
    with (bad / "Account.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Name"], row["line"]) for row in rows] == [("Bad", "3"), ("", "4")]
    mended = (bad / "Account.csv").read_text("utf-8").replace("much", "7").replace(',"",,', ",Now,,")
    mended = "\n".join(line.replace(",,,4,", ",Now,,4,") for line in mended.splitlines()) + "\n"
    (bad / "Account.csv").write_text(mended, "utf-8")
    crm.ok("migrate", "salesforce", bad)
    assert {account["name"] for account in records(crm, "account")} == {"Good", "Bad", "Now"}
    assert {contact["name"] for contact in records(crm, "contact")} == {"Fine", "Lost"}


def test_a_row_with_too_many_cells_loses_none_of_them_among_parts_of_other_columns(
    crm: Crm, tmp_path: Path
) -> None:
    parts = {
        "ACCOUNT_1.csv": "Id,Name\n001000000000001AAA,Acme\n",
        "ACCOUNT_2.csv": "Name,Id,City\nHuaxin, Ltd,001000000000002AAA,Wien\n",
    }
    bad = tmp_path / "bad"
    crm.fails(7, "migrate", "salesforce", folder(tmp_path / "x", parts), "--rejects", bad)
    assert (bad / "Account.csv").read_text().splitlines() == [
        "Id,Name,City,line,code,reason",
        " Ltd,Huaxin,001000000000002AAA,Wien,2,column_count,"
        "the row has 4 cells under 3 headings (ACCOUNT_2.csv)",
    ]


def test_rejects_never_take_the_place_of_another_file(crm: Crm, tmp_path: Path) -> None:
    export = folder(tmp_path / "x", BAD)
    assert "holds no rejects" in crm.fails(2, "migrate", "salesforce", export, "--rejects", export).err


def test_history_of_a_deal_that_is_not_there_is_rejected(crm: Crm, tmp_path: Path) -> None:
    export = folder(tmp_path / "x", {"User.csv": USERS, "Account.csv": ACCOUNTS, "Opportunity.csv": DEALS})
    stray = HISTORY.replace(sf("006", 2), sf("006", 9))
    folder(export, {"OpportunityHistory.csv": stray})
    run = crm.fails(2, "migrate", "salesforce", export)
    assert f"OpportunityHistory.csv line 5: there is no opportunity {long_id(sf('006', 9))}" in run.err


# --- details ---------------------------------------------------------------------------------------------


def test_columns_without_a_field_are_kept_where_asked(crm: Crm, export: Path) -> None:
    report = moved(crm, export, "--extra", "custom")
    assert report["left_out"] == {}
    accounts = {account["name"]: account for account in records(crm, "account")}
    assert accounts["Big Holding"]["fax"] == "+1 555"
    again = moved(crm, export, "--extra", "custom")
    assert again["by"]["Account", "accounts"] == (0, 0, 2, 0)


def test_a_custom_column_called_like_a_field_fills_a_field_of_its_own(crm: Crm, tmp_path: Path) -> None:
    text = table("Id Name Type Type__c Region__c", (sf("001", 1), "Acme", "Prospect", "Gold", "North"))
    export = folder(tmp_path / "x", {"Account.csv": text})
    moved(crm, export)
    account = records(crm, "account")[0]
    assert (account["type"], account["type_2"], account["region"]) == ("Prospect", "Gold", "North")
    assert account["state"] is None
    assert moved(crm, export)["by"]["Account", "accounts"] == (0, 0, 1, 0)


def test_a_task_that_was_done_meanwhile_is_completed_here(crm: Crm, export: Path) -> None:
    moved(crm, export)
    done = TASKS.replace('"Not Started","High","false"', '"Completed","High","true"')
    folder(export, {"Task.csv": done})
    report = moved(crm, export)
    assert report["by"]["Task", "tasks"] == (0, 1, 1, 0)
    assert report["by"]["Task", "activities"] == (0, 0, 1, 0)
    task = crm.ok("task show 'Send contract' --json").json
    assert (task["status"], task["completed_at"]) == ("Completed", "2026-06-01T00:00:00Z")


def test_a_lead_that_was_converted_meanwhile_is_converted_here(crm: Crm, export: Path) -> None:
    folder(
        export, {"Lead.csv": LEADS.replace('"Closed - Converted","true"', '"Working - Contacted","false"')}
    )
    moved(crm, export)
    before = records(crm, "lead")
    assert all(lead["converted_at"] is None for lead in before)
    folder(export, {"Lead.csv": LEADS})
    report = moved(crm, export)
    assert report["by"]["Lead", "conversions"] == (1, 0, 0, 0)
    assert crm.ok("lead show 'Eve Hall' --json").json["status"] == "Closed - Converted"
    crm.ok("undo")
    assert records(crm, "lead") == before


def test_ids_of_both_lengths_are_one(crm: Crm) -> None:
    assert long_id("001x0000002xLCV") == "001x0000002xLCVAA2"
    assert long_id("001x0000002xLCVAA2") == "001x0000002xLCVAA2"
    assert long_id("001x0000002xLCVaa2") == "001x0000002xLCVAA2"
    assert long_id("Acme") == "Acme"


def test_people_see_the_table_and_what_to_do(crm: Crm, tmp_path: Path) -> None:
    run = crm.fails(2, "migrate", "salesforce", folder(tmp_path / "x", {"Opportunity.csv": ODD}), "--dry-run")
    assert run.out.startswith("Would migrate from Salesforce")
    assert "Stages without a counterpart: " in run.out
    assert json.dumps("Verbal")[1:-1] in run.out


def test_rejects_of_a_long_export_in_parts_are_told_by_file_and_line(crm: Crm, tmp_path: Path) -> None:
    """Longer than what is read at once, and than what is judged at once."""

    def contacts(first: int, last: int) -> str:
        rows = [
            (f"003{n:012d}", f"Person {n}", f"p{n}@x.example", "a title " * 4) for n in range(first, last)
        ]
        return table("Id LastName Email Title", *rows)

    one, two = contacts(0, 11_000), contacts(11_000, 22_000).replace("p21990@x.example", "nowhere")
    zips = packed(tmp_path / "1.zip", {"Contact.csv": one}), packed(tmp_path / "2.zip", {"Contact.csv": two})
    run = crm.fails(7, "migrate", "salesforce", *zips, "--rejects", tmp_path / "bad", "--json")
    assert [(row["created"], row["rejected"]) for row in run.json["rows"]] == [(21_999, 1)]
    with (tmp_path / "bad" / "Contact.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Id"], row["line"]) for row in rows] == [("003000000021990", "10992")]
    assert rows[0]["reason"].endswith("(2.zip/Contact.csv)")
    assert len(crm.ok("undo --json").json) > 0
    assert records(crm, "contact") == []


def test_stages_that_only_history_knows_are_said_or_refused(crm: Crm, tmp_path: Path) -> None:
    changes = table(
        "Id OpportunityId Field OldValue NewValue CreatedDate",
        (
            "017000000000001",
            sf("006", 1),
            "StageName",
            "Ancient",
            "Negotiation/Review",
            "2026-02-01T09:00:00.000Z",
        ),
    )
    files = {"User.csv": USERS, "Account.csv": ACCOUNTS, "Opportunity.csv": DEALS}
    export = folder(tmp_path / "x", files | {"OpportunityFieldHistory.csv": changes})
    dry = crm.fails(2, "migrate", "salesforce", export, "--dry-run", "--json").json
    assert dry["no_counterpart"] == [{"field": "stage", "value": "Ancient", "records": 1}]
    crm.ok("migrate", "salesforce", export, "--value", "stage:Ancient=Qualification")
    rows = crm.ok("pipeline --as-of 2026-01-20 --json").json["rows"]
    assert {row["stage"] for row in rows if row["count"]} == {"Qualification"}
    assert crm.ok("doctor").code == 0


def test_a_newer_export_brings_its_changes_and_when_they_were_made(crm: Crm, export: Path) -> None:
    moved(crm, export)
    folder(export, {"ACCOUNT.csv": ACCOUNTS.replace("High", "Low").replace("2020-03-01", "2021-03-01")})
    assert moved(crm, export)["by"]["Account", "accounts"] == (0, 2, 0, 0)
    account = crm.ok("account show 'Small & Sons' --json").json
    assert (account["customer_priority"], account["updated_at"]) == ("Low", "2021-03-01T10:00:00Z")
    assert moved(crm, export)["by"]["Account", "accounts"] == (0, 0, 2, 0)
