"""What a campaign brought for what it cost, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.campaign_return import Cost, campaign_return, cost_each, cost_of


@pytest.mark.parametrize(
    ("won", "cost", "expected"),
    [
        (30_000, 10_000, 200.0),
        (10_000, 10_000, 0.0),
        (5_000, 10_000, -50.0),
        (0, 10_000, -100.0),
        (1_000, 3_000, -66.7),
        (4_000, 3_000, 33.3),
        (1, 10**15, -100.0),
        (5_000, 0, None),
        (5_000, None, None),
    ],
)
def test_the_return_is_what_was_won_beyond_the_cost(
    won: int, cost: int | None, expected: float | None
) -> None:
    assert campaign_return(won, cost) == expected


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_return_differs_by_no_more_than_its_last_digit(won: int, cost: int) -> None:
    found = campaign_return(won, cost)
    assert found is not None
    assert found >= -100
    exact = (won - cost) * 100 / cost
    assert found == pytest.approx(exact, rel=1e-12, abs=0.0500001)


def test_the_actual_cost_counts_before_the_budgeted_one() -> None:
    assert cost_of(900, 1_000) == Cost(900, "actual")
    assert cost_of(0, 1_000) == Cost(0, "actual")
    assert cost_of(None, 1_000) == Cost(1_000, "budgeted")
    assert cost_of(None, None) is None


@pytest.mark.parametrize(
    ("cost", "count", "expected"),
    [(1_000, 3, 333), (1_000, 6, 167), (1_000, 0, None), (0, 3, None), (None, 3, None)],
)
def test_the_cost_of_each(cost: int | None, count: int, expected: int | None) -> None:
    assert cost_each(cost, count) == expected
