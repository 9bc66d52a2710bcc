"""Quotas: overlapping periods count once, teams are their members unless they were given one of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.rules.forecast import attainment, gap
from crmcli.rules.quotas import Line, Quota, Target, own_targets, pace, weights_of, whole_targets
from crmcli.values.money import split_evenly


def quota(
    owner: int, start: str, end: str, amount: int | None, *, team: bool = False, deals: int | None = None
) -> Quota:
    return Quota(owner, start, end, team, amount, deals, "USD")


def test_a_quarter_counts_rather_than_its_months_and_what_it_leaves_out_counts_too() -> None:
    those = [
        quota(1, "2026-07-01", "2026-07-31", 10),
        quota(1, "2026-08-01", "2026-08-31", 20),
        quota(1, "2026-07-01", "2026-09-30", 100),
        quota(1, "2026-10-01", "2026-10-31", 7),
        quota(2, "2026-07-01", "2026-07-31", 10),
        quota(2, "2026-08-01", "2026-08-31", 20, deals=3),
        quota(1, "2026-07-01", "2026-09-30", 999, team=True),
    ]
    assert own_targets(those) == {1: Target(107), 2: Target(30, 3)}
    assert own_targets(those, team=True) == {1: Target(999)}


def test_a_team_has_the_quota_it_was_given_else_that_of_its_members() -> None:
    line = Line({1: None, 2: 1, 3: 1, 4: 3})
    own = {1: Target(5), 2: Target(10), 4: Target(20)}
    assert line.walk() == [1, 2, 3, 4]
    whole, differ = whole_targets(line, own, {})
    assert [whole[person].amount for person in (1, 2, 3, 4)] == [35, 10, 20, 20]
    assert not differ
    whole, differ = whole_targets(line, own, {3: Target(25), 1: Target(40)})
    assert [whole[person].amount for person in (1, 2, 3, 4)] == [40, 10, 25, 20]
    assert differ == {3: (25, 20), 1: (40, 40)} or differ == {3: (25, 20)}


@given(
    managers=st.lists(st.none() | st.integers(0, 11), min_size=1, max_size=12),
    amounts=st.lists(st.none() | st.integers(0, 10**9), min_size=12, max_size=12),
)
def test_the_whole_of_those_at_the_top_is_the_sum_of_everybodys_own(
    managers: list[int | None], amounts: list[int | None]
) -> None:
    people: dict[int, int | None] = {}
    for person, manager in enumerate(managers):  # nobody is below themselves
        people[person] = manager if manager is not None and manager < person else None
    own = {person: Target(amounts[person]) for person in people if amounts[person] is not None}
    line = Line(people)
    assert sorted(line.walk()) == sorted(people)
    whole, differ = whole_targets(line, own, {})
    assert sum(whole[top].amount or 0 for top in line.tops) == sum(each.amount or 0 for each in own.values())
    assert not differ


def test_no_quota_and_a_quota_of_nothing_are_not_infinite() -> None:
    assert attainment(500, None) is None
    assert attainment(500, 0) is None
    assert gap(500, None) is None


@pytest.mark.parametrize(
    ("reached", "day", "days", "expected"),
    [
        (50.0, 46, 92, 100.0),
        (50.0, 92, 92, 50.0),
        (50.0, 500, 92, 50.0),
        (50.0, 23, 92, 200.0),
        (50.0, 0, 92, None),
    ],
)
def test_the_pace_is_what_is_reached_by_what_has_passed(
    reached: float, day: int, days: int, expected: float | None
) -> None:
    assert pace(reached, day, days) == expected
    assert pace(None, day, days) is None


def test_a_thousand_in_three() -> None:
    assert split_evenly(100_000, [1, 1, 1]) == [33334, 33333, 33333]


def test_weights_are_names_with_numbers() -> None:
    assert weights_of("li=3, zhang min =2") == {"li": 3, "zhang min": 2}
    for wrong in ("li", "li=", "=3", "li=-1", "li=1,li=2", "li=1.5", ""):
        with pytest.raises(InvalidValue):
            weights_of(wrong)
