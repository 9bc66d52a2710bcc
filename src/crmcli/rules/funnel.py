"""The funnel: of the deals that entered a stage in a period, how many came further."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from crmcli.values.ratios import share

NOWHERE: Final = 0  # before the first stage
WON: Final = 2**31 - 1  # beyond the last

Became = Literal["advanced", "lost", "pending"]


class Passage(NamedTuple):
    """How far a deal had come before a period, by its end, and in all, and whether that is its end."""

    at_start: int
    at_end: int
    highest: int
    closed: bool

    def entered(self, place: int) -> bool:
        """Whether it came to a place, or past it, for the first time in the period."""
        return self.at_start < place <= self.at_end

    def became(self, place: int) -> Became:
        """What became of it once it was there."""
        if self.highest > place:
            return "advanced"
        return "lost" if self.closed else "pending"


class Entered(NamedTuple):
    """The deals that entered one stage."""

    entered: int
    advanced: int
    lost: int
    pending: int
    conversion: float | None
    of_first: float | None
    amount: int


def funnel(places: Sequence[int], passages: Iterable[tuple[Passage, int, int]]) -> list[Entered]:
    """What became of the deals that entered each place, the first place first.

    Each passage comes with how many deals passed so, and their amount. `conversion` is the share that came
    further of those of which it is known, `of_first` the share of the deals that entered the first place in
    the period and came to this one by now.
    """
    known = list(passages)
    began = [each for each in known if places and each[0].entered(places[0])]
    first = sum(deals for _, deals, _ in began)
    rows = []
    for place in places:
        there = [each for each in known if each[0].entered(place)]
        ends = dict.fromkeys(("advanced", "lost", "pending"), 0)
        for way, deals, _ in there:
            ends[way.became(place)] += deals
        advanced, lost, pending = ends.values()
        reached = sum(deals for way, deals, _ in began if way.highest >= place)
        rows.append(
            Entered(
                advanced + lost + pending,
                advanced,
                lost,
                pending,
                share(advanced, advanced + lost),
                share(reached, first),
                sum(amount for *_, amount in there),
            )
        )
    return rows
