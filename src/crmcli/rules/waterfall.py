"""The waterfall: what made the pipeline of one day that of another, each deal in one bucket."""

from typing import Final, NamedTuple

BUCKETS: Final = (
    "opening",
    "new",
    "moved_in",
    "increased",
    "decreased",
    "moved_out",
    "won",
    "lost",
    "reopened",
    "deleted",
    "rate",
    "closing",
)
MOVEMENTS: Final = BUCKETS[1:-1]

OPEN, LOST, WON = range(3)  # what a deal was on a day on which it was there


class Ends(NamedTuple):
    """A deal on two days: its amount where it was in the pipeline, and what it was (None: not there)."""

    before: int | None
    after: int | None
    was: int | None
    is_now: int | None
    closed_between: bool = False  # open on both days, and closed for a time in between

    @property
    def movement(self) -> int:
        """What the deal adds to the pipeline from one day to the other."""
        return (self.after or 0) - (self.before or 0)


def bucket_of(deal: Ends) -> str | None:
    """The one bucket that a deal's movement belongs to; None where it did not move.

    How it left or came counts more than what its amount did: that of a deal which was won for another
    amount than it was open with is what left the pipeline.
    """
    if deal.after is None:
        if deal.before is None:
            return None
        return {WON: "won", LOST: "lost", None: "deleted"}.get(deal.is_now, "moved_out")
    if deal.before is None:
        return {None: "new", OPEN: "moved_in"}.get(deal.was, "reopened")
    if deal.closed_between:
        return "reopened"
    if deal.movement:
        return "increased" if deal.movement > 0 else "decreased"
    return None
