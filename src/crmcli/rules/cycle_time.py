"""Cycle time: how many days deals took, from their creation to their close."""

from datetime import date
from typing import NamedTuple

from crmcli.values.ratios import mean, median


class Spread(NamedTuple):
    """What the days of some deals come to; None of none."""

    deals: int
    mean: float | None
    median: float | None
    shortest: int | None
    longest: int | None


def cycle_days(made: date, closed: date) -> int | None:
    """The days from the creation of a deal to its close, 0 where both are one day.

    None where it was closed before it was made, as it stands of a past deal that was brought in without the
    day of its creation: that is no length of time.
    """
    days = (closed - made).days
    return None if days < 0 else days


def spread(counted: dict[int, int]) -> Spread:
    """Of numbers of days, each with how many deals took it: the mean, the median, the least and the most."""
    deals = sum(counted.values())
    total = sum(days * count for days, count in counted.items())
    least, most = (min(counted), max(counted)) if counted else (None, None)
    return Spread(deals, mean(total, deals), median(counted), least, most)
