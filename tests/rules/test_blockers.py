"""What a deal is stuck on: each threshold, on both sides."""

from datetime import date
from typing import Any

import pytest

from crmcli.rules.blockers import Standing, blockers_of

TODAY = date(2026, 5, 11)
FREE = Standing(
    "O7",
    "Proposal",
    limit=14,
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
        ({"pushes": 3}, "pushed", "close date pushed 3 times"),
        ({"overdue": ("T3", date(2026, 5, 10))}, "overdue task", "T3 was due 2026-05-10"),
        ({"has_next": False}, "no next step", "no next step"),
        ({"has_decider": False}, "no decision maker", "no decision maker"),
        ({"quiet": 15}, "no activity", "no activity for 15 days"),
        ({"quiet": 31, "limit": None}, "no activity", "no activity for 31 days"),
    ],
)
def test_beyond_a_limit_it_is(change: dict[str, Any], reason: str, message: str) -> None:
    found = list(blockers_of(FREE._replace(**change), TODAY))
    assert [(each.reason, each.message) for each in found] == [(reason, message)]


def test_a_stage_without_a_limit_stalls_nothing() -> None:
    assert list(blockers_of(FREE._replace(limit=None, in_stage=999, quiet=30), TODAY)) == []
