"""What a lead becomes: the plan, without a database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from typing import Any, TypeVar

import pytest

from crmcli.changes import Add, Edit
from crmcli.errors import Conflict, InvalidValue, Refused
from crmcli.fields import FieldSpec
from crmcli.model import Account, Activity, Contact, Entity, Lead, Opportunity, Task
from crmcli.rules.contact_roles import Part
from crmcli.rules.conversion import (
    Asked,
    Conversion,
    FollowUp,
    Found,
    company_of,
    domain_of,
    follow_up_of,
    plan_conversion,
    same_person,
)
from crmcli.rules.filling import merged
from crmcli.rules.records import Facts
from crmcli.rules.stages import StageFacts
from crmcli.store.keys import set_keys

AT = datetime(2026, 2, 10, 9, tzinfo=UTC)
STAGES = (
    StageFacts("Prospecting", 1, 10, "Pipeline", False, False),
    StageFacts("Negotiation/Review", 2, 90, "Commit", False, False),
    StageFacts("Closed Won", 3, 100, "Closed", True, True),
)
FACTS = Facts(AT, AT.date(), "USD", STAGES)
LI, ZHANG, ANNA = 1, 2, 3
Model = TypeVar("Model", bound=Entity)


def ids() -> Any:
    """A sequence for each entity, as a database has them; new ids begin at 100."""
    sequences: dict[str, Iterator[int]] = {}
    return lambda entity: next(sequences.setdefault(entity, count(100)))


def record(model: type[Model], id: int, **values: Any) -> Model:
    made = model(**{"id": id, "uid": str(id), "custom": {}, "created_at": AT, "updated_at": AT, **values})
    set_keys(made)
    return made


def a_lead(**values: Any) -> Lead:
    usual = {"name": "Wang Wei", "company": "Huaxin", "email": "wei@huaxin.cn", "owner_id": LI}
    return record(Lead, 12, **{**usual, **values})


def a_deal(id: int = 9, **values: Any) -> Opportunity:
    usual = {"name": "Huaxin fair", "currency": "USD", "stage": "Prospecting", "is_closed": False}
    return record(Opportunity, id, **{**usual, **values})


def plan(lead: Lead | None = None, asked: Asked | None = None, found: Found | None = None) -> Conversion:
    return plan_conversion(lead or a_lead(), asked or Asked(), found or Found(), FACTS, ids())


def added(changes: Conversion, entity: str) -> dict[str, Any]:
    [step] = [step for step in changes if isinstance(step, Add) and step.entity == entity]
    return dict(step.values)


def edited(changes: Conversion, entity: str, id: int) -> dict[str, Any]:
    steps = [step for step in changes if isinstance(step, Edit) and (step.entity, step.id) == (entity, id)]
    return {name: value for step in steps for name, value in step.values.items()}


def custom(entity: str, name: str, kind: Any = "text", choices: tuple[str, ...] = ()) -> FieldSpec:
    return FieldSpec(entity, name, name, kind, name.capitalize(), "", 50, custom=True, choices=choices)


# --- names and domains ----------------------------------------------------------------------------------


def test_a_lead_without_a_company_makes_an_account_of_the_persons_name() -> None:
    changes = plan(a_lead(company=None))
    assert added(changes, "account")["name"] == "Wang Wei"
    assert any("names no company" in note for note in changes.notes)


def test_a_company_of_spaces_is_no_company() -> None:
    assert company_of(a_lead(company="   ")) == "Wang Wei"


@pytest.mark.parametrize(
    ("website", "email", "domain"),
    [
        ("https://www.huaxin.cn/en", "wei@gmail.com", "huaxin.cn"),
        (None, "wei@huaxin.cn", "huaxin.cn"),
        (None, "wei@gmail.com", ""),
        (None, "wei@163.com", ""),
        (None, None, ""),
    ],
)
def test_the_domain_is_the_websites_or_the_mails_where_not_everybody_can_have_one(
    website: str | None, email: str | None, domain: str
) -> None:
    assert domain_of(a_lead(website=website, email=email)) == domain


# --- the account ----------------------------------------------------------------------------------------


def test_one_matching_account_is_linked_and_only_what_it_lacks_is_filled() -> None:
    account = record(Account, 4, name="HUAXIN Co., Ltd.", city="Beijing", website="huaxin.com")
    changes = plan(a_lead(city="Beijing", website="huaxin.cn", industry="Energy"), found=Found([account]))
    assert edited(changes, "account", 4) == {"industry": "Energy"}
    assert changes.account.filled == ["industry"]
    assert changes.account.kept == ["website"]
    assert "kept website huaxin.com (not huaxin.cn)" in changes.notes[0]


def test_several_matching_accounts_are_named() -> None:
    accounts = [record(Account, 4, name="Huaxin"), record(Account, 5, name="Huaxin GmbH")]
    with pytest.raises(Conflict) as error:
        plan(found=Found(accounts))
    assert "A4 Huaxin or A5 Huaxin GmbH" in error.value.message
    assert "--account A4" in (error.value.hint or "")


def test_an_account_that_was_given_needs_no_match() -> None:
    account = record(Account, 4, name="Other")
    assert (
        plan(asked=Asked(account=account), found=Found([record(Account, 5, name="Huaxin")])).account.id == 4
    )


def test_a_street_of_another_city_does_not_come_to_stand_in_this_one() -> None:
    account = record(Account, 4, name="Huaxin", city="Shanghai")
    changes = plan(a_lead(country="CN", city="Beijing", street="Chang'an 1"), found=Found([account]))
    assert edited(changes, "account", 4) == {"country": "CN"}
    assert changes.account.kept == ["city"]


def test_revenue_is_not_filled_where_the_account_is_in_another_currency() -> None:
    account = record(Account, 4, name="Huaxin", currency="EUR")
    lead = a_lead(annual_revenue=500, currency="CNY")
    assert merged(account, {"annual_revenue": 500, "currency": "CNY"}) == ({}, {"currency": "CNY"})
    assert "annual_revenue" not in edited(plan(lead, found=Found([account])), "account", 4)


def test_revenue_comes_with_its_currency() -> None:
    values = added(plan(a_lead(annual_revenue=500, currency="CNY")), "account")
    assert (values["annual_revenue"], values["currency"]) == (500, "CNY")


# --- the contact ----------------------------------------------------------------------------------------


def test_a_contact_of_the_same_mail_goes_before_one_of_the_same_name() -> None:
    people = [
        record(Contact, 1, name="Wang Wei", account_id=4),
        record(Contact, 2, name="W. Wang", email="WEI@huaxin.cn", account_id=4),
        record(Contact, 3, name="Wang Wei", email="wei@huaxin.cn", account_id=5),
    ]
    assert [one.id for one in same_person(people, 4, "wei@huaxin.cn")] == [2]
    assert [one.id for one in same_person(people[:1], 4, "wei@huaxin.cn")] == [1]
    assert same_person(people, 6, "wei@huaxin.cn") == []


def test_an_existing_contact_keeps_its_values() -> None:
    account = record(Account, 4, name="Huaxin")
    contact = record(Contact, 7, name="Wang Wei", email="wei@huaxin.cn", account_id=4, title="Head of Sales")
    changes = plan(a_lead(title="Director", mobile="+86 138 0013 8000"), found=Found([account], [contact]))
    assert edited(changes, "contact", 7) == {"mobile": "+86 138 0013 8000"}
    assert (changes.contact.filled, changes.contact.kept) == (["mobile"], ["title"])


def test_a_contact_without_an_account_joins_this_one() -> None:
    contact = record(Contact, 7, name="Wang Wei")
    changes = plan(asked=Asked(contact=contact))
    assert edited(changes, "contact", 7)["account_id"] == 100
    assert "account" in changes.contact.filled


def test_a_contact_of_another_account_is_refused() -> None:
    asked = Asked(
        account=record(Account, 4, name="Huaxin"), contact=record(Contact, 7, name="Li", account_id=5)
    )
    with pytest.raises(Refused, match="C7 Li belongs to A5, not to A4 Huaxin"):
        plan(asked=asked)


def test_a_namesake_at_another_account_is_left_alone_and_named() -> None:
    other = record(Contact, 7, name="Wang Wei", email="wei@huaxin.cn", account_id=5)
    changes = plan(found=Found(contacts=[other]))
    assert changes.contact.created
    assert "C7 Wang Wei, of A5, has the same e-mail and was left alone." in changes.notes


def test_a_description_that_the_contact_has_no_room_for_becomes_a_note() -> None:
    account = record(Account, 4, name="Huaxin")
    contact = record(Contact, 7, name="Wang Wei", account_id=4, description="Likes tea")
    changes = plan(a_lead(description="Met at the fair"), found=Found([account], [contact]))
    note = added(changes, "activity")
    assert (note["type"], note["description"], note["contact_id"]) == ("Note", "Met at the fair", 7)


# --- the opportunity --------------------------------------------------------------------------------------


def test_a_new_deal_is_in_the_first_stage_and_for_this_quarter() -> None:
    changes = plan(a_lead(source="Web"))
    deal = added(changes, "opportunity")
    assert (deal["name"], deal["stage"], deal["probability"]) == ("Huaxin", "Prospecting", 10)
    assert (deal["close_date"], deal["currency"], deal["source"]) == (date(2026, 3, 31), "USD", "Web")
    assert (deal["created_at"], deal["stage_since"], deal["owner_id"]) == (AT, AT, LI)
    assert any("closes Tue 2026-03-31, the end of the quarter" in note for note in changes.notes)


def test_the_quarter_is_the_fiscal_one() -> None:
    changes = plan_conversion(a_lead(), Asked(), Found(), FACTS, ids(), fiscal_start=2)
    assert added(changes, "opportunity")["close_date"] == date(2026, 4, 30)


def test_a_deal_that_is_won_at_once_is_closed_on_that_day() -> None:
    deal = added(plan(asked=Asked(stage="closed won", amount=(500, "EUR"))), "opportunity")
    assert (deal["closed_at"], deal["close_date"], deal["amount"], deal["currency"]) == (
        AT.date(),
        AT.date(),
        500,
        "EUR",
    )


def test_the_name_of_a_deal_fits_where_that_of_the_account_fills_the_field() -> None:
    assert len(added(plan(a_lead(company="x" * 255)), "opportunity")["name"]) == 255


def test_a_deal_that_is_there_gets_only_what_it_lacks() -> None:
    account = record(Account, 4, name="Huaxin")
    deal = a_deal(account_id=4, amount=100, source="Web")
    asked = Asked(account=account, opportunity=deal, amount=(900, "USD"), close_date=date(2026, 5, 1))
    changes = plan(a_lead(source="Other"), asked)
    assert edited(changes, "opportunity", 9) == {"close_date": date(2026, 5, 1)}
    assert changes.opportunity is not None
    assert (changes.opportunity.created, changes.opportunity.kept) == (False, ["source", "amount"])
    assert any("amount USD 1.00 (not USD 9.00)" in note for note in changes.notes)


def test_a_deal_of_another_account_and_a_closed_one_are_refused() -> None:
    account = record(Account, 4, name="Huaxin")
    with pytest.raises(Refused, match="O9 Huaxin fair belongs to A5"):
        plan(asked=Asked(account=account, opportunity=a_deal(account_id=5)))
    with pytest.raises(Refused, match="is closed"):
        plan(asked=Asked(account=account, opportunity=a_deal(is_closed=True, stage="Closed Won")))


def test_no_deal_where_none_is_wanted() -> None:
    changes = plan(asked=Asked(no_opp=True))
    assert changes.opportunity is None
    assert edited(changes, "lead", 12)["converted_opp_id"] is None
    assert not [step for step in changes if step.entity in ("opportunity", "contact_role")]


@pytest.mark.parametrize(
    "asked",
    [
        Asked(no_opp=True, opp_name="x"),
        Asked(no_opp=True, stage="x"),
        Asked(no_opp=True, amount=(1, "USD")),
        Asked(no_opp=True, role="x"),
        Asked(opportunity=a_deal(), opp_name="x"),
        Asked(opportunity=a_deal(), stage="x"),
        Asked(account=record(Account, 4, name="x"), new_account="y"),
        Asked(new_account=" "),
        Asked(opp_name=""),
    ],
    ids=str,
)
def test_options_that_exclude_one_another_are_refused(asked: Asked) -> None:
    with pytest.raises(InvalidValue):
        plan(asked=asked)


def test_the_contact_is_the_primary_one_unless_the_deal_has_another() -> None:
    role = added(plan(asked=Asked(role="Decision Maker")), "contact_role")
    assert (role["role"], role["is_primary"], role["contact_id"]) == ("Decision Maker", True, 100)
    found = Found(roles=[Part(1, 55, "Evaluator", True)])
    changes = plan(asked=Asked(opportunity=a_deal()), found=found)
    assert not added(changes, "contact_role").get("is_primary")
    assert any("C55 stays the primary contact" in note for note in changes.notes)


def test_a_role_that_the_contact_has_is_kept() -> None:
    asked = Asked(opportunity=a_deal(), contact=record(Contact, 7, name="Li"), role="Evaluator")
    changes = plan(asked=asked, found=Found(roles=[Part(1, 7, "Decision Maker", False)]))
    assert edited(changes, "contact_role", 1) == {"is_primary": True}


# --- what follows -----------------------------------------------------------------------------------------


def test_open_tasks_of_the_leads_owner_pass_to_the_new_one_and_others_stay() -> None:
    tasks = [
        record(Task, 1, subject="his", owner_id=LI),
        record(Task, 2, subject="hers", owner_id=ANNA),
        record(Task, 3, subject="done", owner_id=LI, completed_at=AT),
        record(Task, 4, subject="with somebody", owner_id=ANNA, contact_id=77),
    ]
    changes = plan(asked=Asked(owner_id=ZHANG), found=Found(tasks=tasks))
    link = {"related_to_entity": "opportunity", "related_to_id": 100}
    assert edited(changes, "task", 1) == {**link, "contact_id": 100, "owner_id": ZHANG}
    assert edited(changes, "task", 2) == {**link, "contact_id": 100}
    assert edited(changes, "task", 3) == {**link, "contact_id": 100}
    assert edited(changes, "task", 4) == link
    assert any(
        "4 tasks of the lead went along to O100 and C100; 1 of the tasks" in note for note in changes.notes
    )


def test_activities_follow_to_the_account_where_there_is_no_deal() -> None:
    call = record(Activity, 5, type="Call", subject="Hello", happened_at=AT)
    changes = plan(asked=Asked(no_opp=True), found=Found(activities=[call]))
    link = {"related_to_entity": "account", "related_to_id": 100, "contact_id": 100}
    assert edited(changes, "activity", 5) == link


def test_follow_up_tasks_are_planned_for_the_new_owner() -> None:
    task = FollowUp("Send proposal", date(2026, 2, 13))
    changes = plan(asked=Asked(owner_id=ZHANG, tasks=[task]))
    values = added(changes, "task")
    assert (values["subject"], values["due_date"], values["owner_id"]) == (task.subject, task.due_date, ZHANG)
    assert (values["related_to_entity"], values["contact_id"]) == ("opportunity", 100)
    assert changes.tasks == ["T100"]


@pytest.mark.parametrize(
    ("text", "subject", "due"),
    [
        ("Send proposal:+3d", "Send proposal", date(2026, 2, 13)),
        ("Send proposal : fri", "Send proposal", date(2026, 2, 13)),
        ("Call: about the price", "Call: about the price", None),
        ("Call: price:eoq", "Call: price", date(2026, 3, 31)),
        ("Call at 10:30", "Call at 10:30", None),
        ("Think:", "Think:", None),
        ("Think", "Think", None),
        ("Some day:none", "Some day", None),
        ("打电话：报价:2026-03-01", "打电话：报价", date(2026, 3, 1)),
    ],
)
def test_the_last_colon_parts_a_task_from_its_day_where_one_follows(
    text: str, subject: str, due: date | None
) -> None:
    assert follow_up_of(text, today=AT.date()) == FollowUp(subject, due)


@pytest.mark.parametrize("text", ["", "  ", ":+3d", " : fri"])
def test_a_task_needs_a_subject(text: str) -> None:
    with pytest.raises(InvalidValue, match="what to do"):
        follow_up_of(text, today=AT.date())


def test_custom_fields_follow_where_a_field_of_the_same_name_takes_the_value() -> None:
    lead = a_lead(custom={"size": "L", "color": "red", "score": 5, "gone": "x"})
    fields = {
        "lead": [custom("lead", "size"), custom("lead", "color"), custom("lead", "score", "number")],
        "account": [custom("account", "size")],
        "contact": [custom("contact", "color", choices=("green",)), custom("contact", "gone")],
        "opportunity": [custom("opportunity", "size"), custom("opportunity", "score")],
    }
    account = record(Account, 4, name="Huaxin", custom={"size": "S"})
    changes = plan(lead, found=Found([account], custom=fields))
    assert changes.account.kept == ["size"]
    assert "custom" not in added(changes, "contact")
    assert added(changes, "opportunity")["custom"] == {"size": "L"}
    assert any("takes no color 'red'" in note for note in changes.notes)


def test_a_custom_field_that_is_blank_is_filled_and_the_others_stay() -> None:
    fields = {"lead": [custom("lead", "size")], "account": [custom("account", "size")]}
    account = record(Account, 4, name="Huaxin", custom={"size": None, "tier": "A"})
    changes = plan(a_lead(custom={"size": "L"}), found=Found([account], custom=fields))
    assert edited(changes, "account", 4) == {"custom": {"size": "L", "tier": "A"}}


# --- the lead ---------------------------------------------------------------------------------------------


def test_the_lead_knows_when_it_was_converted_and_what_it_became() -> None:
    assert edited(plan(), "lead", 12) == {
        "status": "Closed - Converted",
        "converted_at": AT,
        "converted_account_id": 100,
        "converted_contact_id": 100,
        "converted_opp_id": 100,
    }


def test_a_lead_is_converted_once() -> None:
    lead = a_lead(converted_at=AT, converted_account_id=4, converted_contact_id=7, converted_opp_id=9)
    with pytest.raises(Conflict, match="became A4, C7 and O9"):
        plan(lead)
