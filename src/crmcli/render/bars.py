"""Shares as bars of block characters, or of ASCII."""

from collections.abc import Sequence
from typing import Any, Final

from crmcli.render.charts import Drawing

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


def drawn(drawing: Drawing, ascii: bool, width: int | None = None) -> list[str]:
    """A bar for each value, and one for the total, which only a waterfall has."""
    width = width or WIDTH[drawing.kind]
    if drawing.kind == "steps":
        return [span(start, end, width, MARKS[way][ascii]) for way, start, end in drawing.steps()]
    return [*(bar(share, width, ascii).rstrip() for share in drawing.shares), ""]


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
