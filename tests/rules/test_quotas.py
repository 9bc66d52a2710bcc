"""Quotas: overlapping periods count once, teams are their members unless they were given one of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.rules.forecast import attainment, gap
from crmcli.rules.quotas import (
    Line,
    Part,
    Quota,
    Target,
    own_targets,
    pace,
    partly_covered,
    towards,
    weights_of,
    whole_targets,
)
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
    assert {owner: sums(target) for owner, target in own_targets(those).items()} == {
        1: (107, None),
        2: (30, 3),
    }
    names = {id: f"Person {id}" for id in range(10)}
    assert partly_covered(those, "2026-07-01", "2026-09-30", names) == "Person 2", "nothing for September"


def sums(target: Target) -> tuple[int | None, int | None]:
    return target.amount, target.deals


QUARTERS = {
    1: ("2026-01-01", "2026-03-31"),
    2: ("2026-04-01", "2026-06-30"),
    3: ("2026-07-01", "2026-09-30"),
    4: ("2026-10-01", "2026-12-31"),
}
YEAR = ("2026-01-01", "2026-12-31")


def amounts(line: Line, quotas: list[Quota]) -> dict[int, int | None]:
    return {person: target.amount for person, target in whole_targets(line, quotas).targets.items()}


def test_a_team_has_the_quota_it_was_given_else_that_of_its_members() -> None:
    line = Line({1: None, 2: 1, 3: 1, 4: 3})
    assert line.walk() == [1, 2, 3, 4]
    own = [quota(1, *YEAR, 5), quota(2, *YEAR, 10, deals=3), quota(4, *YEAR, 20, deals=4)]
    assert amounts(line, own) == {1: 35, 2: 10, 3: 20, 4: 20}
    assert not whole_targets(line, own).differ
    own += [quota(3, *YEAR, 25, team=True), quota(1, *YEAR, 40, team=True)]
    assert amounts(line, own) == {1: 40, 2: 10, 3: 25, 4: 20}
    whole = whole_targets(line, own)
    assert whole.differ == {3: (25, 20)}
    assert sums(whole.targets[1]) == (40, 7)  # deals were not given to the team
    assert list(whole.sentences({3: "Cy"}, "USD")) == [
        "Mismatch: the team of Cy has USD 0.25, the quotas of its members come to USD 0.20"
    ]


def test_the_quota_of_a_team_counts_within_its_days_and_the_rest_is_that_of_the_members() -> None:
    line = Line({1: None, 2: 1, 3: 1})
    own = [quota(person, *days, 100) for person in (2, 3) for days in QUARTERS.values()]
    own.append(quota(1, *QUARTERS[4], 50))  # the leader's own is part of the team's
    fourth = quota(1, *QUARTERS[4], 300, team=True)
    assert amounts(line, own)[1] == 850
    assert amounts(line, [*own, fourth])[1] == 900
    assert whole_targets(line, [*own, fourth]).differ == {1: (300, 250)}
    months = [quota(2, "2026-10-01", "2026-10-31", 40), quota(2, "2026-11-01", "2026-11-30", 60)]
    assert amounts(line, [*months, fourth])[1] == 300


def test_a_team_within_a_team_counts_in_its_leaders() -> None:
    line = Line({1: None, 2: 1, 3: 2})
    own = [quota(3, *days, 100) for days in QUARTERS.values()]
    fourth = quota(2, *QUARTERS[4], 170, team=True)
    assert amounts(line, [*own, fourth]) == {1: 470, 2: 470, 3: 400}
    assert amounts(line, [*own, fourth, quota(1, *QUARTERS[4], 150, team=True)]) == {1: 450, 2: 470, 3: 400}
    half = quota(1, "2026-07-01", "2026-12-31", 250, team=True)
    assert amounts(line, [*own, fourth, half]) == {1: 450, 2: 470, 3: 400}


def test_a_target_that_reaches_beyond_the_days_of_the_teams_is_not_cut() -> None:
    line = Line({1: None, 2: 1})
    those = [quota(2, *YEAR, 1200), quota(1, *QUARTERS[4], 700, team=True)]
    whole = whole_targets(line, those)
    assert sums(whole.targets[1]) == (1200, None)
    assert list(whole.sentences({1: "Al"}, "USD")) == [
        "Passed over: USD 7.00 for the team of Al, as a member's quota reaches beyond its days"
    ]
    assert amounts(line, those[1:])[1] == 700


def lines(managers: list[int | None]) -> Line:
    """Nobody is below themselves."""
    return Line(
        {
            person: manager if manager is not None and manager < person else None
            for person, manager in enumerate(managers)
        }
    )


MANAGERS = st.lists(st.none() | st.integers(0, 11), min_size=1, max_size=12)
AMOUNTS = st.dictionaries(st.tuples(st.integers(0, 11), st.integers(1, 4)), st.integers(0, 10**9))


@given(managers=MANAGERS, given=AMOUNTS, halves=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)))
def test_teams_are_their_members_unless_they_were_given_a_quota(
    managers: list[int | None], given: dict[tuple[int, int], int], halves: tuple[int, int]
) -> None:
    line = lines(managers)
    assert sorted(line.walk()) == list(range(len(managers)))
    own = [
        quota(person, *QUARTERS[number], amount)
        for (person, number), amount in given.items()
        if person < len(managers)
    ]
    whole = whole_targets(line, own)
    summed = sum(each.amount or 0 for each in own)
    assert sum(whole.targets[top].amount or 0 for top in line.tops) == summed
    assert not whole.differ

    year = [*own, *(quota(top, *YEAR, halves[0], team=True) for top in line.tops)]
    assert all(whole_targets(line, year).targets[top].amount == halves[0] for top in line.tops)

    first, second = ("2026-01-01", "2026-06-30"), ("2026-07-01", "2026-12-31")
    both = [
        quota(top, *days, amount, team=True)
        for top in line.tops
        for days, amount in zip((first, second), halves, strict=True)
    ]
    for those in (both, both[::-1]):
        assert all(
            whole_targets(line, [*own, *those]).targets[top].amount == sum(halves) for top in line.tops
        )

    one = [*own, *(quota(person, *QUARTERS[4], halves[0], team=True) for person in line.tops)]
    rest = sum(each.amount or 0 for each in own if each.start != QUARTERS[4][0])
    total = sum(whole_targets(line, one).targets[top].amount or 0 for top in line.tops)
    assert total == rest + halves[0] * len(line.tops)


def test_only_what_is_won_on_days_of_quotas_counts_towards_them() -> None:
    line = Line({1: None, 2: 1, 3: 1})
    won = {
        1: {"2026-11-01": 1},
        2: {"2026-01-01": 20, "2026-05-01": 300, "2026-12-31": 4000},
        3: {"2026-10-01": 50_000},
        None: {"2026-10-01": 600_000},
    }
    quarter = quota(2, *QUARTERS[1], 10, deals=1)
    assert towards(own_targets([quarter])[2].amounts, won, [2]) == 20
    whole = whole_targets(line, [quarter, quota(1, *QUARTERS[4], 70, team=True, deals=2)]).targets[1]
    assert towards(whole.amounts, won, line.below(1)) == 20 + 4000 + 50_000 + 1, "not the 300 of May"
    assert towards(whole.counts, won, won) == 20 + 4000 + 50_000 + 1 + 600_000
    assert sums(whole) == (80, 3)


def test_what_is_won_in_the_month_of_another_does_not_count() -> None:
    january = quota(1, "2026-01-01", "2026-01-31", 100)
    february = quota(2, "2026-02-01", "2026-02-28", 100)
    won = {
        1: {"2026-01-10": 100, "2026-02-10": 1000},
        2: {"2026-02-10": 100, "2026-01-10": 1000},
        3: {"2026-02-10": 7, "2026-03-10": 8},
    }
    parts = whole_targets(Line({1: None, 2: 1, 3: 1}), [january, february]).targets[1].amounts
    assert towards(parts, won, [1, 2]) == 200
    assert towards(parts, won, [1, 2, 3]) == 207, "who has no quota counts on the days of the others"


@given(st.lists(st.tuples(st.integers(1, 28), st.integers(0, 9)), max_size=6))
def test_a_day_that_several_parts_cover_counts_once(parts: list[tuple[int, int]]) -> None:
    made = [
        Part(f"2026-02-{first:02}", f"2026-02-{min(first + more, 28):02}", 1, (1,)) for first, more in parts
    ]
    days = [f"2026-02-{day:02}" for day in range(1, 29)]
    covered = [day for day in days if any(part.start <= day <= part.end for part in made)]
    assert towards(made, {1: dict.fromkeys(days, 1)}, [1]) == len(covered)


def test_no_quota_and_a_quota_of_nothing_are_not_infinite() -> None:
    assert attainment(500, None) is None
    assert attainment(500, 0) is None
    assert gap(500, None) is None


@pytest.mark.parametrize(
    ("closed", "day", "expected"),
    [
        (150, "2026-08-15", 100.0),  # 46 of 92 days
        (150, "2026-09-30", 50.0),
        (150, "2027-12-01", 50.0),
        (150, "2026-07-23", 200.0),
        (150, "2026-06-30", None),
        (100, "2026-08-10", 74.8),  # 33.333… % by 44.565… %: 74.796…, rounded once
    ],
)
def test_the_pace_is_what_is_reached_by_what_is_due(closed: int, day: str, expected: float | None) -> None:
    assert pace(closed, [Part(*QUARTERS[3], 300, (1,))], day) == expected
    assert pace(closed, [], day) is None


def test_a_quota_is_due_on_its_own_days() -> None:
    months = [Part("2026-07-01", "2026-07-31", 300, (1,)), Part("2026-09-01", "2026-09-30", 600, (1,))]
    assert pace(150, months, "2026-07-31") == 50.0
    assert pace(150, months, "2026-08-31") == 50.0, "August asks for nothing"
    assert pace(150, months, "2026-09-10") == 30.0  # of 300 and 200
    assert pace(0, [Part("2026-07-01", "2026-07-31", 0, (1,))], "2026-07-31") is None


def test_a_thousand_in_three() -> None:
    assert split_evenly(100_000, [1, 1, 1]) == [33334, 33333, 33333]


def test_weights_are_names_with_numbers() -> None:
    assert weights_of("li=3, zhang min =2") == {"li": 3, "zhang min": 2}
    for wrong in ("li", "li=", "=3", "li=-1", "li=1,li=2", "li=1.5", ""):
        with pytest.raises(InvalidValue):
            weights_of(wrong)
