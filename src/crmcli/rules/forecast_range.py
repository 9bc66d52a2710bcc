"""How likely which outcome is: the distribution of what open deals will bring, by one's own win rates.

Deals are taken as independent of each other, as every such forecast does; so a range is narrower than one
that knew of a bad quarter for all.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Final, NamedTuple

PRIOR: Final = 8  # as many deals as a stage's own probability counts for
THIN: Final = 20  # closed deals, below which a history says little
CELLS: Final = 4_000  # different sums, or cells of the grid, at most
WORK: Final = 6_000_000  # cells times deals, at most
NOTHING: Final = 1e-18  # a chance below this is none
ROUNDING: Final = 1e-12


class Ended(NamedTuple):
    """How many closed deals had been in a stage, and how many of them were won."""

    closed: int
    won: int


def win_rates(by_stage: Mapping[str, Ended], usual: Mapping[str, int]) -> dict[str, Fraction]:
    """The chance of winning from each stage: its own record, drawn towards its probability in percent.

    The mean of a Beta distribution: (won + 8 × probability) / (closed + 8). With little to learn from it is
    the probability of the stage, which nobody has to be sure of.
    """
    return {
        stage: (ended.won + PRIOR * Fraction(usual[stage], 100)) / (ended.closed + PRIOR)
        for stage, ended in by_stage.items()
        if stage in usual
    }


class Outcome(NamedTuple):
    """Open deals of a stage with the same amount, and what they may bring."""

    amount: int
    chance: Fraction
    deals: int = 1


class Range(NamedTuple):
    """What will be closed: with 10, 50 and 90 % likelihood at most, on average, and the chance of a target."""

    p10: int
    p50: int
    p90: int
    mean: int
    chance: float | None
    step: int  # to which the sums are kept


def mean_of(closed: int, outcomes: Iterable[Outcome]) -> Fraction:
    """What is closed, and the amounts of the open deals weighted by their chances."""
    return closed + sum((each.amount * each.chance * each.deals for each in outcomes), Fraction(0))


def distribution(outcomes: Sequence[Outcome]) -> tuple[dict[int, float], int]:
    """How likely each sum of the deals is, and to what step the sums are kept.

    The convolution of the deals, each of which brings its amount or nothing: without sampling, and to the
    minor unit as long as there are few enough different sums, else on a grid.
    """
    uncertain = [each for each in outcomes if each.amount and each.deals and 0 < each.chance < 1]
    sure = sum(each.amount * each.deals for each in outcomes if each.chance == 1)
    exact = by_sums(uncertain)
    if exact is not None:
        return {sure + amount: chance for amount, chance in exact.items()}, 1
    chances, step = on_a_grid(uncertain)
    return {sure + at * step: chance for at, chance in enumerate(chances)}, step


def by_sums(outcomes: Sequence[Outcome]) -> dict[int, float] | None:
    """The likelihood of every sum; None where there are too many."""
    chances = {0: 1.0}
    for each in outcomes:
        wins = float(each.chance)
        for _ in range(each.deals):
            after = {amount: (1.0 - wins) * chance for amount, chance in chances.items()}
            for amount, chance in chances.items():
                after[amount + each.amount] = after.get(amount + each.amount, 0.0) + wins * chance
            chances = after
            if len(chances) > CELLS:
                return None
    return dict(sorted(chances.items()))


def on_a_grid(outcomes: Sequence[Outcome]) -> tuple[list[float], int]:
    """The likelihood of every multiple of a step.

    An amount between two cells is shared between them so that its mean is kept.
    """
    deals = sum(each.deals for each in outcomes)
    total = sum(each.amount * each.deals for each in outcomes)
    cells = max(100, min(CELLS, WORK // deals))
    step = max(1, -(-total // cells))
    chances = [1.0]
    for each in sorted(outcomes, key=lambda one: one.amount):
        whole, rest = divmod(each.amount, step)
        wins = float(each.chance)
        above = wins * rest / step
        for _ in range(each.deals):
            before = chances
            chances = [(1.0 - wins) * chance for chance in before] + [0.0] * (whole + bool(rest))
            for at, chance in enumerate(before, whole):
                chances[at] += (wins - above) * chance
            if rest:
                for at, chance in enumerate(before, whole + 1):
                    chances[at] += above * chance
            while chances[-1] < NOTHING:
                chances.pop()
    return chances, step


def forecast_range(closed: int, outcomes: Sequence[Outcome], target: int | None) -> Range:
    """The range of what will be closed in the end; `target` is a quota."""
    chances, step = distribution(outcomes)
    sums = list(chances)
    reached = list(accumulate(chances.values()))

    def at_most(share: float) -> int:
        """The smallest outcome that is not exceeded with a likelihood."""
        place = bisect_left(reached, share * reached[-1] - ROUNDING)
        return closed + sums[place]

    mean = mean_of(closed, outcomes)
    chance = None
    if target:
        enough = sum(each for amount, each in chances.items() if closed + amount >= target)
        chance = round(100 * min(1.0, enough), 1)
    return Range(
        at_most(0.1),
        at_most(0.5),
        at_most(0.9),
        (2 * mean.numerator + mean.denominator) // (2 * mean.denominator),
        chance,
        step,
    )
