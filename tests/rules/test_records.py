"""What every way of adding and editing keeps to: by hand, by a verb, from a file."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crmcli.errors import CrmError, InvalidValue, Refused
from crmcli.rules.closing import lacking, moved, overdue
from crmcli.rules.records import Facts, completed, revised
from crmcli.rules.stages import StageFacts, stage_named

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
OPEN = StageFacts("Prospecting", 1, 10, "Pipeline", False, False)
NEXT = StageFacts("Proposal/Price Quote", 2, 75, "Best Case", False, False)
OLD = StageFacts("Id. Decision Makers", 3, 60, "Pipeline", False, False, active=False)
WON = StageFacts("Closed Won", 4, 100, "Closed", True, True)
LOST = StageFacts("Closed Lost", 5, 0, "Omitted", True, False)
STAGES = (OPEN, NEXT, OLD, WON, LOST)
BOB = 7
FACTS = Facts(NOW, DAY, "USD", STAGES, inactive={BOB: "Bob"})
HISTORY = replace(FACTS, lenient=True)


def a_deal(facts: Facts = FACTS, **values: Any) -> dict[str, Any]:
    new = completed("opportunity", {"name": "Acme", "amount": 5_000_000, **values}, facts)
    return {"id": 1, "lost_reason": None, "close_date": None, "closed_at": None, "owner_id": 1, **new}


def edited(deal: dict[str, Any], facts: Facts = FACTS, **values: Any) -> dict[str, Any]:
    return {**deal, **revised("opportunity", deal, values, facts)}


# --- closed deals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["Prospecting", "Closed Lost"])
def test_an_edit_neither_opens_nor_turns_a_closed_deal_and_is_refused_as_a_move_is(stage: str) -> None:
    won = a_deal(stage="Closed Won")
    with pytest.raises(Refused) as by_edit:
        edited(won, stage=stage, lost_reason="Pricing" if "Lost" in stage else None)
    with pytest.raises(Refused) as by_move:
        moved(won, stage_named(stage, STAGES), FACTS)
    assert (by_edit.value.message, by_edit.value.hint) == (by_move.value.message, by_move.value.hint)
    assert by_edit.value.hint == "`crm opp reopen O1` opens it again."


def test_the_same_stage_again_is_no_move() -> None:
    won = a_deal(stage="Closed Won")
    assert edited(won, stage="closed won", next_step="Thank them")["next_step"] == "Thank them"


def test_the_history_of_another_system_may_open_a_deal_again() -> None:
    lost = a_deal(stage="Closed Lost", lost_reason="Pricing")
    again = edited(lost, HISTORY, stage="Prospecting")
    assert (again["is_closed"], again["closed_at"], again["lost_reason"]) == (False, None, None)


# --- reasons ----------------------------------------------------------------------------------------------


def test_a_deal_is_lost_for_a_reason_however_it_is_lost() -> None:
    ways: tuple[Callable[[str | None], dict[str, Any]], ...] = (
        lambda reason: a_deal(stage="Closed Lost", lost_reason=reason),
        lambda reason: edited(a_deal(), stage="Closed Lost", lost_reason=reason),
    )
    for lose in ways:
        for missing in (None, "  "):
            with pytest.raises(InvalidValue) as refused:
                lose(missing)
            assert refused.value.hint == "--lost-reason Pricing"
            assert refused.value.field == "lost_reason"
        assert lose("Pricing")["lost_reason"] == "Pricing"


def test_only_a_lost_deal_has_a_reason_and_it_keeps_one() -> None:
    unwanted: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: a_deal(lost_reason="Pricing"),
        lambda: a_deal(stage="Closed Won", lost_reason="Pricing"),
        lambda: edited(a_deal(), lost_reason="Pricing"),
        lambda: edited(a_deal(), stage="Closed Won", lost_reason="Pricing"),
    )
    for reason_there in unwanted:
        with pytest.raises(InvalidValue):
            reason_there()
    lost = a_deal(stage="Closed Lost", lost_reason="Pricing")
    assert edited(lost, lost_reason="Budget Constraints")["lost_reason"] == "Budget Constraints"
    with pytest.raises(InvalidValue):
        edited(lost, lost_reason=None)


def test_the_history_of_another_system_may_lack_reasons() -> None:
    assert a_deal(HISTORY, stage="Closed Lost")["lost_reason"] is None
    assert edited(a_deal(), HISTORY, stage="Closed Lost")["is_closed"]


# --- stages -----------------------------------------------------------------------------------------------


def test_nothing_enters_a_stage_that_is_out_of_use_unless_it_was_there_elsewhere() -> None:
    with pytest.raises(Refused, match="not active"):
        a_deal(stage=OLD.name)
    with pytest.raises(Refused, match="not active"):
        edited(a_deal(), stage=OLD.name)
    assert a_deal(HISTORY, stage=OLD.name)["stage"] == OLD.name
    assert edited(a_deal(), HISTORY, stage=OLD.name)["stage"] == OLD.name


@pytest.mark.parametrize("facts", [FACTS, HISTORY])
def test_no_deal_is_closed_in_the_future(facts: Facts) -> None:
    with pytest.raises(Refused, match=r"in the future \(Fri 2026-12-11\)"):
        a_deal(facts, stage="Closed Won", close_date=date(2026, 12, 11))
    with pytest.raises(Refused, match="in the future"):
        edited(a_deal(), facts, stage="Closed Won", close_date=date(2026, 12, 11))
    with pytest.raises(Refused, match="in the future"):
        edited(a_deal(stage="Closed Won"), facts, close_date=date(2026, 12, 11))
    past = edited(a_deal(), facts, stage="Closed Won", close_date=date(2026, 11, 1))
    assert past["closed_at"] == past["close_date"] == date(2026, 11, 1)


def test_a_deal_that_is_closed_early_is_closed_today() -> None:
    won = edited(a_deal(close_date=date(2026, 12, 31)), stage="Closed Won")
    assert won["closed_at"] == won["close_date"] == DAY


def test_an_open_deal_is_in_any_category_but_closed() -> None:
    contradictions: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: a_deal(category="Closed"),
        lambda: edited(a_deal(), category="Closed"),
        lambda: edited(a_deal(), HISTORY, category="Closed"),
        lambda: a_deal(HISTORY, stage="Prospecting", category="Closed"),
    )
    for contradiction in contradictions:
        with pytest.raises(Refused, match="comes with a closed stage"):
            contradiction()
    for category in ("Pipeline", "Best Case", "Commit", "Omitted"):
        assert edited(a_deal(), category=category)["category"] == category
    assert edited(a_deal(), stage="Closed Won", category="Closed")["category"] == "Closed"


def test_a_category_is_no_contradiction_where_a_file_does_not_say_the_stage() -> None:
    assert a_deal(HISTORY, category="Closed")["category"] == "Pipeline"


def test_a_closed_deal_has_what_its_stage_says() -> None:
    contradictions: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: a_deal(stage="Closed Won", probability=40),
        lambda: edited(a_deal(), stage="Closed Won", probability=40),
        lambda: edited(a_deal(stage="Closed Won"), probability=40),
        lambda: edited(a_deal(stage="Closed Won"), category="Commit"),
    )
    for contradiction in contradictions:
        with pytest.raises(Refused):
            contradiction()
    assert edited(a_deal(stage="Closed Won"), probability=100)["own_probability"] is None


# --- owners -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entity", ["lead", "account", "contact", "opportunity", "task"])
def test_who_has_left_gets_no_records(entity: str) -> None:
    with pytest.raises(Refused, match="Bob is not active"):
        completed(entity, {"name": "X", "owner_id": BOB}, FACTS)
    assert completed(entity, {"name": "X", "owner_id": BOB}, HISTORY)["owner_id"] == BOB


def test_who_has_left_keeps_what_they_had() -> None:
    account = {"id": 1, "name": "Acme", "owner_id": BOB}
    assert revised("account", account, {"owner_id": BOB, "city": "Lyon"}, FACTS)["city"] == "Lyon"
    assert revised("account", account, {"city": "Lyon"}, FACTS) == {"city": "Lyon"}
    with pytest.raises(Refused, match="Bob is not active"):
        revised("account", {**account, "owner_id": 1}, {"owner_id": BOB}, FACTS)


# --- activities, leads ------------------------------------------------------------------------------------


def test_what_is_logged_has_happened_when_it_is_added_and_when_it_is_edited() -> None:
    later = NOW + timedelta(minutes=1)
    for facts in (FACTS, HISTORY):
        with pytest.raises(InvalidValue, match="is in the future"):
            completed("activity", {"subject": "Demo", "happened_at": later}, facts)
        with pytest.raises(InvalidValue, match="is in the future"):
            revised("activity", {"id": 1, "happened_at": NOW}, {"happened_at": later}, facts)
    assert revised("activity", {"id": 1}, {"happened_at": NOW}, FACTS) == {"happened_at": NOW}
    assert completed("activity", {"subject": "Demo"}, FACTS)["happened_at"] == NOW


def test_a_lead_is_converted_by_being_converted() -> None:
    lead = {"id": 1, "name": "Wang", "status": "Open - Not Contacted", "converted_at": None}
    ways: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: completed("lead", {"name": "Wang", "status": "Closed - Converted"}, FACTS),
        lambda: revised("lead", lead, {"status": "Closed - Converted"}, FACTS),
    )
    for called_so in ways:
        with pytest.raises(Refused) as refused:
            called_so()
        assert "crm lead convert" in str(refused.value.hint)
    with pytest.raises(Refused, match="--value 'status:Closed - Converted=Closed - Not Converted'"):
        revised("lead", lead, {"status": "Closed - Converted"}, HISTORY)
    assert revised("lead", lead, {"status": "Closed - Not Converted"}, FACTS)


# --- circles ----------------------------------------------------------------------------------------------


def test_no_record_is_above_itself() -> None:
    account = {"id": 1, "name": "Acme", "owner_id": 1}
    with pytest.raises(Refused, match=r"A1 would be its own parent\."):
        revised("account", account, {"parent_id": 1}, FACTS, {"parent_id": [1, 2]})
    with pytest.raises(Refused, match=r"A1 would be its own parent, by way of A3 and A2\."):
        revised("account", account, {"parent_id": 3}, FACTS, {"parent_id": [3, 2, 1]})
    with pytest.raises(Refused, match=r"C1 would be its own superior\."):
        revised("contact", account, {"reports_to_id": 1}, FACTS, {"reports_to_id": [1]})
    assert revised("account", account, {"parent_id": 3}, FACTS, {"parent_id": [3, 2]}) == {"parent_id": 3}


# --- stages by their names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("propsal", "Did you mean 'Proposal/Price Quote'?"),
        ("quote", "Did you mean 'Proposal/Price Quote'?"),
        ("won", "Did you mean 'Closed Won'? `crm opp win REF` wins a deal."),
        ("Lost", "Did you mean 'Closed Lost'? `crm opp lose REF --reason TEXT` loses one."),
        ("xyzzy", None),
    ],
)
def test_a_word_that_is_no_stage_is_answered_with_what_was_probably_meant(
    text: str, hint: str | None
) -> None:
    with pytest.raises(CrmError) as refused:
        stage_named(text, STAGES)
    assert refused.value.hint == hint


# --- remarks ----------------------------------------------------------------------------------------------


def test_what_figures_cannot_count_is_remarked_once() -> None:
    assert lacking(a_deal(amount=None)) == [
        "No amount and no close date: it adds nothing to pipeline and forecast."
    ]
    dated = a_deal(amount=None, close_date=date(2026, 12, 1))
    assert lacking(dated) == ["No amount: it adds nothing to pipeline and forecast."]
    assert lacking(a_deal()) == ["No close date: it is in no period's forecast."]
    assert lacking(a_deal(close_date=DAY)) == []
    assert lacking(a_deal(amount=None, stage="Closed Lost", lost_reason="Pricing")) == []


def test_a_close_date_in_the_past_is_remarked_on_an_open_deal() -> None:
    assert overdue(a_deal(close_date=date(2026, 11, 20)), DAY) == ["The close date, Fri 2026-11-20, is past."]
    assert overdue(a_deal(close_date=DAY), DAY) == []
    assert overdue(a_deal(stage="Closed Won", close_date=date(2026, 11, 1)), DAY) == []
