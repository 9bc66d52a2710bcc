"""Charts as inline SVG: they take their colors from the page, stretch with it, and hold no text that would."""

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 1000  # of a bar, in units of its own
STEP: Final = 40  # from one column over time to the next
COLUMN: Final = 28
HEIGHT: Final = 100
LEAST: Final = 4  # what is more than nothing is seen


def bar(share: float, said: str, track: float = 0.0) -> str:
    """A bar from the left, over a `track` that shows how long it is to be."""
    shapes = (("track", track), ("fill", share))
    drawn = (
        f'<rect class="{name}" width="{_number(_width(each))}" height="10"/>'
        for name, each in shapes
        if each > 0
    )
    return _svg("bar", WIDTH, 10, said, "", "".join(drawn))


def span(start: float, end: float, way: str, said: str) -> str:
    """A bar of a waterfall, from one share of the width to another; `way` is stays, comes or goes."""
    low, high = sorted((start * WIDTH, end * WIDTH))
    width = max(high - low, LEAST)
    shape = (
        f'<rect class="{way}" x="{_number(min(low, WIDTH - width))}" width="{_number(width)}" height="10"/>'
    )
    return _svg("bar", WIDTH, 10, said, "", shape if start != end else "")


def columns(shares: Sequence[float], said: str, described: str, each: Sequence[str]) -> str:
    """Columns over time, beside each other; `each` says one to whoever points at it."""
    shapes = [f'<line class="base" x1="0" y1="{HEIGHT}" x2="{STEP * len(shares)}" y2="{HEIGHT}"/>']
    for at, (share, words) in enumerate(zip(shares, each, strict=True)):
        height = min(max(share, 0.0), 1.0) * HEIGHT
        left, top = at * STEP + (STEP - COLUMN) // 2, HEIGHT - height
        place = f'x="{left}" y="{_number(top)}" width="{COLUMN}" height="{_number(height)}"'
        shapes.append(f'<rect class="fill" {place}><title>{escape(words)}</title></rect>')
    return _svg("columns", STEP * len(shares), HEIGHT, said, described, "".join(shapes))


def _svg(name: str, width: int, height: int, said: str, described: str, shapes: str) -> str:
    about = f"<title>{escape(said)}</title>" + (f"<desc>{escape(described)}</desc>" if described else "")
    return (
        f'<svg class="{name}" role="img" viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
        f"{about}{shapes}</svg>"
    )


def _width(share: float) -> float:
    return max(min(share, 1.0) * WIDTH, LEAST)


def _number(value: float) -> str:
    """A length to a tenth, said in one way only."""
    return f"{value:.1f}".removesuffix(".0")
