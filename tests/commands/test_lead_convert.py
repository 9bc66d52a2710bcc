"""crm lead convert and assign, from the outside: nothing a lead had is lost, and undo brings it all back."""

from typing import Any

import pytest
from sqlalchemy import insert

from crmcli.fields import FieldSpec
from crmcli.model import ENTITIES
from crmcli.store.engine import engine_of, target_of
from crmcli.store.reader import open_reader
from crmcli.store.schema import field_row
from crmcli.store.tables import FIELD
from crmcli.store.versions import COLUMNS
from tests.conftest import Crm

TODAY = "2026-02-10T09:00"


@pytest.fixture(autouse=True)
def _a_day(crm: Crm) -> None:
    crm.today = TODAY
    crm.env["CRMCLI_USER"] = "li"


def records(crm: Crm, *, deleted: bool = False) -> dict[str, list[tuple[Any, ...]]]:
    """Every live record of every kind, and what is known of every deal, as they are stored."""
    reader = open_reader(target_of(crm.environ["CRMCLI_DB"]))
    live = "1 = 1" if deleted else "deleted_at IS NULL"
    found = {
        entity: list(reader.rows(f'SELECT * FROM "{entity}" WHERE {live} ORDER BY id')) for entity in ENTITIES
    }
    versions = reader.rows(
        f"SELECT {COLUMNS} FROM opportunity_version WHERE recorded_to IS NULL ORDER BY 1, 2"
    )
    found["versions"] = list(versions)
    reader.close()
    return found


def whole(crm: Crm) -> dict[str, list[tuple[Any, ...]]]:
    """The same, with what was deleted, the journal and the next ids."""
    found = records(crm, deleted=True)
    reader = open_reader(target_of(crm.environ["CRMCLI_DB"]))
    for table, order in (
        ("entry", "id"),
        ("change", "id"),
        ("sequence", "entity"),
        ("opportunity_version", "id"),
    ):
        found[table] = list(reader.rows(f"SELECT * FROM {table} ORDER BY {order}"))
    reader.close()
    return found


def custom_field(crm: Crm, entity: str, name: str) -> None:
    """A custom field, which every kind of record may have."""
    spec = FieldSpec(entity, name, name, "text", name.capitalize(), "", 90, custom=True)
    engine = engine_of(target_of(crm.environ["CRMCLI_DB"]))
    with engine.begin() as connection:
        connection.execute(insert(FIELD).values(field_row(spec)))
    engine.dispose()


def a_lead(crm: Crm, *words: str) -> str:
    usual = ("lead", "add", "Wang Wei", "--company", "Huaxin", "--email", "wei@huaxin.cn")
    return crm.ok(*usual, *words).out.strip()


def convert(crm: Crm, *words: str, **options: Any) -> Any:
    return crm.ok("lead", "convert", *words, "--json", **options).json


def shown(crm: Crm, noun: str, ref: str) -> Any:
    return crm.ok(noun, "show", ref, "--json").json


# --- 1: one transaction, one entry --------------------------------------------------------------------


def test_a_conversion_is_one_entry_and_says_what_the_lead_became(crm: Crm) -> None:
    a_lead(crm)
    said = convert(crm, "L1", "--task", "Send proposal:+3d")
    new = {"created": True, "filled": [], "kept": []}
    assert said == {
        "lead": "L1",
        "account": {"ref": "A1", "name": "Huaxin", **new},
        "contact": {"ref": "C1", "name": "Wang Wei", **new},
        "opportunity": {"ref": "O1", "name": "Huaxin", **new},
        "tasks": ["T1"],
        "entry": 2,
    }
    history = crm.ok("history --json").json
    assert [entry["entry"] for entry in history][:2] == [2, 1]


def test_in_a_pipe_the_three_references_are_printed(crm: Crm) -> None:
    a_lead(crm)
    assert crm.ok("lead convert L1").lines == ["A1", "C1", "O1"]


def test_where_a_part_fails_nothing_is_written(crm: Crm) -> None:
    a_lead(crm)
    before = whole(crm)
    crm.fails(2, "lead", "convert", "L1", "--task", "Send proposal", "--task", "x" * 300)
    assert whole(crm) == before


# --- 2: once ------------------------------------------------------------------------------------------


def test_a_lead_is_converted_once_and_the_second_time_names_what_it_became(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("lead convert L1")
    before = whole(crm)
    run = crm.fails(4, "lead convert L1 --json")
    assert run.out == ""
    assert run.error["code"] == "conflict"
    assert "A1, C1 and O1" in run.error["message"]
    assert whole(crm) == before


def test_a_deleted_lead_and_one_that_never_was_are_not_found(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("lead rm L1 --yes")
    crm.fails(3, "lead convert L1")
    crm.fails(3, "lead convert L7")


# --- 3: the account -----------------------------------------------------------------------------------


def test_an_account_that_is_given_is_linked(crm: Crm) -> None:
    crm.ok("account add Other")
    a_lead(crm)
    assert convert(crm, "L1", "--account", "Other")["account"]["ref"] == "A1"


@pytest.mark.parametrize(
    ("account", "company"),
    [
        ("HUAXIN Co., Ltd.", "Huaxin"),
        ("华信", "华信有限公司"),
        ("华信有限公司", "华信"),
        ("株式会社ホアシン", "ホアシン"),
        ("Müller GmbH", "müller"),
    ],
)
def test_the_one_account_of_the_same_name_is_linked_and_said_so(crm: Crm, account: str, company: str) -> None:
    crm.ok("account", "add", account)
    crm.ok("lead", "add", "王伟", "--company", company)
    run = crm.ok("lead convert L1 --json")
    assert (run.json["account"]["ref"], run.json["account"]["created"]) == ("A1", False)
    assert f"A1 {account} · account linked: the same name" in run.err


def test_the_one_account_of_the_same_domain_is_linked(crm: Crm) -> None:
    crm.ok("account add 'Huaxin Electronics' --website https://www.huaxin.cn/en")
    a_lead(crm)
    run = crm.ok("lead convert L1 --json")
    assert run.json["account"]["ref"] == "A1"
    assert "the same domain, huaxin.cn" in run.err


def test_a_free_mail_address_tells_nothing_of_the_company(crm: Crm) -> None:
    crm.ok("account add Somebody --website gmail.com")
    crm.ok("lead add Ann --email ann@gmail.com --company Acme")
    assert convert(crm, "L1")["account"] == {
        "ref": "A2",
        "name": "Acme",
        "created": True,
        "filled": [],
        "kept": [],
    }


def test_a_lead_without_a_company_makes_an_account_of_its_own_name(crm: Crm) -> None:
    crm.ok("lead add 王伟 --email wei@163.com")
    said = convert(crm, "L1")
    assert (said["account"]["name"], said["opportunity"]["name"]) == ("王伟", "王伟")


def test_a_person_is_not_linked_to_an_account_of_the_same_name(crm: Crm) -> None:
    crm.ok("account add Ann")
    crm.ok("lead add Ann")
    assert convert(crm, "L1")["account"]["created"]


def test_several_matching_accounts_are_a_conflict_that_names_them(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("account add Other --website huaxin.cn")
    a_lead(crm)
    before = whole(crm)
    error = crm.fails(4, "lead convert L1 --json").error
    assert "A1 Huaxin or A2 Other" in error["message"]
    assert "--account A1" in error["hint"]
    assert "--new-account" in error["hint"]
    assert whole(crm) == before
    assert convert(crm, "L1", "--account", "A2")["account"]["ref"] == "A2"


def test_a_new_account_is_made_where_it_is_asked_for(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    a_lead(crm)
    account = convert(crm, "L1", "--new-account", "Huaxin Shanghai")["account"]
    assert (account["ref"], account["name"], account["created"]) == ("A2", "Huaxin Shanghai", True)


def test_a_deleted_account_does_not_match(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("account rm A1 --yes")
    a_lead(crm)
    assert convert(crm, "L1")["account"]["ref"] == "A2"


# --- 4: the contact -----------------------------------------------------------------------------------


def test_a_contact_of_the_same_mail_at_the_account_is_linked(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("contact add 'W. Wang' --account A1 --email WEI@huaxin.cn")
    a_lead(crm)
    run = crm.ok("lead convert L1 --json")
    assert (run.json["contact"]["ref"], run.json["contact"]["kept"]) == ("C1", ["name"])
    assert "contact linked: the same e-mail" in run.err


def test_a_contact_of_the_same_name_at_the_account_is_linked(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("contact add 'wang wei' --account A1")
    a_lead(crm)
    contact = convert(crm, "L1")["contact"]
    assert (contact["ref"], contact["filled"]) == ("C1", ["email"])


def test_the_same_mail_at_another_account_is_another_contact_and_said_so(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("account add Other")
    crm.ok("contact add 'Wang Wei' --account A2 --email wei@huaxin.cn")
    a_lead(crm)
    run = crm.ok("lead convert L1 --json")
    assert run.json["contact"]["ref"] == "C2"
    assert "C1 Wang Wei, of A2, has the same e-mail" in run.err


def test_a_contact_of_another_account_is_refused(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("account add Other")
    crm.ok("contact add Ann --account A2")
    a_lead(crm)
    before = whole(crm)
    crm.fails(5, "lead convert L1 --account A1 --contact C1")
    crm.fails(5, "lead convert L1 --new-account Third --contact C1")
    assert whole(crm) == before


def test_a_contact_that_is_given_brings_its_account(crm: Crm) -> None:
    crm.ok("account add Other")
    crm.ok("contact add Ann --account A1")
    a_lead(crm)
    said = convert(crm, "L1", "--contact", "C1")
    assert (said["account"]["ref"], said["contact"]["ref"]) == ("A1", "C1")


def test_several_matching_contacts_are_a_conflict_that_names_them(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("contact add 'Wang Wei' --account A1")
    crm.ok("contact add 'Wang Wei' --account A1")
    a_lead(crm)
    error = crm.fails(4, "lead convert L1 --json").error
    assert "C1 Wang Wei or C2 Wang Wei" in error["message"]
    assert "--contact C1" in error["hint"]


# --- 5: only what is empty is filled ------------------------------------------------------------------


def test_existing_records_get_only_what_they_lack_and_each_field_is_reported(crm: Crm) -> None:
    crm.ok("account add Huaxin --website huaxin.com --city Beijing --industry Energy")
    crm.ok("contact add 'Wang Wei' --account A1 --email wei@huaxin.cn --title Director")
    a_lead(
        crm,
        *"--website huaxin.cn --city Beijing --phone 0105555123 --employees 50".split(),
        "--title",
        "Boss",
    )
    run = crm.ok("lead convert L1 --json")
    assert run.json["account"]["filled"] == ["phone", "employees"]
    assert run.json["account"]["kept"] == ["website"]
    assert run.json["contact"]["filled"] == ["phone", "city"]
    assert run.json["contact"]["kept"] == ["title"]
    assert "filled phone 0105555123, employees 50 · kept website huaxin.com (not huaxin.cn)" in run.err
    assert "kept title Director (not Boss)" in run.err
    account = shown(crm, "account", "A1")
    assert (account["website"], account["employees"], account["industry"]) == ("huaxin.com", 50, "Energy")


def test_a_description_follows_to_the_contact_and_where_it_has_one_becomes_a_note(crm: Crm) -> None:
    a_lead(crm, "--description", "Met at the fair")
    crm.ok("lead", "add", "Wang Wei", "--company", "Huaxin", "--description", "Wants a pilot")
    convert(crm, "L1")
    assert convert(crm, "L2")["contact"]["kept"] == ["description"]
    assert shown(crm, "contact", "C1")["description"] == "Met at the fair"
    [note] = crm.ok("log list --json").json
    assert (note["type"], note["description"], note["contact"]) == ("Note", "Wants a pilot", "C1")


# --- 6: the opportunity -------------------------------------------------------------------------------


def test_a_new_opportunity_has_the_first_stage_and_closes_at_the_end_of_the_quarter(crm: Crm) -> None:
    a_lead(crm, "--source", "Trade Show")
    run = crm.ok("lead convert L1")
    assert "closes Tue 2026-03-31, the end of the quarter" in run.err
    deal = shown(crm, "opp", "O1")
    assert (deal["stage"], deal["close_date"], deal["source"]) == ("Prospecting", "2026-03-31", "Trade Show")
    assert (deal["account"], deal["amount"], deal["currency"], deal["owner"]) == ("A1", None, "USD", "li")


def test_a_new_opportunity_is_as_it_was_asked_for(crm: Crm) -> None:
    a_lead(crm)
    words = "--amount 50k --stage nego --close-date 2026-05-01 --opp-name".split()
    convert(crm, "L1", *words, "Huaxin pilot")
    deal = shown(crm, "opp", "O1")
    assert (deal["name"], deal["amount"], deal["stage"]) == ("Huaxin pilot", "50000.00", "Negotiation/Review")
    assert (deal["probability"], deal["close_date"]) == (90, "2026-05-01")


def test_an_opportunity_that_is_there_is_attached(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("opp add 'Huaxin fair' --account A1 --amount 10k")
    a_lead(crm, "--source", "Web")
    said = convert(crm, "L1", "--opp", "O1")
    assert said["opportunity"] == {
        "ref": "O1",
        "name": "Huaxin fair",
        "created": False,
        "filled": ["source"],
        "kept": [],
    }
    assert len(crm.ok("opp list --json").json) == 1


def test_an_opportunity_brings_its_account(crm: Crm) -> None:
    crm.ok("account add Other")
    crm.ok("opp add Deal --account A1")
    a_lead(crm)
    assert convert(crm, "L1", "--opp", "O1")["account"]["ref"] == "A1"


def test_an_opportunity_that_is_closed_or_another_accounts_is_refused(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    crm.ok("account add Other")
    crm.ok("opp add Theirs --account A2")
    crm.ok("opp add Won --account A1 --stage 'Closed Won'")
    a_lead(crm)
    crm.fails(5, "lead convert L1 --account A1 --opp O1")
    assert "closed" in crm.fails(5, "lead convert L1 --opp O2").err


def test_no_opportunity_where_none_is_wanted(crm: Crm) -> None:
    a_lead(crm)
    assert convert(crm, "L1", "--no-opp")["opportunity"] is None
    assert shown(crm, "lead", "L1")["converted_opp"] is None
    assert crm.ok("opp list --json").json == []


@pytest.mark.parametrize(
    "words",
    [
        "--no-opp --opp-name X",
        "--no-opp --amount 5k",
        "--no-opp --role Evaluator",
        "--opp O1 --stage nego",
        "--opp O1 --opp-name X",
        "--account A1 --new-account X",
        "--amount -5",
        "--amount 1e3",
        "--close-date someday",
        "--stage nonsense",
        "--new-account ''",
    ],
)
def test_options_that_cannot_be_are_invalid_and_nothing_is_written(crm: Crm, words: str) -> None:
    crm.ok("account add Huaxin")
    crm.ok("opp add Deal --account A1")
    a_lead(crm)
    before = whole(crm)
    crm.fails(2, f"lead convert L1 {words}")
    assert whole(crm) == before


# --- 7: what belongs to the lead follows --------------------------------------------------------------


def test_open_tasks_follow_to_the_contact_and_the_opportunity(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("task add 'Call back' --for L1 --due-date 2026-02-12")
    crm.ok("lead convert L1")
    task = shown(crm, "task", "T1")
    assert (task["related_to"], task["contact"], task["due_date"]) == ("O1", "C1", "2026-02-12")


def test_open_tasks_follow_to_the_account_where_there_is_no_opportunity(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("task add 'Call back' --for L1")
    crm.ok("lead convert L1 --no-opp")
    task = shown(crm, "task", "T1")
    assert (task["related_to"], task["contact"]) == ("A1", "C1")


def test_completed_tasks_and_activities_follow_too(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("task add Done --for L1 --status Completed")
    crm.ok("log call 'First call' --for L1")
    crm.ok("log note 'Big budget' --for L1")
    run = crm.ok("lead convert L1")
    assert "1 task and 2 activities of the lead went along to O1 and C1." in run.err
    assert shown(crm, "task", "T1")["related_to"] == "O1"
    assert {(each["related_to"], each["contact"]) for each in crm.ok("log list --json").json} == {
        ("O1", "C1")
    }


def test_tasks_of_the_leads_owner_pass_to_the_new_owner_and_those_of_others_do_not(crm: Crm) -> None:
    crm.ok("user add zhang")
    crm.ok("user add anna")
    a_lead(crm)
    crm.ok("task add Mine --for L1")
    crm.ok("task add Hers --for L1 --owner anna")
    crm.ok("task add 'Mine and done' --for L1 --status Completed")
    crm.ok("lead convert L1 --owner zhang")
    assert [shown(crm, "task", ref)["owner"] for ref in ("T1", "T2", "T3")] == ["zhang", "anna", "li"]


def test_follow_up_tasks_are_due_from_the_day_of_the_conversion(crm: Crm) -> None:
    a_lead(crm, "--at", "2026-01-05")
    tasks = ["--task", "Send proposal:+3d", "--task", "Call: price:2026-03-01", "--task", "Think: hard"]
    assert convert(crm, "L1", "--at", "2026-01-20", *tasks)["tasks"] == ["T1", "T2", "T3"]
    made = [shown(crm, "task", ref) for ref in ("T1", "T2", "T3")]
    assert [(task["subject"], task["due_date"]) for task in made] == [
        ("Send proposal", "2026-01-23"),
        ("Call: price", "2026-03-01"),
        ("Think: hard", None),
    ]
    assert {(task["related_to"], task["contact"], task["owner"]) for task in made} == {("O1", "C1", "li")}


def test_custom_fields_follow_where_there_is_a_field_of_the_same_name(crm: Crm) -> None:
    crm.ok("init")
    for entity, name in (
        ("lead", "budget"),
        ("lead", "hobby"),
        ("opportunity", "budget"),
        ("contact", "hobby"),
    ):
        custom_field(crm, entity, name)
    a_lead(crm, "--set", "budget=big", "--set", "hobby=golf")
    crm.ok("lead convert L1")
    assert shown(crm, "opp", "O1")["budget"] == "big"
    assert shown(crm, "contact", "C1")["hobby"] == "golf"
    assert shown(crm, "lead", "L1")["budget"] == "big"


def test_what_is_known_of_the_person_and_the_company_follows_field_by_field(crm: Crm) -> None:
    given = {
        "title": "Director",
        "phone": "+86 10 5555 1234",
        "mobile": "+86 138 0013 8000",
        "website": "huaxin.cn",
        "source": "Trade Show",
        "industry": "Electronics",
        "employees": "50",
        "annual_revenue": "CNY 2m",
        "street": "Chang'an 1",
        "city": "Beijing",
        "state": "BJ",
        "postal_code": "100000",
        "country": "China",
        "first_name": "Wei",
        "last_name": "Wang",
    }
    a_lead(crm, *[word for name, value in given.items() for word in ("--" + name.replace("_", "-"), value)])
    crm.ok("lead convert L1")
    account, contact = shown(crm, "account", "A1"), shown(crm, "contact", "C1")
    assert (account["annual_revenue"], account["currency"]) == ("2000000.00", "CNY")
    for name in ("phone", "website", "industry", "street", "city", "state", "postal_code", "country"):
        assert account[name] == given[name], name
    assert account["employees"] == 50
    for name in (
        "first_name",
        "last_name",
        "title",
        "phone",
        "mobile",
        "source",
        "street",
        "city",
        "country",
    ):
        assert contact[name] == given[name], name
    assert (contact["account"], contact["email"]) == ("A1", "wei@huaxin.cn")


# --- 8: the role --------------------------------------------------------------------------------------


def test_the_contact_is_the_deals_primary_one_with_the_role_that_was_given(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("lead", "convert", "L1", "--role", "decision maker")
    [contact] = shown(crm, "opp", "O1")["contacts"]
    assert (contact["ref"], contact["role"], contact["is_primary"]) == ("C1", "Decision Maker", True)


def test_another_primary_contact_of_an_existing_deal_stays(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("lead convert L1")
    crm.ok("lead add Ann --company Huaxin")
    crm.ok("lead convert L2 --opp O1 --role Evaluator")
    contacts = shown(crm, "opp", "O1")["contacts"]
    assert [(each["ref"], each["is_primary"]) for each in contacts] == [("C1", True), ("C2", False)]


# --- 9: the lead afterwards ---------------------------------------------------------------------------


def test_a_converted_lead_says_what_it_became_and_can_no_longer_be_edited(crm: Crm) -> None:
    a_lead(crm)
    crm.ok("lead convert L1")
    lead = shown(crm, "lead", "L1")
    assert (lead["status"], lead["converted_at"]) == ("Closed - Converted", "2026-02-10T09:00:00Z")
    assert (lead["converted_account"], lead["converted_contact"], lead["converted_opp"]) == ("A1", "C1", "O1")
    crm.fails(5, "lead edit L1 --title Director")
    assert crm.ok("lead list --json").json == []
    assert len(crm.ok("lead list --all --json").json) == 1


def test_a_conversion_may_be_told_later(crm: Crm) -> None:
    a_lead(crm, "--at", "2026-01-05")
    convert(crm, "L1", "--at", "2026-01-20")
    assert shown(crm, "lead", "L1")["converted_at"] == "2026-01-20T00:00:00Z"
    deal = shown(crm, "opp", "O1")
    assert (deal["created_at"], deal["close_date"]) == ("2026-01-20T00:00:00Z", "2026-03-31")
    assert records(crm)["versions"][0][1] == "2026-01-20T00:00:00Z"


def test_a_conversion_on_the_leads_own_day_is_not_before_it(crm: Crm) -> None:
    a_lead(crm)
    convert(crm, "L1", "--at", "2026-02-10", today="2026-02-12T10:00")
    assert shown(crm, "lead", "L1")["converted_at"] == "2026-02-10T09:00:00Z"


def test_a_conversion_is_neither_in_the_future_nor_before_the_lead(crm: Crm) -> None:
    a_lead(crm)
    before = whole(crm)
    crm.fails(2, "lead convert L1 --at 2026-02-11")
    assert "L1 was not there on Mon 2026-02-09" in crm.fails(5, "lead convert L1 --at yesterday").err
    assert whole(crm) == before


def test_a_deal_that_was_made_later_cannot_be_attached_earlier(crm: Crm) -> None:
    a_lead(crm, "--at", "2026-01-05")
    crm.ok("opp add Deal")
    crm.fails(5, "lead convert L1 --opp O1 --at 2026-01-20")


# --- 10: the owner ------------------------------------------------------------------------------------


def test_what_is_new_belongs_to_the_leads_owner_or_the_one_that_is_given(crm: Crm) -> None:
    crm.ok("user add zhang")
    a_lead(crm)
    a_lead(crm)
    crm.ok("lead convert L1")
    crm.ok("lead convert L2 --new-account Two --owner zhang")
    owners = [(shown(crm, noun, f"{letter}{n}")["owner"]) for n in (1, 2) for noun, letter in LETTERS]
    assert owners == ["li"] * 3 + ["zhang"] * 3


LETTERS = (("account", "A"), ("contact", "C"), ("opp", "O"))


def test_an_owner_must_be_a_user_who_is_active(crm: Crm) -> None:
    crm.ok("user add zhang --active no")
    a_lead(crm)
    crm.fails(3, "lead convert L1 --owner nobody")
    crm.fails(5, "lead convert L1 --owner zhang")


# --- 12: undo -----------------------------------------------------------------------------------------


def test_undo_and_redo_restore_every_record_exactly(crm: Crm) -> None:
    crm.ok("user add zhang")
    crm.ok("account add Huaxin --city Beijing")
    crm.ok("contact add 'Wang Wei' --account A1 --description Old")
    crm.ok("opp add Deal --account A1")
    a_lead(crm, "--phone", "0105555123", "--description", "New", "--source", "Web")
    crm.ok("task add Call --for L1")
    crm.ok("log call First --for L1")
    before = records(crm)
    words = ("--opp", "O1", "--amount", "5k", "--owner", "zhang", "--task", "Next:+3d", "--role", "Evaluator")
    entry = convert(crm, "L1", *words)["entry"]
    after = records(crm)
    assert after != before
    later = {"today": "2026-02-12T10:00"}
    crm.ok(f"undo {entry}", **later)
    assert records(crm) == before
    crm.ok("redo", **later)
    assert records(crm) == after
    crm.ok(f"undo {entry}", **later)
    assert convert(crm, "L1", today="2026-02-13T10:00")["account"]["ref"] == "A1"


def test_a_dry_run_says_what_would_be_and_leaves_the_database_as_it_was(crm: Crm) -> None:
    crm.ok("account add Huaxin")
    a_lead(crm, "--phone", "0105555123")
    crm.ok("task add Call --for L1")
    before = whole(crm)
    run = crm.ok("lead convert L1 --dry-run --json")
    assert whole(crm) == before
    assert (run.json["entry"], run.json["account"]["filled"]) == (None, ["phone"])
    assert "L1 Wang Wei would be converted" in run.err


def test_converting_in_a_database_that_is_not_there_makes_none(crm: Crm, tmp_path: Any) -> None:
    path = tmp_path / "none.db"
    crm.fails(6, "--db", path, "lead", "convert", "L1")
    assert not path.exists()


# --- assign -------------------------------------------------------------------------------------------


def test_leads_are_assigned_and_the_reason_is_a_note(crm: Crm) -> None:
    crm.ok("user add 'Li Na'")
    a_lead(crm)
    a_lead(crm)
    run = crm.ok("lead", "assign", "L1", "L2", "--to", "li na", "--reason", "Speaks Mandarin", "--json")
    assert run.json == {"assigned": ["L1", "L2"], "owner": "Li Na", "entry": 4}
    assert {lead["owner"] for lead in crm.ok("lead list --json").json} == {"Li Na"}
    notes = crm.ok("log list --json").json
    assert {(note["related_to"], note["subject"], note["description"], note["owner"]) for note in notes} == {
        ("L1", "Assigned to Li Na", "Speaks Mandarin", "li"),
        ("L2", "Assigned to Li Na", "Speaks Mandarin", "li"),
    }
    crm.ok("undo")
    assert {lead["owner"] for lead in crm.ok("lead list --json").json} == {"li"}


def test_a_lead_that_is_somebodys_already_is_left_alone(crm: Crm) -> None:
    a_lead(crm)
    run = crm.ok("lead assign L1 --to me --json")
    assert run.json["entry"] is None
    assert "li's already" in run.err


def test_of_several_leads_none_is_assigned_where_one_is_converted(crm: Crm) -> None:
    crm.ok("user add zhang")
    a_lead(crm)
    crm.ok("lead convert L1")
    crm.ok("lead add Ann")
    assert "L1" in crm.fails(5, "lead assign L2 L1 --to zhang").err
    assert shown(crm, "lead", "L2")["owner"] == "li"


def test_a_dry_run_assigns_nothing(crm: Crm) -> None:
    crm.ok("user add zhang")
    a_lead(crm)
    before = whole(crm)
    assert "Would be: L1 Wang Wei · zhang" in crm.ok("lead assign L1 --to zhang --dry-run").err
    assert whole(crm) == before


def test_a_lead_is_assigned_to_somebody(crm: Crm) -> None:
    a_lead(crm)
    crm.fails(2, "lead assign L1")
    crm.fails(3, "lead assign L1 --to nobody")
