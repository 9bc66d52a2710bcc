"""Aligned text without escape codes, for pipes, dumb terminals and long tables."""

from collections.abc import Iterable, Iterator

from crmcli.render.layout import GAP, Block, Fields, Grid, Words, blocks
from crmcli.render.look import Look
from crmcli.render.measure import pad
from crmcli.render.stream import pour
from crmcli.result import Record, Table


def write(result: Table | Record, look: Look) -> None:
    """The result as people read it, in columns."""
    pour(lines(blocks(result, look)), look.out)


def lines(page: Iterable[Block]) -> Iterator[str]:
    """The blocks as lines, with a blank line between any two."""
    for number, block in enumerate(page):
        if number:
            yield "\n"
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Words):
        yield block.text + "\n"
    elif isinstance(block, Fields):
        for label, value in block.lines():
            yield f"{label} {value}".rstrip() + "\n"
    else:
        yield from _grid(block)


def _grid(grid: Grid) -> Iterator[str]:
    rule = (" " * GAP).join("-" * width for width in grid.widths) + "\n"
    yield _line(grid, grid.head)
    yield rule
    for row in grid.rows:
        yield _line(grid, row)
    if grid.total is not None:
        yield rule
        yield _line(grid, grid.total)


def _line(grid: Grid, row: list[str]) -> str:
    padded = map(pad, grid.fitted(row), grid.widths, grid.right)
    return (" " * GAP).join(padded).rstrip() + "\n"
