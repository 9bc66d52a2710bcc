"""Time in stage: how many days a deal was in each stage."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import NamedTuple

Step = tuple[str, str | None]  # from which moment on in which stage; None stands for being closed


class Stay(NamedTuple):
    """How long a deal was in one stage, all visits together, and the day it last left it.

    The day is None where the deal is still there.
    """

    days: int
    left: date | None


def stays(path: Sequence[Step], until: date, day_of: Callable[[str], date]) -> dict[str, Stay]:
    """The stages a deal was in, with the days of each: those of the calendar, from coming to leaving.

    What changed within a stage is no step out of it. Deals that are open are still in their last stage, until
    a day.
    """
    found: dict[str, Stay] = {}
    moves = [step for at, step in enumerate(path) if not at or path[at - 1][1] != step[1]]
    for at, (since, stage) in enumerate(moves):
        if stage is None:
            continue
        left = day_of(moves[at + 1][0]) if at + 1 < len(moves) else None
        days = max(0, ((left or until) - day_of(since)).days)
        before = found[stage].days if stage in found else 0
        found[stage] = Stay(before + days, left)
    return found


def days_by_stage(
    paths: Iterable[Sequence[Step]], until: date, day_of: Callable[[str], date]
) -> dict[str, Counter[int]]:
    """How many days deals were in each stage that they left, each number with how often it is there."""
    found: dict[str, Counter[int]] = {}
    for path in paths:
        for stage, stay in stays(path, until, day_of).items():
            if stay.left is not None:
                found.setdefault(stage, Counter())[stay.days] += 1
    return found
