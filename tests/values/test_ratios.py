"""Quotients as reports show them."""

import statistics
from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from crmcli.values.ratios import mean, mean_amount, median, ratio, share


def test_a_mean_has_one_decimal_and_a_half_goes_up() -> None:
    assert mean(5, 4) == 1.3
    assert mean(1, 3) == 0.3
    assert mean(0, 7) == 0.0
    assert mean(0, 0) is None


def test_a_share_is_in_percent_of_the_whole() -> None:
    assert share(1, 3) == 33.3
    assert share(2, 3) == 66.7
    assert share(0, 0) is None


def test_a_mean_amount_is_in_whole_minor_units() -> None:
    assert mean_amount(5, 2) == 3
    assert mean_amount(10_00, 3) == 3_33
    assert mean_amount(0, 0) is None


@given(st.lists(st.integers(0, 400), min_size=1))
def test_the_median_of_counted_numbers_is_that_of_the_numbers(days: list[int]) -> None:
    assert median(dict(Counter(days))) == statistics.median(days)


@given(st.integers(0, 10**12), st.integers(1, 10**9), st.integers(0, 4))
def test_a_ratio_is_off_by_half_of_its_last_digit_at_most(value: int, by: int, places: int) -> None:
    scaled = Fraction(value, by) * 10**places
    assert abs(
        Fraction(ratio(value, by, places)).limit_denominator(10**places) * 10**places - scaled
    ) <= Fraction(1, 2)
