"""Markdown tables as GitHub reads them; nothing in the data is markup."""

from collections.abc import Iterable, Iterator

from crmcli.render.layout import Block, Fields, Grid, Words, blocks
from crmcli.render.look import Look
from crmcli.render.stream import pour
from crmcli.result import Record, Table

_LITERAL = str.maketrans({mark: "\\" + mark for mark in "\\`*_[]<>|~&"} | {"\n": "<br>"})


def write(result: Table | Record, look: Look) -> None:
    """Titles as headings, lists and records as tables; never shortened."""
    pour(lines(blocks(result, look._replace(width=0))), look.out)


def lines(page: Iterable[Block]) -> Iterator[str]:
    """The blocks in Markdown, with a blank line between any two."""
    for number, block in enumerate(page):
        if number:
            yield "\n"
        if isinstance(block, Grid):
            yield from _grid(block)
        elif isinstance(block, Fields):
            yield from _fields(block)
        else:
            yield from _words(block)


def _words(block: Words) -> Iterator[str]:
    if block.style == "title":
        yield f"## {_literal(block.text)}\n"
        return
    lines = block.text.split("\n")
    bullet = "- " if len(lines) > 1 else ""
    for line in lines:
        yield f"{bullet}{_literal(line)}\n"


def _fields(block: Fields) -> Iterator[str]:
    yield "| Field | Value |\n| --- | --- |\n"
    for label, value in block.pairs:
        yield _row([_literal(label), _literal(value)])


def _grid(grid: Grid) -> Iterator[str]:
    yield _row(map(_literal, grid.head))
    yield _row("---:" if right else "---" for right in grid.right)
    for row in grid.rows:
        yield _row(map(_literal, row))
    if grid.total is not None:
        yield _row(f"**{_literal(text)}**" if text else "" for text in grid.total)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _literal(text: str) -> str:
    return text.translate(_LITERAL)
