"""How likely which outcome is: the distribution of what open deals will bring, by one's own win rates.

Deals are taken as independent of each other, as every such forecast does; so a range is narrower than one
that knew of a bad quarter for all.
"""

import struct
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from math import gcd, sqrt
from typing import Final, NamedTuple

PRIOR: Final = 8  # as many deals as a stage's own probability counts for
THIN: Final = 20  # closed deals, below which a history says little
SUMS: Final = 4_000  # different sums that are kept one by one, at most
CELLS: Final = 4_000  # of a grid from nothing to everything, at least
FINE: Final = 6  # cells to the mean amount, at least
MOST: Final = 32_000  # cells where the likelihood is, at most
WIDTH: Final = 16  # standard deviations; beyond is no likelihood that would be seen
PLACES: Final = 62  # binary, of a likelihood on the grid
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


class Open(NamedTuple):
    """Open deals with the same chance of being won: their amounts, each with how many deals have it."""

    chance: Fraction
    amounts: Mapping[int, int]

    @property
    def deals(self) -> int:
        return sum(self.amounts.values())

    @property
    def total(self) -> int:
        """What all of them bring together."""
        return sum(amount * deals for amount, deals in self.amounts.items())


class Range(NamedTuple):
    """What will be closed: with 10, 50 and 90 % likelihood at most, on average, and the chance of a target."""

    p10: int
    p50: int
    p90: int
    mean: int
    chance: float | None
    step: int  # to which the sums are kept


def mean_of(closed: int, open: Iterable[Open]) -> Fraction:
    """What is closed, and the amounts of the open deals weighted by their chances."""
    return closed + sum((each.total * each.chance for each in open), Fraction(0))


def distribution(open: Sequence[Open]) -> tuple[dict[int, float], int]:
    """How likely each sum of the deals is, and to what step the sums are kept.

    The convolution of the deals, each of which brings its amount or nothing: without sampling, and to the
    minor unit as long as there are few enough different sums, else on a grid.
    """
    sure = sum(each.total for each in open if each.chance == 1)
    uncertain = [
        Open(each.chance, {amount: deals for amount, deals in each.amounts.items() if amount})
        for each in open
        if 0 < each.chance < 1
    ]
    chances, step = by_sums(uncertain), 1
    if chances is None:
        chances, step = on_a_grid(uncertain)
    return {sure + amount: chance for amount, chance in chances.items()}, step


def by_sums(open: Sequence[Open]) -> dict[int, float] | None:
    """The likelihood of every sum; None where there are too many."""
    if sum(each.deals for each in open) >= SUMS:
        return None  # each of them makes one sum more, at least
    chances = {0: 1.0}
    for each in open:
        wins = float(each.chance)
        for amount in Counter(each.amounts).elements():
            after = {before: (1.0 - wins) * chance for before, chance in chances.items()}
            for before, chance in chances.items():
                after[before + amount] = after.get(before + amount, 0.0) + wins * chance
            chances = after
            if len(chances) > SUMS:
                return None
    return dict(sorted(chances.items()))


# --- on a grid ------------------------------------------------------------------------------------------


def on_a_grid(open: Sequence[Open]) -> tuple[dict[int, float], int]:
    """The likelihood of every multiple of a step; the step is 1 where no amount lies between two of them."""
    step = step_of(open)
    parts = [part for each in open for part in in_cells(each, step)]
    while len(parts) > 1:
        parts.sort(key=lambda part: len(part.likelihoods))
        odd = parts[-1:] if len(parts) % 2 else []
        parts = [*map(convolved, parts[::2], parts[1::2]), *odd]
    first, likelihoods = parts[0]
    chances = {at * step: each / (1 << PLACES) for at, each in enumerate(likelihoods, first) if each}
    return chances, 1 if all(amount % step == 0 for each in open for amount in each.amounts) else step


def step_of(open: Sequence[Open]) -> int:
    """The width of a cell: what all amounts are multiples of, unless that makes too many cells.

    On a grid an amount is off by less than a cell, up or down; with cells that are narrow beside the usual
    amount the spread of the sum hardly changes.
    """
    total = sum(each.total for each in open)
    variance = sum(
        float(each.chance * (1 - each.chance))
        * sum(amount**2 * deals for amount, deals in each.amounts.items())
        for each in open
    )
    largest = max(max(each.amounts) for each in open if each.amounts)
    width = min(total, max(int(WIDTH * sqrt(variance)), largest))
    grain = gcd(*(amount for each in open for amount in each.amounts))
    if width <= MOST * grain:
        return grain
    cells = max(CELLS, FINE * sum(each.deals for each in open))
    return max(-(-total // cells), -(-width // MOST))


class Cells(NamedTuple):
    """A distribution on a grid: from which cell on how likely each is, as whole numbers of 2 ** -PLACES."""

    first: int
    likelihoods: Sequence[int]


def in_cells(open: Open, step: int) -> Iterator[Cells]:
    """The distributions of the deals that have the same amount on the grid.

    Where amounts lie between two cells, so many of the deals go up and the others down, one of them in part,
    that the sum of all stays what it is, and with it the mean.
    """
    chance = float(open.chance)
    between: dict[int, list[int]] = {}
    for amount, deals in open.amounts.items():
        below, rest = divmod(amount, step)
        group = between.setdefault(below, [0, 0])
        group[0] += deals
        group[1] += rest * deals
    counted: Counter[int] = Counter()
    for below, (deals, rests) in between.items():
        up, rest = divmod(rests, step)
        counted[below + 1] += up
        counted[below] += deals - up - bool(rest)
        if rest:
            above = chance * rest / step
            yield cells_of(Counter({0: 1 - chance}) + Counter({below: chance - above, below + 1: above}))
    for cells, deals in counted.items():
        if cells and deals:
            yield cells_of({won * cells: likely for won, likely in binomial(deals, chance).items()})


def cells_of(likely: Mapping[int, float]) -> Cells:
    first, last = min(likely), max(likely)
    likelihoods = [0] * (last - first + 1)
    for at, chance in likely.items():
        likelihoods[at - first] = int(chance * (1 << PLACES))
    return Cells(first, likelihoods)


def binomial(deals: int, chance: float) -> dict[int, float]:
    """How likely it is that so many of some deals are won, where it is likely at all; from the likeliest out."""
    nothing = 0.5**PLACES
    middle = min(deals, int((deals + 1) * chance))
    found = {middle: 1.0}
    odds = chance / (1 - chance)
    likely = 1.0
    for won in range(middle, deals):
        likely *= odds * (deals - won) / (won + 1)
        if likely < nothing:
            break
        found[won + 1] = likely
    likely = 1.0
    for won in range(middle, 0, -1):
        likely *= won / ((deals - won + 1) * odds)
        if likely < nothing:
            break
        found[won - 1] = likely
    whole = sum(found.values())
    return {won: likely / whole for won, likely in found.items()}


def convolved(one: Cells, other: Cells) -> Cells:
    """The distribution of the sum of both.

    A single product of two integers, in which every likelihood is a digit of 128 bits (Kronecker's
    substitution): its digits are the sums of products.
    """
    cells = len(one.likelihoods) + len(other.likelihoods) - 1
    product = as_digits(one.likelihoods) * as_digits(other.likelihoods) >> PLACES
    likelihoods = struct.unpack(f"<{2 * cells}Q", product.to_bytes(16 * cells, "little"))[::2]
    start = next(at for at, each in enumerate(likelihoods) if each)
    end = next(at for at in range(cells, 0, -1) if likelihoods[at - 1])
    return Cells(one.first + other.first + start, likelihoods[start:end])


def as_digits(likelihoods: Sequence[int]) -> int:
    words = [0] * (2 * len(likelihoods))
    words[::2] = likelihoods
    return int.from_bytes(struct.pack(f"<{len(words)}Q", *words), "little")


def forecast_range(closed: int, open: Sequence[Open], target: int | None) -> Range:
    """The range of what will be closed in the end; `target` is a quota."""
    chances, step = distribution(open)
    sums = list(chances)
    reached = list(accumulate(chances.values()))

    def at_most(share: float) -> int:
        """The smallest outcome that is not exceeded with a likelihood."""
        place = bisect_left(reached, share * reached[-1] - ROUNDING)
        return closed + sums[place]

    mean = mean_of(closed, open)
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
