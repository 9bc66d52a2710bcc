"""Shares as bars of block characters, or of ASCII."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

from crmcli.result import Chart

WIDTH: Final = {"bars": 12, "columns": 24, "steps": 30}  # cells
MARKS: Final = {"stays": "█#", "comes": "▓+", "goes": "░-"}  # and in ASCII
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_HEIGHTS = " ▁▂▃▄▅▆▇█"


def bar(fraction: float, width: int, ascii: bool = False) -> str:
    """A bar `width` cells wide, filled from the left; fractions outside 0…1 fill nothing or everything."""
    share = min(max(fraction, 0.0), 1.0) if fraction == fraction else 0.0
    if ascii:
        return ("#" * round(share * width)).ljust(width)
    whole, eighths = divmod(round(share * width * 8), 8)
    return ("█" * whole + _EIGHTHS[eighths]).ljust(width)


def span(start: float, end: float, width: int, mark: str) -> str:
    """A bar that does not begin at the left: from one fraction of the width to another, a cell at least."""
    low, high = sorted(round(min(max(each, 0.0), 1.0) * width) for each in (start, end))
    if start == end:
        return ""
    low = min(low, width - 1)
    return " " * low + mark * max(1, high - low)


def drawn(
    chart: Chart,
    values: Sequence[Any],
    total: Any,
    ascii: bool,
    whole: float | None = None,
    width: int | None = None,
) -> list[str]:
    """A bar for each value, and one for the total, which only a waterfall has.

    A full bar is the `whole`, or, where there is none or a value is above it, the largest value.
    """
    width = width or WIDTH[chart.kind]
    if chart.kind == "steps":
        return _steps(values, total, ascii, width)
    known = [float(value) for value in values if value is not None]
    most = max([whole or 0.0, *known])
    return [
        *(bar(float(value or 0) / most if most else 0, width, ascii).rstrip() for value in values),
        "",
    ]


def upright(values: Sequence[Any], height: int, ascii: bool) -> list[str]:
    """Columns beside each other, so many lines high: a character for each value on each line, the top first.

    What is more than nothing is seen.
    """
    known = [max(float(value or 0), 0.0) for value in values]
    most = max(known, default=0.0) or 1.0
    steps = 1 if ascii else 8  # of a line
    heights = [max(round(value / most * height * steps), value > 0) for value in known]
    marks = " #" if ascii else _HEIGHTS
    return [
        "".join(marks[min(max(each - line * steps, 0), steps)] for each in heights)
        for line in reversed(range(height))
    ]


def levels(values: Sequence[Any]) -> list[tuple[float, float]]:
    """Where each movement begins and ends, the first beginning at nothing."""
    ends = [0, *accumulate(values)]
    return [*pairwise(ends)]


def _steps(values: Sequence[Any], total: Any, ascii: bool, width: int) -> list[str]:
    """A bar for each movement, from where the level stood before it to where it stood after it."""
    found = levels(values)
    scale = max([0, *(end for _, end in found), total or 0]) or 1

    def one(start: float, end: float, level: bool) -> str:
        way = "stays" if level else "comes" if end > start else "goes"
        return span(start / scale, end / scale, width, MARKS[way][ascii])

    steps = [one(start, end, not at) for at, (start, end) in enumerate(found)]
    return [*steps, one(0, total or 0, True)]
