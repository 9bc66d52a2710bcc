"""Moving in from HubSpot and Pipedrive: their CSV files, as their lists export them."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

COMPANIES = """\
Record ID,Company name,Company owner,Create Date,Phone Number,City,Country/Region,Industry,Annual Revenue,Segment
101,"Müller & Söhne",Ann Lee,2024-02-01 10:30,+49 30 1,Berlin,Germany,Manufacturing,1250000,Gold
102,Acme,,2024-02-02 08:00,,Boston,United States,,,
"""
CONTACTS = """\
Record ID,First Name,Last Name,Email,Job Title,Contact owner,Associated Company IDs,Associated Company
101,Eva,Huber,eva@mueller.example,Head,Ann Lee,101,Müller & Söhne
202,,,info@acme.example,,,,Acme
"""
DEALS = """\
Record ID,Deal Name,Deal Stage,Pipeline,Amount,Close Date,Deal owner,Create Date,Deal probability,Forecast category,\
Associated Company IDs,Associated Contact IDs
101,Line 1,Contract Sent (Sales Pipeline),Sales Pipeline,12000.0,2026-08-31 12:00,Ann Lee,2026-01-10 09:00,0.9,Commit,\
101,101;202
302,Line 2,Closed Won (Sales Pipeline),Sales Pipeline,800,2026-03-31 12:00,Ann Lee,2026-01-11 09:00,1.0,Closed won,102,
"""

ORGANIZATIONS = """\
Organization - ID,Organization - Name,Organization - Owner,Organization - Address,Organization - Organization created
1,Acme,Ann Lee,"Main St 1, Boston",2024-02-01 10:30:00
"""
PEOPLE = """\
Person - ID,Person - Name,Person - Organization,Person - Email - Work,Person - Phone - Mobile,Person - Owner
1,Eva Huber,Acme,eva@acme.example,+1 555 01,Ann Lee
"""
PIPE_DEALS = """\
Deal - ID,Deal - Title,Deal - Value,Deal - Currency,Deal - Status,Deal - Stage,Deal - Owner,Deal - Organization,\
Person - ID,Deal - Expected close date,Deal - Won time,Deal - Lost time,Deal - Lost reason,Deal - Deal created
1,Open one,500,USD,Open,Negotiations,Ann Lee,Acme,1,2026-09-30,,,,2026-01-05 08:00:00
2,Won one,600,USD,Won,Negotiations,Ann Lee,Acme,,2026-09-30,2026-04-02 15:00:00,,,2026-01-05 08:00:00
3,Lost one,700,EUR,Lost,Qualified,Ann Lee,Acme,,,,2026-05-03 15:00:00,Too expensive,2026-01-05 08:00:00
4,Gone one,700,EUR,Deleted,Qualified,Ann Lee,Acme,,,,,,2026-01-05 08:00:00
"""
ACTIVITIES = """\
Activity - ID,Activity - Subject,Activity - Type,Activity - Due date,Activity - Done,Activity - Deal,\
Activity - Contact person,Activity - Assigned to user,Activity - Marked as done time
1,Ring Eva,call,2026-05-01,Done,Open one,Eva Huber,Ann Lee,2026-05-01 09:00:00
2,Send offer,task,2026-07-01,To do,Open one,Eva Huber,Ann Lee,
"""


@pytest.fixture
def crm(crm: Crm) -> Crm:
    crm.today = "2026-06-15"
    crm.ok("user add 'Ann Lee'")
    return crm


def export(path: Path, files: dict[str, str]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


def by_name(crm: Crm, noun: str, key: str = "name") -> dict[str, dict[str, Any]]:
    return {record[key]: record for record in crm.ok(noun, "list", "--json").json}


def test_hubspot_comes_in_and_again_without_a_change(crm: Crm, tmp_path: Path) -> None:
    files = {
        "hubspot-crm-exports-all-deals-2026-06-01.csv": DEALS,
        "all-contacts.csv": CONTACTS,
        "my export.csv": COMPANIES,  # known by its headings
    }
    folder = export(tmp_path / "x", files)
    run = crm.fails(2, "migrate", "hubspot", folder)
    assert "Contract Sent" in run.err
    report = crm.ok("migrate", "hubspot", folder, "--create-stages", "--json").json
    assert report["made"]["stages"] == ["Contract Sent (90 %)"]
    assert report["left_out"] == {"Company": ["Segment"]}
    accounts, people, deals = (by_name(crm, noun) for noun in ("account", "contact", "opp"))
    assert accounts["Müller & Söhne"]["external_id"] == "hubspot:company:101"
    assert (accounts["Müller & Söhne"]["owner"], accounts["Müller & Söhne"]["country"]) == (
        "Ann Lee",
        "Germany",
    )
    assert accounts["Müller & Söhne"]["annual_revenue"] == "1250000.00"
    assert people["Eva Huber"]["account_name"] == "Müller & Söhne"
    assert people["info@acme.example"]["account_name"] == "Acme"
    assert (deals["Line 1"]["stage"], deals["Line 1"]["category"]) == ("Contract Sent", "Commit")
    assert (deals["Line 1"]["amount"], deals["Line 1"]["close_date"]) == ("12000.00", "2026-08-31")
    assert (deals["Line 2"]["is_won"], deals["Line 2"]["closed_at"]) == (True, "2026-03-31")
    shown = crm.ok("opp", "show", deals["Line 1"]["ref"], "--json").json
    assert {person["name"] for person in shown["contacts"]} == {"Eva Huber", "info@acme.example"}
    again = crm.ok("migrate", "hubspot", folder, "--json").json
    assert not any(row["created"] or row["updated"] or row["rejected"] for row in again["rows"])


def test_pipedrive_comes_in_and_again_without_a_change(crm: Crm, tmp_path: Path) -> None:
    files = {
        "organizations-123.csv": ORGANIZATIONS,
        "people-123.csv": PEOPLE,
        "deals-123.csv": PIPE_DEALS,
        "activities-123.csv": ACTIVITIES,
    }
    folder = export(tmp_path / "x", files)
    says = ("--value", "stage:Negotiations=Negotiation/Review")
    report = crm.ok("migrate", "pipedrive", *sorted(folder.iterdir()), *says, "--json").json
    deal_line = next(row for row in report["rows"] if row["object"] == "Deal")
    assert (deal_line["read"], deal_line["created"], deal_line["deleted"]) == (3, 3, 1)
    deals = by_name(crm, "opp")
    assert (deals["Open one"]["stage"], deals["Open one"]["close_date"]) == (
        "Negotiation/Review",
        "2026-09-30",
    )
    assert (deals["Won one"]["stage"], deals["Won one"]["closed_at"]) == ("Closed Won", "2026-04-02")
    lost = deals["Lost one"]
    assert (lost["stage"], lost["lost_reason"], lost["amount"], lost["currency"]) == (
        "Closed Lost", "Too expensive", "700.00", "EUR",
    )  # fmt: skip
    assert lost["created_at"] == "2026-01-05T08:00:00Z"
    assert by_name(crm, "contact")["Eva Huber"]["account_name"] == "Acme"
    task, call = by_name(crm, "task", "subject")["Send offer"], by_name(crm, "log", "subject")["Ring Eva"]
    assert (task["due_date"], task["related_to"]) == ("2026-07-01", deals["Open one"]["ref"])
    assert (call["type"], call["happened_at"]) == ("Call", "2026-05-01T09:00:00Z")
    again = crm.ok("migrate", "pipedrive", folder, *says, "--json").json
    assert not any(row["created"] or row["updated"] or row["rejected"] for row in again["rows"])
    crm.ok("undo")
    assert by_name(crm, "opp") == by_name(crm, "account") == {}


def test_an_id_of_another_system_is_never_one_of_ours(crm: Crm, tmp_path: Path) -> None:
    """Organization 1 of Pipedrive is not there, and account 1 of ours is another."""
    crm.ok("account add 'Somebody else'")
    people = PEOPLE.replace("Person - Organization", "Organization - ID").replace(",Acme,", ",1,")
    run = crm.fails(2, "migrate", "pipedrive", export(tmp_path / "x", {"people.csv": people}))
    assert "there is no account pipedrive:organization:1" in run.err


def test_a_file_without_ids_is_no_export(crm: Crm, tmp_path: Path) -> None:
    folder = export(tmp_path / "x", {"deals.csv": "Deal Name,Deal Stage\nOne,Closed Won\n"})
    error = crm.fails(2, "migrate", "hubspot", folder, "--json").error
    assert error["message"] == "deals.csv has no Record ID, by which its rows are known."


@pytest.mark.parametrize("words", [("--extra", "note"), ("--date-order", "xyz")])
def test_options_that_are_not_understood_are_refused(
    crm: Crm, tmp_path: Path, words: tuple[str, str]
) -> None:
    crm.fails(2, "migrate", "hubspot", export(tmp_path / "x", {"companies.csv": COMPANIES}), *words)


def test_dates_in_another_order_are_read_as_the_column_shows(crm: Crm, tmp_path: Path) -> None:
    text = COMPANIES.replace("2024-02-01 10:30", "25/02/2024").replace("2024-02-02 08:00", "01/03/2024")
    crm.ok("migrate", "hubspot", export(tmp_path / "x", {"companies.csv": text}))
    assert by_name(crm, "account")["Acme"]["created_at"].startswith("2024-03-01")
    unclear = text.replace("25/02/2024", "02/02/2024").replace("101,", "111,").replace("102,", "112,")
    folder = export(tmp_path / "y", {"companies.csv": unclear})
    assert "two orders" in crm.fails(2, "migrate", "hubspot", folder).err
    crm.ok("migrate", "hubspot", folder, "--date-order", "mdy")
