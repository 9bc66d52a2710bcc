"""Bias and WAPE, by hand."""

import pytest

from crmcli.rules.accuracy import Accuracy, Miss, accuracy, percent, together


def test_errors_cancel_out_in_the_bias_and_not_in_the_wape() -> None:
    assert accuracy([Miss(120, 100), Miss(80, 100)]) == Accuracy(200, 200, 0.0, 20.0)
    assert accuracy([Miss(150, 100)]) == Accuracy(150, 100, 50.0, 50.0)
    assert accuracy([Miss(50, 100)]) == Accuracy(50, 100, -50.0, 50.0)
    assert accuracy([Miss(50, 0)]) == Accuracy(50, 0, None, None)
    assert accuracy([]) == Accuracy(0, 0, None, None)


def test_all_together_are_one_a_period() -> None:
    periods = [{"Li": Miss(120, 100), "Bo": Miss(80, 100)}, {"Li": Miss(10, 0)}]
    assert together(periods) == [Miss(200, 200), Miss(10, 0)]


@pytest.mark.parametrize(
    ("part", "whole", "expected"), [(1, 3, 33.3), (2, 3, 66.7), (-1, 3, -33.3), (1, 2000, 0.1), (0, 5, 0.0)]
)
def test_shares_are_rounded_half_away_from_zero(part: int, whole: int, expected: float) -> None:
    assert percent(part, whole) == expected
