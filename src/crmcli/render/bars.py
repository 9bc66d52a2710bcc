"""Shares as bars of block characters, or of ASCII."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from crmcli.result import Chart

WIDTH: Final = {"bars": 12, "columns": 24, "steps": 30}  # cells
MARKS: Final = {"stays": "█#", "comes": "▓+", "goes": "░-"}  # and in ASCII
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


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
    chart: Chart, values: Sequence[Any], total: Any, ascii: bool, whole: float | None = None
) -> list[str]:
    """A bar for each value, and one for the total, which only a waterfall has.

    A full bar is the `whole`, or, where there is none or a value is above it, the largest value.
    """
    if chart.kind == "steps":
        return _steps(values, total, ascii)
    known = [float(value) for value in values if value is not None]
    most = max([whole or 0.0, *known])
    width = WIDTH[chart.kind]
    return [
        *(bar(float(value or 0) / most if most else 0, width, ascii).rstrip() for value in values),
        "",
    ]


def _steps(values: Sequence[Any], total: Any, ascii: bool) -> list[str]:
    """A bar for each movement, from where the level stood before it to where it stood after it."""
    ends = [0]
    for value in values:
        ends.append(ends[-1] + value)
    scale = max([*ends, total or 0]) or 1

    def one(start: int, end: int, level: bool) -> str:
        way = "stays" if level else "comes" if end > start else "goes"
        return span(start / scale, end / scale, WIDTH["steps"], MARKS[way][ascii])

    steps = [one(start, end, not at) for at, (start, end) in enumerate(pairwise(ends))]
    return [*steps, one(0, total or 0, True)]
