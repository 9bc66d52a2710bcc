"""What a deal is stuck on: each threshold, on both sides."""

from datetime import date
from typing import Any

import pytest

from crmcli.rules.blockers import Limit, Standing, blockers_of, limit_of, said_of_limits

TODAY = date(2026, 5, 11)
FREE = Standing(
    "O7",
    "Proposal",
    limit=Limit(14),
    in_stage=14,
    close_date=TODAY,
    pushes=2,
    has_next=True,
    has_decider=True,
    overdue=None,
    quiet=14,
)


def test_a_deal_at_every_limit_is_not_stuck() -> None:
    assert list(blockers_of(FREE, TODAY)) == []


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"close_date": date(2026, 5, 10)}, "past close", "should have closed 2026-05-10"),
        ({"in_stage": 15}, "stalled", "15 days in Proposal, limit 14"),
        (
            {"in_stage": 46, "limit": Limit(45, 8, 30)},
            "stalled",
            "46 days in Proposal, usual limit 45",
        ),
        ({"pushes": 3}, "pushed", "close date pushed 3 times"),
        ({"overdue": ("T3", date(2026, 5, 10))}, "overdue task", "T3 was due 2026-05-10"),
        ({"has_next": False}, "no next step", "no next step"),
        ({"has_decider": False}, "no decision maker", "no decision maker"),
        ({"quiet": 15}, "no activity", "no activity for 15 days"),
        ({"quiet": 31, "limit": Limit(None)}, "no activity", "no activity for 31 days"),
    ],
)
def test_beyond_a_limit_it_is(change: dict[str, Any], reason: str, message: str) -> None:
    found = list(blockers_of(FREE._replace(**change), TODAY))
    assert [(each.reason, each.message) for each in found] == [(reason, message)]


def test_a_stage_without_a_limit_stalls_nothing() -> None:
    assert list(blockers_of(FREE._replace(limit=Limit(None), in_stage=999, quiet=30), TODAY)) == []


@pytest.mark.parametrize(
    ("own", "won_days", "limit"),
    [
        (20, {30: 8}, Limit(20)),
        (None, {}, Limit(None)),
        (None, {30: 7}, Limit(None)),
        (None, {30: 8}, Limit(45, 8, 30)),
        (None, {10: 4, 25: 4}, Limit(26, 8, 17.5)),
        (None, {2: 9}, Limit(14, 9, 2)),
        (None, {0: 4, 100: 5}, Limit(150, 9, 100)),
    ],
)
def test_a_limit_is_the_stages_own_or_what_was_usual(
    own: int | None, won_days: dict[int, int], limit: Limit
) -> None:
    assert limit_of(own, won_days) == limit


def test_usual_limits_say_where_they_come_from() -> None:
    limits = {"A": Limit(45, 1200, 30), "B": Limit(20), "C": Limit(None), "D": Limit(14, 9, 2)}
    assert said_of_limits(limits) == [
        "Usual limit, where a stage has none of its own (1.5 × the median of won deals, at least 14):"
        " A 45 days (1,200 deals), D 14 days (9 deals)"
    ]
    assert said_of_limits({"B": Limit(20)}) == []
