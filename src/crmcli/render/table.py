"""Tables drawn by Rich on a terminal; the only file that imports it to draw."""

from collections.abc import Iterable
from io import StringIO
from typing import TYPE_CHECKING, Final

from crmcli.render import plain
from crmcli.render.layout import GAP, Block, Fields, Grid, Words, blocks
from crmcli.render.look import Look
from crmcli.render.stream import pour
from crmcli.result import Record, Table

if TYPE_CHECKING:
    from rich.console import Console

MOST_ROWS: Final = 200  # Rich takes 0.36 ms a row: a screenful is fine, a thousand are not

_RULES: Final = "    \n    \n {0}{0} \n    \n    \n {0}{0} \n    \n    \n"  # under the head, over the total
_STYLES: Final = {"title": "bold", "faint": "dim", "": ""}


def write(result: Table | Record, look: Look) -> None:
    """The result on a terminal; anywhere else, and for long tables, the plain layout."""
    page = list(blocks(result, look))
    rows = sum(len(block.rows) if isinstance(block, Grid) else 1 for block in page)
    if rows > MOST_ROWS or not (look.terminal or look.color):
        pour(plain.lines(page), look.out)
    else:
        look.out.write(_drawn(page, look))


def _drawn(page: Iterable[Block], look: Look) -> str:
    """The page as Rich draws it, kept as text so that a broken pipe is met outside Rich."""
    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out,
        width=max([look.width or 80, *(block.width for block in page if isinstance(block, Grid))]),
        height=25,  # given too, as Rich would take a dumb terminal for one of 80 cells
        color_system="standard" if look.color else None,
        force_terminal=True,
        no_color=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    for number, block in enumerate(page):
        if number:
            out.write("\n")
        if isinstance(block, Grid):
            _grid(block, console, "-" if look.ascii else "─")
        else:
            _text(block, console)
    return out.getvalue()


def _text(block: Words | Fields, console: "Console") -> None:
    from rich.text import Text

    if isinstance(block, Words):
        console.print(Text(block.text, _STYLES[block.style]), soft_wrap=True)
        return
    for label, value in block.lines():
        console.print(Text.assemble((label, "dim"), " ", value), soft_wrap=True)


def _grid(grid: Grid, console: "Console", rule: str) -> None:
    from rich import table
    from rich.box import Box
    from rich.text import Text

    drawn = table.Table(
        box=Box(_RULES.format(rule), ascii=rule == "-"),
        show_edge=False,
        show_footer=grid.total is not None,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),
        header_style="bold",
        footer_style="bold",
    )
    foot = grid.total or [""] * len(grid.head)
    for head, total, lane in zip(grid.fitted(grid.head), grid.fitted(foot), grid.lanes, strict=True):
        drawn.add_column(
            Text(head),
            Text(total),
            width=lane.width,
            justify="right" if lane.right else "left",
            style="cyan" if lane.ref else "",
            no_wrap=True,
        )
    for row in grid.rows:
        for line in grid.lines(row):
            drawn.add_row(*map(Text, line))
    console.print(drawn)
