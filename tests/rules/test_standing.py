"""Standing: ranks, who is at the top, and who falls behind."""

from crmcli.rules.standing import is_behind, is_top, ranks


def test_equal_amounts_share_their_rank() -> None:
    assert ranks([10, 50, 30, 30, 0]) == [4, 1, 2, 2, 5]
    assert ranks([]) == []


def test_with_a_quota_the_pace_says_who_is_behind() -> None:
    assert is_behind(1_000, [1_000], 5_000, 79.9)
    assert not is_behind(0, [1_000, 9_000], 5_000, 80.0)
    assert not is_behind(0, [9_000], 5_000, None), "the period has not begun"


def test_without_a_quota_half_the_median_says_it() -> None:
    assert is_behind(49, [49, 100, 700], None, None)
    assert not is_behind(50, [50, 100, 700], None, None)
    assert is_behind(37, [37, 50, 100, 700], None, None), "the median of an even number lies between: 75"
    assert not is_behind(38, [38, 50, 100, 700], None, None)
    assert not is_behind(0, [0, 0, 0], None, None), "where nobody won anything, nobody is behind"
    assert not is_behind(0, [], None, None)
    assert not is_behind(50, [50, 100], 0, None), "a quota of nothing is none"


def test_the_first_quarter_is_at_the_top() -> None:
    assert [is_top(rank, 100, 8) for rank in (1, 2, 3)] == [True, True, False]
    assert is_top(1, 100, 1)
    assert [is_top(rank, 100, 5) for rank in (2, 3)] == [True, False]
    assert not is_top(1, 0, 4), "nobody who won nothing"
