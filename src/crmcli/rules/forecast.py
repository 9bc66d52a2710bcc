"""Forecast: what a deal adds to which figure, and what the figures mean against a quota."""

from collections.abc import Mapping
from typing import Final

from crmcli.values.money import percent_of
from crmcli.values.ratios import ratio, share

Part = str  # closed, commit, best_case or pipeline: what a deal is counted as

PARTS: Final = ("closed", "commit", "best_case", "pipeline")

# The columns of a roll-up, and the parts that each sums.
ROLLUPS: Final[Mapping[str, Mapping[str, tuple[Part, ...]]]] = {
    "cumulative": {
        "closed": ("closed",),
        "commit": ("closed", "commit"),
        "best_case": ("closed", "commit", "best_case"),
        "open_pipeline": ("commit", "best_case", "pipeline"),
    },
    "single": {part: (part,) for part in PARTS},
}

SLIPPED: Final = "slipped"
NO_CLOSE_DATE: Final = "no close date"
NO_AMOUNT: Final = "no amount"
REASONS: Final = (SLIPPED, NO_CLOSE_DATE, NO_AMOUNT)


def weighted(amount: int, probability: int) -> int:
    """What a deal is expected to bring: amount × probability / 100, to the minor unit, a half rounded up."""
    return percent_of(amount, probability)


def part_of(category: str, *, is_closed: bool, is_won: bool) -> Part | None:
    """What a deal is counted as; None where it is in no figure: lost, or Omitted.

    An open deal is never counted as closed: put into the category Closed by hand, it is a Commit.
    """
    if category == "Omitted" or (is_closed and not is_won):
        return None
    if is_closed:
        return "closed"
    return {"Commit": "commit", "Closed": "commit", "Best Case": "best_case"}.get(category, "pipeline")


def left_out(
    *,
    amount: int | None,
    category: str,
    close_date: str | None,
    is_closed: bool,
    is_won: bool,
    as_of: str,
    start: str,
    end: str,
) -> str | None:
    """Why a deal that one might look for in a period is not counted; None where it is, or nobody misses it.

    An open deal whose close date has passed has slipped, whatever the period; one without a close date is in
    no period. Lost and Omitted deals are not missed.
    """
    if category == "Omitted":
        return None
    if not is_closed and close_date is None:
        return NO_CLOSE_DATE
    if not is_closed and close_date is not None and close_date < as_of:
        return SLIPPED
    in_period = close_date is not None and start <= close_date <= end
    return NO_AMOUNT if in_period and amount is None and (is_won or not is_closed) else None


def roll_up(parts: Mapping[Part, int], rollup: str) -> dict[str, int]:
    """The columns of a roll-up from what each part amounts to."""
    return {column: sum(parts.get(part, 0) for part in summed) for column, summed in ROLLUPS[rollup].items()}


def open_pipeline(parts: Mapping[Part, int]) -> int:
    """What is open, whatever the roll-up shows."""
    return roll_up(parts, "cumulative")["open_pipeline"]


def attainment(closed: int, quota: int | None) -> float | None:
    """How much of the quota is closed, in percent to one decimal; None where there is none, or it is 0."""
    return share(closed, quota) if quota else None


def gap(closed: int, quota: int | None) -> int | None:
    """What is still to be closed to reach the quota, never negative; None where there is none, or it is 0."""
    return max(0, quota - closed) if quota else None


def coverage(pipeline: int, closed: int, quota: int | None) -> float | None:
    """How many times the open pipeline holds what is still to be closed, to two decimals.

    None where there is no quota, or it is reached.
    """
    missing = gap(closed, quota)
    return ratio(pipeline, missing, 2) if missing else None
