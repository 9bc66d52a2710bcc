"""A share as a bar of block characters."""

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
