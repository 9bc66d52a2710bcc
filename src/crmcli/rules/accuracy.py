"""Accuracy: how far what was forecast lay from what came."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

Key = TypeVar("Key")  # whoever or whatever was forecast


class Miss(NamedTuple):
    """What was forecast of something, and what came."""

    forecast: int
    actual: int

    @property
    def error(self) -> int:
        return self.forecast - self.actual


class Accuracy(NamedTuple):
    """What was forecast and what came, with the errors in percent of what came; None where nothing came.

    The bias lets too much and too little cancel out, the WAPE (weighted absolute percentage error) does not.
    """

    forecast: int
    actual: int
    bias: float | None
    wape: float | None


def accuracy(misses: Iterable[Miss]) -> Accuracy:
    """Several periods taken together."""
    those = list(misses)
    forecast, actual = sum(each.forecast for each in those), sum(each.actual for each in those)
    return Accuracy(
        forecast,
        actual,
        percent(sum(each.error for each in those), actual),
        percent(sum(abs(each.error) for each in those), actual),
    )


def together(misses: Iterable[Mapping[Key, Miss]]) -> list[Miss]:
    """For each period, everybody's taken as one."""
    return [
        Miss(sum(each.forecast for each in period.values()), sum(each.actual for each in period.values()))
        for period in misses
    ]


def percent(part: int, whole: int) -> float | None:
    """A share in percent to one decimal, a half away from zero; None of nothing."""
    if not whole:
        return None
    tenths = (2000 * abs(part) + whole) // (2 * whole)
    return (-tenths if part < 0 else tenths) / 10
