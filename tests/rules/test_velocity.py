"""Sales velocity: the worked numbers, and what is no number."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.velocity import velocity

WHOLE = Fraction(1)


@pytest.mark.parametrize(
    ("open_deals", "win_rate", "average", "days", "expected"),
    [
        (50, Fraction(20, 100), 10_000_00, 30, 3_333_33),
        (100, Fraction(25, 100), 50_000_00, 60, 20_833_33),
        (1, WHOLE, 1, 2, 1),  # a half is rounded up
        (0, WHOLE, 10_000_00, 30, 0),
        (50, Fraction(0), 10_000_00, 30, 0),
    ],
)
def test_the_worked_numbers(
    open_deals: int, win_rate: Fraction, average: int, days: int, expected: int
) -> None:
    assert velocity(open_deals, win_rate, Fraction(average), Fraction(days)) == expected


def test_without_a_factor_there_is_none() -> None:
    assert velocity(50, None, WHOLE, WHOLE) is None
    assert velocity(50, WHOLE, None, WHOLE) is None
    assert velocity(50, WHOLE, WHOLE, None) is None


def test_deals_that_take_no_time_bring_no_infinity() -> None:
    assert velocity(50, WHOLE, WHOLE, Fraction(0)) is None


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**15), st.integers(1, 10**7))
def test_nothing_is_rounded_before_the_last_digit(deals: int, won: int, amount: int, days: int) -> None:
    found = velocity(deals, Fraction(won, won + 1), Fraction(amount, won), Fraction(days, won))
    exact = Fraction(deals * won * amount * won, (won + 1) * won * days)
    assert found is not None
    assert abs(found - exact) <= Fraction(1, 2)
