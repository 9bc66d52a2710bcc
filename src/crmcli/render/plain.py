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
    yield _lines(grid, grid.head)
    yield rule
    for row in grid.rows:
        yield _lines(grid, row)
    if grid.total is not None:
        yield rule
        yield _lines(grid, grid.total)


def _lines(grid: Grid, row: list[str]) -> str:
    widths, right = grid.widths, grid.right
    lines = ((" " * GAP).join(map(pad, line, widths, right)).rstrip() for line in grid.lines(row))
    return "".join(line + "\n" for line in lines)
