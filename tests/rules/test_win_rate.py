"""Win rate: won of won and lost, by number and by amount."""

from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.win_rate import win_rate


def test_the_denominator_is_what_was_closed() -> None:
    assert win_rate(20, 80) == 20.0
    assert win_rate(1, 2) == 33.3
    assert win_rate(2, 1) == 66.7
    assert win_rate(0, 3) == 0.0
    assert win_rate(3, 0) == 100.0


def test_where_nothing_was_closed_there_is_none() -> None:
    assert win_rate(0, 0) is None


def test_by_value_it_is_the_same_of_amounts() -> None:
    assert win_rate(9_500_00, 15_000_00) == 38.8


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_it_is_a_part_of_a_hundred_and_so_is_what_was_lost(won: int, lost: int) -> None:
    rate, other = win_rate(won, lost), win_rate(lost, won)
    if rate is None or other is None:
        assert won == lost == 0
    else:
        assert 0 <= rate <= 100
        assert round(rate + other, 1) in (100.0, 100.1), "a half goes up on both sides"
