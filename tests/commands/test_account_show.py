"""crm account show: everything about an account in one place."""

import json
import subprocess
import sys
from typing import Any

import pytest

from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from tests.conftest import Crm


@pytest.fixture(autouse=True)
def _a_day(crm: Crm) -> None:
    crm.today = "2026-02-10T09:00"
    crm.env["CRMCLI_USER"] = "li"


def shown(crm: Crm, ref: str = "A1", **options: Any) -> Any:
    return crm.ok("account", "show", ref, "--json", **options).json


def an_account(crm: Crm) -> None:
    crm.ok("account add Huaxin --city Beijing")
    crm.ok("contact add 'Wang Wei' --account A1 --title Director --email wei@huaxin.cn")


def test_an_account_without_anything_has_every_list(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    account = shown(crm)
    lists = ("summary", "contacts", "open_opportunities", "closed_opportunities", "tasks", "activities")
    assert {name: account[name] for name in lists} == {name: [] for name in lists}
    assert (account["ancestors"], account["subsidiaries"]) == ([], 0)
    assert (account["ref"], account["name"]) == ("A1", "Huaxin")


def test_contacts_are_there_with_their_roles(crm: Crm) -> None:
    an_account(crm)
    crm.ok("contact add Ann --account A1 --phone 0105555123")
    crm.ok("contact add Stranger")
    crm.ok("opp add Pilot --account A1")
    crm.ok("opp role O1 C1 'Decision Maker' --primary")
    ann, wei = shown(crm)["contacts"]
    assert ann == {
        "ref": "C2",
        "name": "Ann",
        "title": None,
        "email": None,
        "phone": "0105555123",
        "roles": [],
    }
    assert (wei["ref"], wei["title"], wei["roles"]) == ("C1", "Director", ["Decision Maker, primary (O1)"])


def test_open_deals_have_their_age_and_the_days_in_their_stage(crm: Crm) -> None:
    an_account(crm)
    crm.ok("opp add Later --account A1 --amount 5k --close-date 2026-05-01", today="2026-01-01T09:00")
    crm.ok("opp add Sooner --account A1 --close-date 2026-03-01 --set 'next_step=Call'")
    crm.ok("opp stage O1 nego --at 2026-02-01", today="2026-02-03T09:00")
    sooner, later = shown(crm)["open_opportunities"]
    assert later == {
        "ref": "O1",
        "name": "Later",
        "stage": "Negotiation/Review",
        "amount": "5000.00",
        "currency": "USD",
        "probability": 90,
        "close_date": "2026-05-01",
        "age_days": 40,
        "stage_days": 9,
        "next_step": None,
        "owner": "li",
    }
    assert (sooner["name"], sooner["age_days"], sooner["next_step"]) == ("Sooner", 0, "Call")


def test_days_are_counted_where_the_user_is(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("opp add Pilot --account A1", today="2026-02-09T20:00:00+00:00")
    there: dict[str, Any] = {"env": {"TZ": "Asia/Shanghai"}, "today": "2026-02-10T09:00:00+00:00"}
    assert shown(crm)["open_opportunities"][0]["age_days"] == 1
    assert shown(crm, **there)["open_opportunities"][0]["age_days"] == 0


def test_closed_deals_are_there_newest_first_and_say_how_they_ended(crm: Crm) -> None:
    an_account(crm)
    crm.ok("opp add Won --account A1 --amount 10k --stage 'Closed Won' --close-date 2026-01-05")
    crm.ok("opp add Lost --account A1 --stage 'Closed Lost' --close-date 2026-02-05 --lost-reason Pricing")
    lost, won = shown(crm)["closed_opportunities"]
    assert (lost["ref"], lost["closed_at"], lost["lost_reason"], lost["is_won"]) == (
        "O2",
        "2026-02-05",
        "Pricing",
        False,
    )
    assert (won["ref"], won["stage"], won["amount"], won["is_won"]) == ("O1", "Closed Won", "10000.00", True)


def test_the_summary_adds_no_two_currencies(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    for words in (
        "Won --amount 10k --stage 'Closed Won' --close-date 2026-01-05",
        "Won2 --amount 5k --stage 'Closed Won' --close-date 2026-01-06",
        "Lost --amount 7k --stage 'Closed Lost' --close-date 2026-01-06 --lost-reason Pricing",
        "Open --amount 1000 --stage nego",
        "Blank --stage nego",
        "Yen --amount 'JPY 5000' --stage prosp",
    ):
        crm.ok(f"opp add {words} --account A1")
    yen, dollars = shown(crm)["summary"]
    assert dollars == {
        "currency": "USD",
        "won": "15000.00",
        "won_deals": 2,
        "lost_deals": 1,
        "win_rate": 67,
        "open": "1000.00",
        "open_deals": 2,
        "weighted": "900.00",
        "without_amount": 1,
    }
    assert (yen["currency"], yen["open"], yen["weighted"], yen["win_rate"]) == ("JPY", "5000", "500", None)


def test_tasks_and_activities_of_the_account_its_people_and_its_deals_are_there(crm: Crm) -> None:
    an_account(crm)
    crm.ok("account add Other")
    crm.ok("opp add Pilot --account A1")
    for words in ("Visit --for A1", "Call --for C1", "Offer --for O1", "Dine --contact C1", "Not --for A2"):
        crm.ok(f"task add {words}")
        crm.ok(f"log call {words}")
    crm.ok("task add Done --for A1 --status Completed")
    crm.ok("task add First --for O1 --contact C1 --due-date 2026-02-11")
    account = shown(crm)
    assert [task["subject"] for task in account["tasks"]] == ["First", "Visit", "Call", "Offer", "Dine"]
    assert [each["subject"] for each in account["activities"]] == ["Dine", "Offer", "Call", "Visit"]
    assert (account["tasks"][0]["related_to"], account["tasks"][0]["related_to_name"]) == ("O1", "Pilot")


def test_what_was_deleted_is_not_there(crm: Crm) -> None:
    an_account(crm)
    crm.ok("opp add Pilot --account A1")
    crm.ok("task add Offer --for O1")
    crm.ok("opp rm O1 --yes")
    crm.ok("contact rm C1 --yes")
    account = shown(crm)
    assert (account["contacts"], account["open_opportunities"], account["summary"]) == ([], [], [])
    crm.ok("account rm A1 --yes")
    crm.fails(3, "account show A1")


def test_people_see_the_newest_activities_and_json_has_all(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    for number in range(21):
        crm.ok(f"log note n{number} --for A1")
    assert len(shown(crm)["activities"]) == 21
    text = crm.ok("account show A1").out
    assert "the newest 20 of 21" in text
    assert sum(" Note " in line for line in text.splitlines()) == 20


def test_the_accounts_above_and_below_are_told(crm: Crm) -> None:
    for words in (
        "Holding",
        "Group --parent A1",
        "Huaxin --parent A2",
        "Branch --parent A3",
        "Desk --parent A4",
    ):
        crm.ok(f"account add {words}")
    account = shown(crm, "A3")
    assert (account["parent"], account["ancestors"]) == ("A2", ["A1 Holding", "A2 Group"])
    assert account["subsidiaries"] == 2
    text = crm.ok("account show A3").out
    assert "A1 Holding, A2 Group" in text


def test_a_ring_of_parents_ends(crm: Crm) -> None:
    crm.ok("account add One")
    crm.ok("account add Two --parent A1")
    if crm("account edit A1 --parent A2").code == 0:
        assert (shown(crm)["ancestors"], shown(crm)["subsidiaries"]) == (["A2 Two"], 1)


def test_an_account_is_shown_by_name_domain_or_with_some_fields_only(crm: Crm) -> None:
    crm.ok("account add '华信有限公司' --website www.huaxin.cn")
    assert shown(crm, "华信")["ref"] == shown(crm, "huaxin.cn")["ref"] == "A1"
    assert crm.ok("account show A1 --fields name,city --json").json == {"name": "华信有限公司", "city": None}


@pytest.mark.sqlite
def test_showing_an_account_reads_without_sqlalchemy(crm: Crm, crm_process: Crm) -> None:
    an_account(crm)
    code = (
        "import json, os, sys; from crmcli import cli;"
        " cli.run(['account', 'show', 'A1', '--json'], stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr,"
        " environ=os.environ); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=crm_process.environ, capture_output=True, check=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert not {"sqlalchemy", "sqlmodel", "pydantic", "rich"} & set(loaded)


@pytest.mark.sqlite
@pytest.mark.parametrize("entity", ["task", "activity"])
def test_what_is_about_an_account_is_found_by_an_index(crm: Crm, entity: str) -> None:
    from crmcli.reports.account_view import ABOUT

    crm.ok("init")
    reader = open_reader(target_of(crm.environ["CRMCLI_DB"]))
    sql = f"EXPLAIN QUERY PLAN SELECT t.id FROM {entity} AS t WHERE {ABOUT.format(entity)}"
    steps = [str(row[3]) for row in reader.rows(sql, id=1)]
    reader.close()
    assert not [step for step in steps if step.startswith("SCAN") and step.endswith((" x", " t", " c", " o"))]
