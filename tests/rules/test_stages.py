"""What entering a stage does to a deal, what a stage may be, and who may be where."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import Conflict, InvalidValue, NotFound, Refused
from crmcli.rules.closing import closed, moved, refuse_before_creation, reopened, said_of_move
from crmcli.rules.contact_roles import Part, leave, play
from crmcli.rules.ownership import refuse_departure, refuse_inactive_owner
from crmcli.rules.records import Facts, completed, revised
from crmcli.rules.stages import (
    StageFacts,
    check_stage,
    closing_stage,
    first_stage,
    moved_up,
    refuse_rewriting,
    refuse_without_open_stage,
    stage_named,
)

DAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
OPEN = StageFacts("Prospecting", 1, 10, "Pipeline", False, False)
NEXT = StageFacts("Negotiation/Review", 2, 90, "Commit", False, False, label="Haggling")
OLD = StageFacts("Id. Decision Makers", 3, 60, "Pipeline", False, False, active=False)
WON = StageFacts("Closed Won", 4, 100, "Closed", True, True)
LOST = StageFacts("Closed Lost", 5, 0, "Omitted", True, False)
STAGES = (OPEN, NEXT, OLD, WON, LOST)
FACTS = Facts(NOW, DAY, "USD", STAGES)


def a_deal(**values: Any) -> dict[str, Any]:
    new = completed("opportunity", {"name": "Acme renewal", "amount": 5_000_000, **values}, FACTS)
    blank = {"id": 45, "lost_reason": None, "close_date": None, "closed_at": None}
    return {**blank, **new}


def after(deal: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    return {**deal, **values}


# --- finding a stage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["negotiation/review", "NEGO", "  nego ", "haggling", "hag"])
def test_a_stage_is_found_by_its_name_its_beginning_or_its_label(text: str) -> None:
    assert stage_named(text, STAGES) is NEXT


def test_a_beginning_that_two_stages_have_is_a_conflict_that_names_them() -> None:
    with pytest.raises(Conflict, match="Closed Won or Closed Lost"):
        stage_named("closed", STAGES)


def test_an_unknown_stage_is_answered_with_the_one_that_was_probably_meant() -> None:
    with pytest.raises(InvalidValue) as refused:
        stage_named("Prospektion", STAGES)
    assert refused.value.hint == "Did you mean 'Prospecting'?"


def test_a_new_deal_starts_in_the_first_active_open_stage() -> None:
    assert first_stage((OLD, NEXT, OPEN)) is OPEN
    with pytest.raises(Refused):
        first_stage((OLD, WON))


def test_deals_are_closed_in_the_first_active_stage_of_their_end() -> None:
    assert closing_stage(STAGES, won=True) is WON
    assert closing_stage(STAGES, won=False) is LOST


# --- moves ------------------------------------------------------------------------------------------------


def test_a_stage_sets_probability_and_category() -> None:
    deal = after(a_deal(), moved(a_deal(), NEXT, FACTS))
    assert (deal["stage"], deal["probability"], deal["category"]) == ("Negotiation/Review", 90, "Commit")
    assert deal["stage_since"] == NOW


def test_a_probability_of_ones_own_survives_a_move_between_open_stages() -> None:
    deal = a_deal(probability=40)
    deal = after(deal, moved(deal, NEXT, FACTS))
    assert (deal["probability"], deal["category"]) == (40, "Commit")


def test_a_probability_that_equals_the_stages_is_not_ones_own() -> None:
    deal = after(a_deal(), moved(a_deal(), NEXT, FACTS, probability=90))
    assert deal["own_probability"] is None
    deal = after(deal, revised("opportunity", deal, {"probability": 90}, FACTS))
    assert deal["own_probability"] is None


def test_none_gives_the_probability_back_to_the_stage() -> None:
    deal = a_deal(probability=40)
    deal = after(deal, moved(deal, OPEN, FACTS, probability=None))
    assert (deal["probability"], deal["own_probability"]) == (10, None)


def test_the_same_stage_again_changes_nothing_even_where_the_deal_is_closed() -> None:
    assert moved(a_deal(), OPEN, FACTS) == {}
    won = a_deal(stage="Closed Won")
    assert moved(won, WON, FACTS) == {}


def test_a_closed_deal_stays_closed_and_the_refusal_says_how_to_open_it() -> None:
    won = a_deal(stage="Closed Won")
    with pytest.raises(Refused) as refused:
        moved(won, NEXT, FACTS)
    assert refused.value.hint == "`crm opp reopen O45` opens it again."
    with pytest.raises(Refused):
        closed(won, LOST, FACTS, "Pricing")


def test_nothing_enters_a_stage_that_is_out_of_use() -> None:
    with pytest.raises(Refused):
        moved(a_deal(), OLD, FACTS)
    with pytest.raises(Refused):
        reopened(a_deal(stage="Closed Won"), OLD, FACTS, None)


def test_a_closed_stage_closes_the_deal_on_the_day_of_the_act() -> None:
    deal = after(a_deal(), moved(a_deal(), WON, FACTS))
    assert (deal["is_won"], deal["probability"], deal["category"]) == (True, 100, "Closed")
    assert deal["closed_at"] == deal["close_date"] == DAY


def test_a_deal_is_not_lost_without_a_reason_nor_won_with_one() -> None:
    with pytest.raises(InvalidValue):
        moved(a_deal(), LOST, FACTS)
    with pytest.raises(InvalidValue):
        closed(a_deal(), LOST, FACTS, "  ")
    with pytest.raises(InvalidValue):
        closed(a_deal(), WON, FACTS, "Pricing")
    assert closed(a_deal(), LOST, FACTS, "Pricing")["lost_reason"] == "Pricing"


def test_a_closed_deal_has_no_probability_of_its_own_and_has_it_again_when_reopened() -> None:
    deal = a_deal(probability=40)
    lost = after(deal, closed(deal, LOST, FACTS, "Pricing"))
    assert (lost["probability"], lost["category"]) == (0, "Omitted")
    open_again = after(lost, reopened(lost, NEXT, FACTS, None))
    assert (open_again["probability"], open_again["closed_at"], open_again["lost_reason"]) == (40, None, None)


def test_a_reopened_deal_is_closed_when_it_is_said_to_be() -> None:
    won = a_deal(stage="Closed Won", close_date=date(2026, 11, 1))
    assert reopened(won, OPEN, FACTS, date(2026, 12, 31))["close_date"] == date(2026, 12, 31)


def test_only_a_closed_deal_is_reopened_and_only_into_an_open_stage() -> None:
    with pytest.raises(Refused):
        reopened(a_deal(), NEXT, FACTS, None)
    with pytest.raises(InvalidValue):
        reopened(a_deal(stage="Closed Won"), LOST, FACTS, None)


def test_nothing_happens_to_a_deal_before_its_creation() -> None:
    refuse_before_creation(a_deal(), DAY, DAY)
    with pytest.raises(Refused, match="was created on Sat 2026-11-21"):
        refuse_before_creation(a_deal(), DAY, date(2026, 11, 20))


@given(
    moves=st.lists(st.tuples(st.sampled_from(STAGES), st.sampled_from([-1, None, 40, 90])), max_size=12),
)
def test_whatever_is_done_a_deal_is_closed_exactly_when_it_has_a_closing_day(
    moves: list[tuple[StageFacts, int | None]],
) -> None:
    deal = a_deal()
    for stage, probability in moves:
        try:
            deal = after(deal, moved(deal, stage, FACTS, probability=probability, reason=None))
        except (Refused, InvalidValue):
            if deal["is_closed"]:
                deal = after(deal, reopened(deal, OPEN, FACTS, None))
        assert deal["is_closed"] == (deal["closed_at"] is not None)
        assert (deal["probability"] == 100) == deal["is_won"]
        assert (deal["probability"] == 0) == (deal["is_closed"] and not deal["is_won"])


# --- what is said -----------------------------------------------------------------------------------------


def test_the_line_after_a_move_says_what_changed() -> None:
    deal = a_deal(close_date=date(2026, 11, 27))
    assert said_of_move(deal, moved(deal, NEXT, FACTS), DAY, DAY) == [
        "O45 Acme renewal · Prospecting → Negotiation/Review · 90 % · Commit · closes Fri 2026-11-27"
    ]


def test_a_probability_that_survives_is_spoken_of() -> None:
    deal = a_deal(probability=40)
    said = said_of_move(deal, moved(deal, NEXT, FACTS), DAY, DAY)
    assert said[1:] == ["probability stays 40 % (yours; the stage's is 90 %)"]


def test_a_reopened_deal_with_a_past_close_date_asks_for_a_new_one() -> None:
    won = a_deal(stage="Closed Won", close_date=date(2026, 11, 1))
    said = said_of_move(won, reopened(won, OPEN, FACTS, won["close_date"]), DAY, DAY)
    assert said[1:] == [
        "It needs a new close date, Sun 2026-11-01 is past: crm opp edit O45 --close-date DATE"
    ]


# --- the stages themselves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stage",
    [
        {"name": "X", "is_closed": False, "is_won": True, "probability": 100, "category": "Closed"},
        {"name": "X", "is_closed": True, "is_won": True, "probability": 90, "category": "Closed"},
        {"name": "X", "is_closed": True, "is_won": False, "probability": 0, "category": "Closed"},
        {"name": "X", "is_closed": False, "is_won": False, "probability": 50, "category": "Closed"},
    ],
)
def test_a_stage_says_the_same_of_a_deal_in_all_its_fields(stage: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        check_stage(stage)


def test_a_new_open_stage_follows_the_open_ones() -> None:
    assert completed("stage", {"name": "Legal", "probability": 80}, FACTS)["position"] == 4


def test_a_stage_that_deals_have_been_in_keeps_its_name() -> None:
    stage = {"name": "Prospecting", "is_closed": False, "is_won": False}
    refuse_rewriting(stage, {"name": "Hunting"}, 0, ever=False)
    with pytest.raises(Refused) as refused:
        refuse_rewriting(stage, {"name": "Hunting"}, 0, ever=True)
    assert "--label" in str(refused.value.hint)


def test_a_stage_is_not_closed_under_the_deals_in_it() -> None:
    stage = {"name": "Prospecting", "is_closed": False, "is_won": False}
    with pytest.raises(Refused, match="1 deal is in Prospecting"):
        refuse_rewriting(stage, {"is_closed": True}, 1, ever=True)


def test_an_open_stage_is_always_left() -> None:
    with pytest.raises(Refused):
        refuse_without_open_stage((OLD, WON, LOST))


def test_stages_make_room_as_far_as_they_stand_close() -> None:
    assert moved_up({1: 1, 2: 2, 3: 3, 4: 7}, 2) == {2: 3, 3: 4}
    assert moved_up({1: 1, 2: 3}, 2) == {}


@given(st.dictionaries(st.integers(1, 30), st.integers(1, 12), max_size=10), st.integers(1, 12))
def test_making_room_leaves_the_position_free_and_the_others_in_order(
    taken: dict[int, int], position: int
) -> None:
    taken = dict(zip(taken, range(1, len(taken) + 1), strict=True))
    now = {**taken, **moved_up(taken, position)}
    assert position not in now.values()
    assert len(set(now.values())) == len(now)
    assert sorted(now, key=now.__getitem__) == sorted(taken, key=taken.__getitem__)


# --- who --------------------------------------------------------------------------------------------------


def test_a_new_primary_takes_the_place_of_the_old() -> None:
    parts = [Part(1, 7, "Influencer", True), Part(2, 8, None, False)]
    changes = play(parts, 45, 8, "Decision Maker", True, lambda _entity: 3)
    assert [(step.id, dict(step.values)) for step in changes] == [  # type: ignore[union-attr]
        (1, {"is_primary": False}),
        (2, {"role": "Decision Maker", "is_primary": True}),
    ]


def test_who_has_no_role_cannot_lose_it() -> None:
    with pytest.raises(NotFound):
        leave([Part(1, 7, None, False)], 8, "C8 Bo")


def test_who_is_not_active_gets_no_records_and_who_owns_some_does_not_leave() -> None:
    with pytest.raises(Refused):
        refuse_inactive_owner("Li", active=False)
    with pytest.raises(Refused, match="Li owns 1 open opportunity, 2 open tasks"):
        refuse_departure("Li", {"lead": 0, "opportunity": 1, "task": 2}, "O45")
    refuse_departure("Li", {"lead": 0, "opportunity": 0, "task": 0}, None)
