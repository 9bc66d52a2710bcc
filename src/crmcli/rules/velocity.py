"""Sales velocity: what a pipeline brings a day, if it is worked as deals were so far."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction


def velocity(
    open_deals: int,
    win_rate: "Fraction | None",
    average_won: "Fraction | None",
    cycle_days: "Fraction | None",
) -> int | None:
    """Open deals × win rate × average won amount / days to close: whole minor units a day, a half rounded up.

    The win rate is a part of 1. None where a factor is missing, or where deals take no time at all.
    """
    if win_rate is None or average_won is None or not cycle_days:
        return None
    exact = open_deals * win_rate * average_won / cycle_days
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
