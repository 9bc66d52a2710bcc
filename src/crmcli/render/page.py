"""A page of several reports as text: headline figures, then panels, beside each other where there is room."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from crmcli.render import plain
from crmcli.render.bars import drawn, upright
from crmcli.render.cells import cell, json_values, people_text
from crmcli.render.charts import drawing_of
from crmcli.render.clean import clean_lines
from crmcli.render.layout import GAP, NARROW, Grid, Words, blocks, figures_of, parts
from crmcli.render.look import Look
from crmcli.render.measure import cells, pad, shorten, wrap
from crmcli.render.stream import pour
from crmcli.result import Column, Page, Panel, Report, Table

USUAL: Final = 100  # cells, where nothing limits the width
WIDEST: Final = 160
TWO: Final = 100  # from this width on, panels stand beside each other
GUTTER: Final = 4
BARS: Final = (8, 24)  # the least and the most cells that bars take
HEIGHT: Final = 5  # lines of a chart over time
LEAST_MONTH: Final = 4  # cells that a column over time takes, with its gap
MOST_MONTH: Final = 8
TILE_GAP: Final = 3
MOST_TILE_GAP: Final = 12
KEYS: Final = ("text", "link")

_STYLES: Final = {"title": "1", "faint": "2", "bar": "36", "": ""}


def write(page: Page, look: Look) -> None:
    """The page as people read it; no escape codes where they are not welcome."""
    pour((line + "\n" for line in _lines(page, look)), look.out)


def write_plain(page: Page, look: Look) -> None:
    """The page without escape codes."""
    write(page, look._replace(color=False))


def write_markdown(page: Page, look: Look) -> None:
    """The panels under each other, whole, with the headline figures as a list above."""
    from crmcli.render import markdown

    tiles = Words("\n".join(" ".join(filter(None, said)) for said in tile_texts(page, look)))
    heads = [Words(page.title, "title"), *([tiles] if page.tiles else [])]
    reports = [panel.report for panel in page.panels.values()]
    wide = look._replace(width=0)
    pour(markdown.lines([*heads, *(block for each in reports for block in blocks(each, wide))]), look.out)


def as_table(page: Page, look: Look) -> Table:
    """Every figure of every panel in a row of its own, for formats that are rows."""
    columns = [Column(name, name.capitalize()) for name in ("panel", "key", "currency", "figure", "value")]
    return Table(columns, _figures(page, look), refs=None)


def _figures(page: Page, look: Look) -> Iterator[tuple[Any, ...]]:
    for name, panel in page.panels.items():
        report = panel.report
        home = report.head.get("currency")
        said = json_values(report.columns, home, look.zone)
        names = [column.name for column in report.columns]
        key = next((at for at, column in enumerate(report.columns) if column.kind in KEYS), 0)
        for row in report.rows:
            values = said(row)
            for at, column in enumerate(report.columns):
                if at == key or column.name == "currency" or column.kind == "json":
                    continue
                money = column.kind == "money"
                currency = row[names.index(column.currency)] if money and column.currency in names else home
                yield name, row[key], currency if money else None, column.name, values[at]


# --- headline figures -----------------------------------------------------------------------------------


def tile_texts(page: Page, look: Look) -> list[tuple[str, str, str]]:
    """The label, the value and the note of each tile, as people read them; what it changed by begins the note."""
    texts = []
    for tile in page.tiles:
        value = _tile_value(Column("value", "", tile.kind, absent="n/a"), tile.value, page, look)
        kind = "number" if tile.kind == "percent" else tile.kind
        change = _tile_value(Column("change", "", kind, folded=True, signed=True), tile.change, page, look)
        note = " · ".join(filter(None, [change, tile.note]))
        texts.append((cell(tile.label, look.ascii), value, cell(note, look.ascii)))
    return texts


def _tile_value(column: Column, value: Any, page: Page, look: Look) -> str:
    text = people_text([column], column, page.head.get("currency"), look.zone)(value, [value])
    whole, point, decimals = text.partition(".")
    return whole if column.kind == "money" and point and not decimals.strip("0") else text


def _tiles(page: Page, width: int, look: Look) -> Iterator["Line"]:
    texts = tile_texts(page, look)
    if not texts:
        return
    needs = [max(map(cells, tile)) for tile in texts]
    each = next(
        (count for count in range(len(texts), 1, -1) if count * (max(needs) + TILE_GAP) <= width + TILE_GAP),
        1,
    )
    widths = [width // each] * len(texts)
    if sum(needs) + TILE_GAP * (len(texts) - 1) <= width:  # all in one line, each as wide as it needs to be
        each = len(texts)
        spare = (width - sum(needs)) // max(each - 1, 1)
        widths = [need + min(spare, MOST_TILE_GAP) for need in needs]
    for start in range(0, len(texts), each):
        row = [*zip(texts, widths, strict=True)][start : start + each]
        for part, style in enumerate(("faint", "title", "faint")):
            yield _line(look, *((pad(shorten(tile[part], room), room), style) for tile, room in row))
        yield BLANK


# --- the page -------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A line as it is written, escape codes and all, and how many cells it takes."""

    text: str
    width: int


BLANK: Final = Line("", 0)


def _line(look: Look, *parts: tuple[str, str]) -> Line:
    """A line of parts, each in its style; without spaces at its end."""
    last = len(parts) - 1
    texts = [(text.rstrip() if at == last else text, style) for at, (text, style) in enumerate(parts)]
    width = sum(cells(text) for text, _ in texts)
    return Line("".join(_painted(text, style, look) for text, style in texts), width)


def _painted(text: str, style: str, look: Look) -> str:
    code = _STYLES[style]
    return f"\x1b[{code}m{text}\x1b[0m" if look.color and code and text.strip() else text


def _lines(page: Page, look: Look) -> Iterator[str]:
    if 0 < look.width < NARROW:
        yield from (line.rstrip("\n") for line in plain.lines(_narrow(page, look)))
        return
    width = min(look.width or USUAL, WIDEST)
    for line in _page(page, width, look):
        yield line.text.rstrip()


def _narrow(page: Page, look: Look) -> Iterator[Words | Any]:
    """On a narrow terminal everything stands under each other, tables as records."""
    yield Words(cell(page.title, look.ascii), "title")
    tiles = [
        f"{label}: {value}{f' ({note})' if note else ''}" for label, value, note in tile_texts(page, look)
    ]
    if tiles:
        yield Words("\n".join(tiles))
    for panel in page.panels.values():
        yield from blocks(panel.shown, look)
    if page.notes:
        yield Words("\n".join(map(clean_lines, page.notes)))


def _page(page: Page, width: int, look: Look) -> Iterator[Line]:
    yield _line(look, (shorten(cell(page.title, look.ascii), width), "title"))
    yield BLANK
    yield from _tiles(page, width, look)
    two = width >= TWO and len(page.panels) > 1
    room = (width - GUTTER) // 2 if two else width
    panels = [[*_panel(panel, room, look)] for panel in page.panels.values()]
    if two:
        yield from _beside(panels, room)
    else:
        yield from _under(panels)
    if page.notes:
        yield BLANK
    for note in page.notes:
        for text in wrap(cell(note, look.ascii), width):
            yield _line(look, (text, "faint"))


def _beside(panels: Sequence[list[Line]], room: int) -> Iterator[Line]:
    """The panels in two columns, the first few in the left one, so that the page is as short as can be."""

    def height(some: Sequence[list[Line]]) -> int:
        return sum(map(len, some)) + len(some) - 1

    split = min(range(1, len(panels)), key=lambda at: max(height(panels[:at]), height(panels[at:])))
    for left, right in zip_longest(_under(panels[:split]), _under(panels[split:]), fillvalue=BLANK):
        blank = " " * (room - left.width + GUTTER)
        yield Line(left.text + blank + right.text, room + GUTTER + right.width) if right.width else left


def _under(panels: Iterable[list[Line]]) -> Iterator[Line]:
    for number, panel in enumerate(panels):
        if number:
            yield BLANK
        yield from panel


# --- one panel ------------------------------------------------------------------------------------------


def _panel(panel: Panel, width: int, look: Look) -> Iterator[Line]:
    shown = panel.shown
    title = shorten(cell(shown.title, look.ascii), width)
    rule = ("-" if look.ascii else "─") * (width - cells(title) - 1)
    yield _line(look, (title, "title"), (f" {rule}", "faint"))
    rows = list(shown.rows)
    if not rows:
        yield from _prose(shown.empty, width, look)
    for part in parts(replace(shown, rows=rows)) if rows else ():
        if shown.block:
            yield _line(look, (cell(part.title, look.ascii), ""))
        yield from _over_time(part, width, look) or _table(part, width, look)
    for note in shown.footer:
        yield from _prose(note, width, look)


def _prose(text: str, width: int, look: Look) -> Iterator[Line]:
    for line in wrap(cell(text, look.ascii), width):
        yield _line(look, (line, "faint"))


def _table(part: Report, width: int, look: Look) -> Iterator[Line]:
    """The rows with their bars in what room there is, but rather without bars than without figures."""
    grid = figures_of(part, look)
    least, most = BARS
    bars: list[str] = []
    drawing = drawing_of(part)
    if drawing is not None and grid.fit(width - least - GAP):
        room = min(most, width - grid.width - GAP)
        bars = drawn(drawing, look.ascii, room)
    else:
        grid.fit(width)
    yield from _grid_line(grid, grid.head, "", "faint", look)
    for row, bar in zip_longest(grid.rows, bars[: len(grid.rows)], fillvalue=""):
        yield from _grid_line(grid, list(row), bar, "", look)
    if grid.total is not None:
        yield from _grid_line(grid, grid.total, bars[-1] if bars else "", "title", look)


def _grid_line(grid: Grid, row: list[str], bar: str, style: str, look: Look) -> Iterator[Line]:
    for texts in grid.lines(row):
        text = (" " * GAP).join(map(pad, texts, grid.widths, grid.right))
        yield _line(look, (text, style), (" " * GAP + bar, "bar")) if bar else _line(look, (text, style))
        bar = ""


# --- a chart over time ----------------------------------------------------------------------------------


def _over_time(part: Report, width: int, look: Look) -> list[Line]:
    """Columns of block characters over their months and figures; nothing where there is no room for all."""
    drawing = drawing_of(part)
    if drawing is None or drawing.kind != "columns" or width // len(drawing.values) < LEAST_MONTH:
        return []
    room = min(width // len(drawing.values), MOST_MONTH)

    def line(texts: Iterable[str], style: str) -> Line:
        return _line(look, ("".join(text.center(room - 1) + " " for text in texts), style))

    names = (shorten(cell(name, look.ascii), room - 1) for name in drawing.short_names())
    digits, unit = drawing.digits()
    grid = figures_of(part, look)
    total = dict(zip(grid.head, grid.total or (), strict=False)).get(drawing.column.label)
    marks = upright(drawing.values, HEIGHT, look.ascii) if any(drawing.values) else []
    said = ", ".join(filter(None, (drawing.column.label, unit)))
    return [
        *(line((mark * (room - 1) for mark in marks), "bar") for marks in marks),
        line(names, "faint"),
        line(digits, ""),
        _line(look, (said, "faint"), (f"  Total {total}" if total else "", "title")),
    ]
