"""A sample of another system's export, brought in with one command, figure by figure."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Crm

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SAMPLE = DATA / "salesforce_dataloader"
WAREHOUSE = DATA / "fivetran_hubspot"


@pytest.mark.skipif(
    not SAMPLE.is_dir(), reason="the sample in ../shared/data/salesforce_dataloader is not there"
)
@pytest.mark.parametrize("folder", ["main/resources/samples/data", "."])
def test_every_figure_of_the_sample_is_that_of_its_files(crm: Crm, folder: str) -> None:
    """The second folder holds a hundred other files besides, which are no exports, and some no tables."""
    report = crm.ok("migrate", "salesforce", SAMPLE / folder, "--json").json
    counts = {row["object"]: (row["read"], row["created"], row["rejected"]) for row in report["rows"][:2]}
    assert counts == {"Account": (423, 423, 0), "Opportunity": (38, 38, 0)}
    accounts = crm.ok("account list --json").json
    assert len(accounts) == 423
    assert Counter(account["country"] for account in accounts)["US"] == 358
    assert {"Crédito Inmobiliario Terras", "Pébéo of America"} <= {account["name"] for account in accounts}
    deals = crm.ok("opp list --json").json
    assert len(deals) == 38
    assert {deal["account"] for deal in deals} <= {account["ref"] for account in accounts}
    assert len({deal["account"] for deal in deals}) == 7
    amounts = [(Decimal(deal["amount"] or 0), deal["probability"]) for deal in deals]
    assert sum(amount for amount, _ in amounts) == 6_270_000
    assert sum(amount * chance / 100 for amount, chance in amounts) == 4_858_000
    assert sum(Decimal(deal["amount"]) for deal in deals if deal["is_won"]) == 2_200_000
    assert Counter(deal["stage"] for deal in deals) == {
        "Prospecting": 9,
        "Closed Won": 8,
        "Value Proposition": 8,
        "Negotiation/Review": 4,
        "Id. Decision Makers": 4,
        "Proposal/Price Quote": 4,
        "Needs Analysis": 1,
    }
    assert {deal["close_date"] for deal in deals} >= {"2005-11-09", "2006-06-06"}
    again = crm.ok("migrate", "salesforce", SAMPLE / folder, "--json").json
    assert not any(row["created"] or row["updated"] for row in again["rows"])
    assert crm.ok("doctor").code == 0
    crm.ok("undo")
    assert crm.ok("account list --json").json == crm.ok("opp list --json").json == []


@pytest.mark.skipif(
    not WAREHOUSE.is_dir(), reason="the tables in ../shared/data/fivetran_hubspot are not there"
)
def test_what_a_warehouse_keeps_of_hubspot_comes_in_as_far_as_it_is_an_export(
    crm: Crm, tmp_path: Path
) -> None:
    """Its addresses are hashes, so that no contact and no owner of it can come in."""
    run = crm.fails(7, "migrate", "hubspot", WAREHOUSE, "--rejects", tmp_path / "bad", "--json")
    counts = {row["object"]: (row["created"], row["rejected"]) for row in run.json["rows"] if row["becomes"]}
    assert counts == {"User": (2, 100), "Company": (24, 0), "Contact": (0, 22), "Deal": (44, 0)}
    assert len(crm.ok("account list --json").json) == 24
