"""crm campaign: campaigns, and the leads and deals that came from them."""

from pathlib import Path
from typing import Any

import pytest

from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from tests.conftest import Crm


@pytest.fixture(autouse=True)
def day(crm: Crm) -> None:
    crm.today = "2026-08-15"


def one(crm: Crm, noun: str, ref: str) -> dict[str, Any]:
    found: dict[str, Any] = crm.ok(noun, "show", ref, "--json").json
    return found


# --- the record -------------------------------------------------------------------------------------------


def test_a_campaign_is_added_shown_edited_and_taken_back(crm: Crm) -> None:
    added = crm.ok(
        "campaign add 'Hannover Fair' --type 'Trade Show' --start-date 2026-04-20 --end-date 2026-04-24"
        " --budgeted-cost 'EUR 12k'"
    )
    assert added.lines == ["M1"]
    assert "from Mon 2026-04-20 · EUR 12,000.00 budgeted" in added.err
    shown = one(crm, "campaign", "hannover fair")
    assert (shown["status"], shown["currency"], shown["actual_cost"]) == ("Planned", "EUR", None)
    crm.ok("campaign edit M1 --status completed --actual-cost 11400")
    shown = one(crm, "campaign", "M1")
    assert (shown["status"], shown["budgeted_cost"], shown["actual_cost"]) == (
        *("Completed", "12000.00", "11400.00"),
    )
    assert crm.ok("campaign list status=completed actual_cost>€10k --format ids").lines == ["M1"]
    assert crm.ok("search hannover --format ids").lines == ["M1"]
    crm.ok("campaign rm M1 --yes")
    crm.fails(3, "campaign show M1")
    crm.ok("undo")
    assert one(crm, "campaign", "M1") == {**shown, "updated_at": one(crm, "campaign", "M1")["updated_at"]}


def test_what_cannot_be_is_refused(crm: Crm) -> None:
    assert "status" in crm.fails(2, "campaign add Fair --status Running").err
    assert (
        "before start_date"
        in crm.fails(2, "campaign add Fair --start-date 2026-04-20 --end-date 2026-04-19").err
    )
    crm.fails(2, "campaign add Fair --actual-cost -1")
    crm.ok("campaign add Fair --start-date 2026-04-20")
    assert "before start_date" in crm.fails(2, "campaign edit M1 --end-date 2026-04-19").err
    crm.ok("campaign edit M1 --end-date 2026-04-20")


def test_both_costs_are_in_one_currency(crm: Crm) -> None:
    refused = crm.fails(2, "campaign add Fair --budgeted-cost 'EUR 100' --actual-cost 50")
    assert "actual_cost is in USD, another amount in EUR" in refused.err
    crm.ok("campaign add Fair --budgeted-cost 100 --currency EUR --actual-cost 50")
    assert one(crm, "campaign", "Fair")["currency"] == "EUR"
    assert "budgeted_cost is EUR 100.00" in crm.fails(2, "campaign edit M1 --actual-cost 'USD 60'").err
    crm.ok("campaign edit M1 --actual-cost 'USD 60' --budgeted-cost 'USD 110'")
    shown = one(crm, "campaign", "M1")
    assert (shown["currency"], shown["budgeted_cost"], shown["actual_cost"]) == ("USD", "110.00", "60.00")


def test_a_campaign_shows_the_leads_and_deals_that_came_from_it(crm: Crm) -> None:
    crm.ok("campaign add Fair")
    crm.ok("campaign add Other")
    crm.ok("lead add Ann --campaign Fair")
    crm.ok("lead add Ben --campaign Fair")
    crm.ok("lead add Cid --campaign Other")
    crm.ok("opp add Deal --campaign Fair --amount 5")
    crm.ok("lead convert L1 --no-opp")
    shown = one(crm, "campaign", "Fair")
    assert [lead["name"] for lead in shown["leads"]] == ["Ben", "Ann"]
    assert [deal["ref"] for deal in shown["opportunities"]] == ["O1"]
    assert crm.ok("lead list campaign:fair --all --format ids").lines == ["L1", "L2"]
    assert "1 opportunity" in crm.ok("campaign rm Fair --yes").err
    deal = one(crm, "opp", "O1")
    assert (deal["campaign"], deal["campaign_name"]) == (None, None)


def test_what_a_deal_came_from_is_part_of_its_history(crm: Crm, db_url: str) -> None:
    crm.ok("campaign add Fair")
    crm.ok("opp add Deal --amount 5", today="2026-08-01")
    crm.ok("opp edit O1 --campaign Fair", today="2026-08-10")
    crm.ok("undo")
    crm.ok("redo")
    reader = open_reader(target_of(db_url))
    known = list(
        reader.rows(
            "SELECT substr(valid_from, 1, 10), campaign_id FROM opportunity_version"
            " WHERE recorded_to IS NULL ORDER BY valid_from"
        )
    )
    reader.close()
    assert [campaign for _, campaign in known] == [None, 1]
    assert {check["state"] for check in crm.ok("doctor --json").json["checks"]} <= {"ok", "warn"}


# --- conversion -------------------------------------------------------------------------------------------


@pytest.fixture
def fair(crm: Crm) -> Crm:
    crm.ok("campaign add Fair")
    crm.ok("campaign add Other")
    crm.ok("lead add Ann --company Acme --campaign Fair")
    return crm


def test_a_new_deal_comes_from_the_campaign_of_its_lead(fair: Crm) -> None:
    fair.ok("lead convert L1 --amount 5k")
    assert one(fair, "opp", "O1")["campaign_name"] == "Fair"
    assert one(fair, "lead", "L1")["campaign_name"] == "Fair"


def test_a_deal_that_is_there_gets_it_only_where_it_has_none(fair: Crm) -> None:
    fair.ok("account add Acme")
    fair.ok("opp add Empty --account A1")
    fair.ok("opp add Taken --account A1 --campaign Other")
    fair.ok("lead add Ben --company Acme --campaign Fair")
    filled = fair.ok("lead convert L1 --opp O1 --json")
    assert filled.json["opportunity"]["filled"] == ["campaign"]
    assert "filled campaign" in filled.err
    kept = fair.ok("lead convert L2 --opp O2 --json")
    assert (kept.json["opportunity"]["filled"], kept.json["opportunity"]["kept"]) == ([], ["campaign"])
    assert "kept campaign\n" in kept.err
    assert one(fair, "opp", "O1")["campaign_name"] == "Fair"
    assert one(fair, "opp", "O2")["campaign_name"] == "Other"
    fair.ok("undo")
    fair.ok("undo")
    assert one(fair, "opp", "O1")["campaign"] is None
    assert one(fair, "lead", "L1")["status"] == "Open - Not Contacted"


def test_a_campaign_that_is_gone_is_not_carried_over(fair: Crm) -> None:
    fair.ok("campaign rm Fair --yes")
    fair.ok("lead convert L1")
    fair.ok("undo 4")
    assert one(fair, "campaign", "Fair")["opportunities"] == []
    assert [lead["ref"] for lead in one(fair, "campaign", "Fair")["leads"]] == ["L1"]


def test_merged_leads_keep_the_first_campaign_that_is_known(fair: Crm) -> None:
    fair.ok("lead add 'Ann B' --company Acme")
    fair.ok("lead add 'Ann C' --company Acme --campaign Other")
    fair.ok("lead merge L2 L1 L3 --yes")
    assert one(fair, "lead", "L2")["campaign_name"] == "Fair"
    fair.ok("undo")
    assert [one(fair, "lead", ref)["campaign_name"] for ref in ("L1", "L2", "L3")] == ["Fair", None, "Other"]


# --- files ------------------------------------------------------------------------------------------------


def test_campaigns_are_imported_matched_and_left_alone_the_second_time(crm: Crm, tmp_path: Path) -> None:
    path = tmp_path / "campaigns.csv"
    path.write_text(
        "Campaign Name,Start,Budget,Actual cost,currency\nFair,2026-04-20,12000,11400.50,EUR\nMail,,500,,\n"
    )
    assert crm.ok("campaign", "import", path, "--json").json["created"] == 2
    fair = one(crm, "campaign", "Fair")
    assert (fair["budgeted_cost"], fair["actual_cost"], fair["currency"]) == ("12000.00", "11400.50", "EUR")
    assert one(crm, "campaign", "Mail")["currency"] == "USD"
    again = crm.ok("campaign", "import", path, "--match", "name", "--json").json
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    path.write_text("name,budgeted_cost,actual_cost\nFair,12000,11500\n")  # in the currency of the record
    assert crm.ok("campaign", "import", path, "--match", "name", "--json").json["updated"] == 1
    fair = one(crm, "campaign", "Fair")
    assert (fair["budgeted_cost"], fair["actual_cost"], fair["currency"]) == ("12000.00", "11500.00", "EUR")
    crm.ok("undo")
    assert one(crm, "campaign", "Fair")["actual_cost"] == "11400.50"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("Fair,EUR 100,50,,", "actual_cost is in USD, another amount of the row in EUR"),
        ("Fair,100,50 EUR,,", "actual_cost is in EUR, another amount of the row in USD"),
        ("Fair,,,2026-04-20,2026-04-19", "before start_date"),
    ],
)
def test_a_row_that_contradicts_itself_is_rejected(crm: Crm, row: str, why: str) -> None:
    head = "name,budgeted_cost,actual_cost,start_date,end_date\n"
    assert why in crm.fails(2, "campaign", "import", "-", stdin=f"{head}{row}\n").err


def test_an_import_that_would_end_a_campaign_before_it_began_is_rejected(crm: Crm) -> None:
    crm.ok("campaign add Fair --start-date 2026-04-20")
    refused = crm.fails(2, "campaign import - --match name", stdin="name,end_date\nFair,2026-04-19\n")
    assert "before start_date" in refused.err
    crm.ok("campaign import - --match name", stdin="name,end_date\nFair,2026-04-21\n")


LEADS = "name,email,campaign\nAnn,ann@x.example,Fair\nBen,ben@x.example,fair\nCid,cid@x.example,Mailing\n"


def test_leads_name_their_campaign_which_is_made_once_where_it_is_missing(crm: Crm) -> None:
    refused = crm.fails(2, "lead import -", stdin=LEADS)
    assert "there is no campaign Fair" in refused.err
    assert "--create-parents makes the accounts, campaigns and users" in refused.err
    crm.ok("campaign add Fair")
    said = crm.ok("lead import - --create-parents --match email", stdin=LEADS).err
    assert "1 campaign" in said
    assert [lead["campaign_name"] for lead in crm.ok("lead list --json --fields campaign").json] == [
        *("Fair", "Fair", "Mailing"),
    ]
    made = one(crm, "campaign", "Mailing")
    assert (made["ref"], made["status"]) == ("M2", "Planned")
    assert made["owner"] == one(crm, "lead", "L1")["owner"]
    again = crm.ok("lead import - --create-parents --match email --json", stdin=LEADS).json
    assert again["unchanged"] == 3
    crm.ok("undo")
    crm.fails(3, "campaign show Mailing")


def test_a_plan_makes_the_campaigns_it_names(crm: Crm, tmp_path: Path) -> None:
    source, plan = tmp_path / "leads.csv", tmp_path / "plan.jsonl"
    source.write_text(LEADS)
    crm.ok("init")
    crm.ok("lead", "import", source, "--create-parents", "--plan", plan)
    crm.fails(3, "campaign show Fair")
    crm.ok("import", "apply", plan)
    assert [lead["name"] for lead in one(crm, "campaign", "Fair")["leads"]] == ["Ann", "Ben"]


def test_a_plan_is_refused_where_its_campaign_was_made_since(crm: Crm, tmp_path: Path) -> None:
    source, plan = tmp_path / "leads.csv", tmp_path / "plan.jsonl"
    source.write_text(LEADS)
    crm.ok("lead", "import", source, "--create-parents", "--plan", plan)
    crm.ok("campaign add Mailing")
    assert "would make the campaign Mailing" in crm.fails(4, "import", "apply", plan).err
