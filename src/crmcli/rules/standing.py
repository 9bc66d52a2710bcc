"""Standing: who among those who sell is at the top, and who falls behind."""

from collections.abc import Sequence
from typing import Final

TOP: Final = "top"
BEHIND: Final = "behind"
BEHIND_PACE: Final = 80  # percent of what the days that have passed would want
TOP_OF: Final = 4  # the best of so many


def ranks(amounts: Sequence[int]) -> list[int]:
    """The place of each amount, the largest first; equal amounts share theirs: 1, 2, 2, 4."""
    first: dict[int, int] = {}
    for place, amount in enumerate(sorted(amounts, reverse=True), 1):
        first.setdefault(amount, place)
    return [first[amount] for amount in amounts]


def is_behind(won: int, everybody: Sequence[int], quota: int | None, pace: float | None) -> bool:
    """Whether somebody falls behind: with a quota if the pace is below 80 %, without one if they won less
    than half the median of everybody's amounts."""
    if quota:
        return pace is not None and pace < BEHIND_PACE
    if not everybody:
        return False
    ordered = sorted(everybody)
    middle = len(ordered) // 2
    twice_median = ordered[middle] + ordered[-middle - 1]
    return 4 * won < twice_median


def is_top(rank: int, won: int, people: int) -> bool:
    """Whether somebody who won something is in the first quarter of so many people, rounded up."""
    return won > 0 and rank <= -(-people // TOP_OF)
