"""Cycle time: days of the calendar, and what many of them come to."""

import statistics
from collections import Counter
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.cycle_time import Spread, cycle_days, spread

DAY = date(2026, 3, 1)


def test_a_deal_that_is_closed_on_the_day_it_was_made_took_no_days() -> None:
    assert cycle_days(DAY, DAY) == 0
    assert cycle_days(DAY, date(2026, 4, 1)) == 31


def test_a_deal_that_was_closed_before_it_was_made_took_no_length_of_time() -> None:
    assert cycle_days(DAY, DAY - timedelta(days=1)) is None


def test_mean_and_median_and_the_ends() -> None:
    assert spread({10: 1, 20: 2, 90: 1}) == Spread(4, 35.0, 20.0, 10, 90)
    assert spread({7: 1, 8: 1}) == Spread(2, 7.5, 7.5, 7, 8)
    assert spread({}) == Spread(0, None, None, None, None)


@given(st.lists(st.integers(0, 4000), min_size=1))
def test_it_is_what_the_standard_library_says(days: list[int]) -> None:
    found = spread(Counter(days))
    assert found.median == statistics.median(days)
    assert found.mean is not None
    assert abs(found.mean - statistics.fmean(days)) <= 0.05 + 1e-9
    assert (found.deals, found.shortest, found.longest) == (len(days), min(days), max(days))
