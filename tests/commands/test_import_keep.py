"""--keep: what another system knew of its own history stays as it was."""

from pathlib import Path

import pytest

from tests.conftest import Crm


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_moments_and_owner_of_another_system_are_kept(crm: Crm, tmp_path: Path) -> None:
    crm.ok("user add 'Li Na'")
    crm.ok("account add Acme")
    file = write(
        tmp_path / "deals.csv",
        "external_id,name,account,amount,stage,close_date,closed_at,created_at,updated_at,owner",
        "d1,Won there,Acme,100,Closed Won,2025-03-31,2025-03-14,2024-12-01,2025-04-02T10:00:00Z,Li Na",
        "d2,Open there,Acme,200,Prospecting,2026-12-31,,2025-01-05,2025-02-01,Li Na",
    )
    keeps = ("--keep", "created_at,updated_at,owner,closed_at")
    crm.ok("opp", "import", file, "--match", "external_id", *keeps)
    won, still_open = crm.ok("opp list --sort id --json").json
    assert (won["closed_at"], won["close_date"], won["owner"]) == ("2025-03-14", "2025-03-14", "Li Na")
    assert won["updated_at"].startswith("2025-04-02T10:00")
    assert (still_open["closed_at"], still_open["created_at"][:10]) == (None, "2025-01-05")
    again = crm.ok("opp", "import", file, "--match", "external_id", *keeps, "--json").json
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    as_it_was = crm.ok("forecast --period 2025-03 --as-of 2025-03-20 --json").json
    assert as_it_was["total"]["closed"] == "100.00"


def test_without_keep_the_program_sets_what_is_its_own(crm: Crm, tmp_path: Path) -> None:
    file = write(tmp_path / "accounts.csv", "name,updated_at", "Acme,2020-01-01")
    done = crm.ok("account", "import", file)
    assert "'updated_at' is ignored" in done.err
    assert not crm.ok("account show A1 --json").json["updated_at"].startswith("2020")


def test_a_converted_lead_is_kept_with_what_it_became(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Acme")
    crm.ok("contact add 'Ann Lee' --account A1")
    file = write(
        tmp_path / "leads.csv",
        "name,status,converted_at,converted_account,converted_contact",
        "Ann Lee,Closed - Converted,2025-05-05,Acme,Ann Lee",
    )
    keeps = "converted_at,converted_account,converted_contact"
    crm.ok("lead", "import", file, "--keep", keeps)
    lead = crm.ok("lead show L1 --json").json
    assert (lead["status"], lead["converted_account"], lead["converted_contact"]) == (
        "Closed - Converted",
        "A1",
        "C1",
    )
    crm.fails(5, "lead edit L1 --status 'Working - Contacted'")


@pytest.mark.parametrize(
    ("given", "said"),
    [("closed_on", "closed_at"), ("id", "--keep id")],
)
def test_what_cannot_be_kept_is_refused(crm: Crm, tmp_path: Path, given: str, said: str) -> None:
    file = write(tmp_path / "accounts.csv", "name", "Acme")
    done = crm.fails(2, "account", "import", file, "--keep", given)
    assert said in done.err


def test_an_open_deal_was_not_closed(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Acme")
    file = write(tmp_path / "deals.csv", "name,account,stage,closed_at", "Odd,Acme,Prospecting,2025-03-14")
    done = crm.fails(2, "opp", "import", file, "--keep", "closed_at")
    assert "line 2: closed_at is said of a deal in Prospecting, which is open" in done.err
