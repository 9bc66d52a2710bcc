"""What merging records does: the plan, without a database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from crmcli.changes import Edit, Remove
from crmcli.errors import Refused
from crmcli.model import Account, Contact, Entity, Lead, declared_fields
from crmcli.rules.merging import Around, Link, Merge, Part, plan_merge
from crmcli.store.keys import set_keys

AT = datetime(2026, 2, 10, 9, tzinfo=UTC)
Model = TypeVar("Model", bound=Entity)


def record(model: type[Model], id: int, **values: Any) -> Model:
    made = model(**{"id": id, "uid": str(id), "custom": {}, "created_at": AT, "updated_at": AT, **values})
    set_keys(made)
    return made


def account(id: int, name: str = "Huaxin", **values: Any) -> Account:
    return record(Account, id, name=name, **values)


def contact(id: int, name: str = "Wang Wei", **values: Any) -> Contact:
    return record(Contact, id, name=name, **values)


def plan(
    kept: Entity, *others: Entity, above: Mapping[int, Sequence[int]] | None = None, **around: Any
) -> Merge:
    column = {"account": "parent_id", "contact": "reports_to_id"}.get(str(kept.__tablename__))
    chains = {one.id: (above or {}).get(one.id, [one.id]) for one in (kept, *others)}
    upwards = {column: chains} if column else {}
    return plan_merge(kept, others, Around(declared_fields(type(kept)), above=upwards, **around))


def edits(merge: Merge) -> dict[tuple[str, int], dict[str, Any]]:
    return {(step.entity, step.id): dict(step.values) for step in merge if isinstance(step, Edit)}


def removed(merge: Merge) -> list[tuple[str, int]]:
    return [(step.entity, step.id) for step in merge if isinstance(step, Remove)]


# --- fields -------------------------------------------------------------------------------------------


def test_only_what_is_empty_is_filled_from_each_in_turn() -> None:
    merge = plan(
        account(4, phone="1", city="Berlin"),
        account(9, phone="2", website="huaxin.cn"),
        account(12, website="other.cn", employees=30, industry="Energy"),
    )
    assert edits(merge)["account", 4] == {"website": "huaxin.cn", "employees": 30, "industry": "Energy"}
    assert merge.filled == ["website", "industry", "employees"]
    assert merge.different == ["phone", "website"]
    assert removed(merge) == [("account", 9), ("account", 12)]


def test_what_is_the_same_but_for_its_writing_is_no_difference() -> None:
    merge = plan(account(4, website="huaxin.cn"), account(9, "HUAXIN Ltd", website="https://www.huaxin.cn"))
    assert merge.different == merge.filled == []
    assert edits(merge) == {}


def test_custom_fields_are_filled_too() -> None:
    merge = plan(account(4, custom={"tier": "A"}), account(9, custom={"tier": "B", "vat": "DE1", "old": ""}))
    assert edits(merge)["account", 4] == {"custom": {"tier": "A", "vat": "DE1"}}
    assert (merge.filled, merge.different) == (["vat"], ["tier"])


def test_money_comes_with_its_currency_or_not_at_all() -> None:
    merge = plan(account(4), account(9, annual_revenue=500, currency="EUR"))
    assert edits(merge)["account", 4] == {"annual_revenue": 500, "currency": "EUR"}
    merge = plan(account(4, currency="USD"), account(9, annual_revenue=500, currency="EUR"))
    assert edits(merge) == {}
    assert merge.different == ["currency"]


def test_a_street_of_another_city_is_not_taken() -> None:
    assert edits(plan(account(4, city="Berlin"), account(9, city="Paris", street="Rue 1"))) == {}


def test_half_of_another_name_is_not_taken() -> None:
    other = contact(2, "Wei Wang", first_name="Wei", last_name="Wang")
    assert edits(plan(contact(1), other)) == {}
    same = contact(2, "WANG WEI", first_name="Wei", last_name="Wang")
    assert edits(plan(contact(1), same))["contact", 1] == {"first_name": "Wei", "last_name": "Wang"}


def test_descriptions_stand_under_each_other_and_each_once() -> None:
    merge = plan(
        account(4, description="Old friends"),
        account(9, description="Buys in spring"),
        account(12, description="Old friends"),
    )
    assert edits(merge)["account", 4] == {"description": "Old friends\n\n---\n\nBuys in spring"}
    assert merge.filled == ["description"]
    assert edits(plan(account(4), account(9, description="New")))["account", 4] == {"description": "New"}


def test_an_external_id_is_taken_or_given_up_with_words() -> None:
    merge = plan(account(4), account(9, external_id="X9"), account(12, external_id="X12"))
    assert edits(merge)["account", 4] == {"external_id": "X9"}
    assert merge.filled == ["external_id"]
    assert [note for note in merge.notes if "X12" in note]
    assert isinstance(merge.steps[0], Remove), "two live records may not have the same external id"


def test_a_converted_lead_is_history() -> None:
    one = record(
        Lead, 1, name="Wang Wei", status="Closed - Converted", converted_at=AT, converted_contact_id=3
    )
    other = record(Lead, 2, name="Wang Wei", status="Open - Not Contacted")
    for kept, gone in ((one, other), (other, one)):
        with pytest.raises(Refused, match="L1 Wang Wei has been converted") as refusal:
            plan(kept, gone)
        assert "C3" in str(refusal.value.hint)


# --- links --------------------------------------------------------------------------------------------


def test_all_that_links_to_the_others_links_to_the_first() -> None:
    merge = plan(
        contact(1),
        contact(2),
        links=[
            Link("task", 5, "related_to_id"),
            Link("task", 5, "contact_id"),
            Link("activity", 7, "contact_id"),
            Link("contact", 8, "reports_to_id"),
            Link("lead", 9, "converted_contact_id"),
        ],
    )
    assert edits(merge) == {
        ("task", 5): {"related_to_id": 1, "contact_id": 1},
        ("activity", 7): {"contact_id": 1},
        ("contact", 8): {"reports_to_id": 1},
        ("lead", 9): {"converted_contact_id": 1},
    }
    assert merge.relinked == {"task": 1, "activity": 1, "contact": 1, "lead": 1}


def test_what_goes_is_not_relinked() -> None:
    merge = plan(
        account(4),
        account(9),
        account(12, parent_id=9),
        links=[Link("account", 12, "parent_id")],
        above={12: [12, 9]},
    )
    assert edits(merge) == {}


@pytest.mark.parametrize(
    ("above", "parent"),
    [
        ({4: [4, 9]}, None),  # a parent into its child
        ({4: [4, 9, 7]}, 7),  # which then belongs where the parent did
        ({4: [4, 9, 12, 7]}, 7),
        ({4: [4, 7]}, 7),
        ({4: [4], 9: [9, 4]}, None),  # a child into its parent
        ({4: [4], 9: [9, 7]}, 7),
        ({4: [4], 9: [9, 7, 4]}, None),  # 7 is below 4, so 4 cannot be below 7
        ({4: [4], 9: [9, 7, 12]}, None),
        ({4: [4], 9: [9, 12], 12: [12, 7]}, 7),
    ],
)
def test_nobody_becomes_their_own_parent(above: dict[int, list[int]], parent: int | None) -> None:
    before = next(iter(above[4][1:]), None)
    merge = plan(account(4, parent_id=before), account(9), account(12), above=above)
    changed = edits(merge).get(("account", 4), {})
    assert changed == ({} if parent == before else {"parent_id": parent})


def test_a_circle_with_others_between_is_refused() -> None:
    with pytest.raises(Refused, match="A7 would be its own parent") as refusal:
        plan(
            account(4, parent_id=7), account(9), above={4: [4, 7, 9]}, links=[Link("account", 7, "parent_id")]
        )
    assert "crm account merge A9 A4" in str(refusal.value.hint)
    with pytest.raises(Refused, match="superior"):
        plan(contact(4, reports_to_id=7), contact(9), above={4: [4, 7, 9]})


def test_in_each_deal_the_contact_plays_one_part() -> None:
    merge = plan(
        contact(1),
        contact(2),
        contact(3),
        links=[Link("contact_role", id, "contact_id") for id in (21, 22, 23, 24)],
        parts=[
            Part(11, deal=1, contact=1, role=None, is_primary=False),
            Part(21, deal=1, contact=2, role="Decision Maker", is_primary=True),
            Part(22, deal=1, contact=3, role="Influencer", is_primary=False),
            Part(24, deal=2, contact=3, role="Influencer", is_primary=False),
            Part(23, deal=2, contact=2, role=None, is_primary=False),
        ],
    )
    assert edits(merge) == {
        ("contact_role", 11): {"role": "Decision Maker", "is_primary": True},
        ("contact_role", 23): {"contact_id": 1, "role": "Influencer"},
    }
    assert removed(merge)[2:] == [("contact_role", 21), ("contact_role", 22), ("contact_role", 24)]
    assert [note for note in merge.notes if "stays Decision Maker in O1, not Influencer" in note]
