"""One HTML file that needs nothing else: no script, no network; for light and dark screens, and for paper."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files
from typing import Final

from crmcli.render import svg
from crmcli.render.cells import cell
from crmcli.render.charts import Drawing, drawing_of
from crmcli.render.clean import clean_lines
from crmcli.render.layout import Fields, Grid, blocks, figures_of, parts
from crmcli.render.look import Look
from crmcli.render.page import tile_texts
from crmcli.render.stream import pour
from crmcli.result import Page, Panel, Record, Report, Table

HEAD: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
"""
FOOT: Final = "</body>\n</html>\n"


def write(result: Table | Record, look: Look) -> None:
    """One list, report or record as a page of its own."""
    if isinstance(result, Record):
        _pour(_document(result.title, _record(result, look)), look)
        return
    report = (
        result
        if isinstance(result, Report)
        else Report(result.columns, result.rows, result.title, result.empty)
    )
    page = Page(report.title, panels={"report": Panel(report, replace(report, title=""))})
    _pour(_document(report.title, _body(page, look)), look)


def write_page(page: Page, look: Look) -> None:
    """A page of several reports."""
    _pour(_document(page.title, _body(page, look)), look)


def _pour(parts: Iterator[str], look: Look) -> None:
    """Write it; where the stream cannot say a character, as a reference to it."""
    safe = (part.encode("ascii", "xmlcharrefreplace").decode() for part in parts) if look.ascii else parts
    pour((f"{part}\n" for part in safe), look.out)


def _document(title: str, body: Iterator[str]) -> Iterator[str]:
    style = (files("crmcli.render") / "page.css").read_text("utf-8").rstrip()
    yield HEAD.format(title=_text(title) or "crm", style=style).rstrip("\n")
    yield from body
    yield FOOT.rstrip("\n")


def _text(text: str) -> str:
    """Text as it may stand anywhere in the page, also within quotes."""
    return escape(cell(text, False))


# --- a page ---------------------------------------------------------------------------------------------


def _body(page: Page, look: Look) -> Iterator[str]:
    yield f"<header><h1>{_text(page.title)}</h1>"
    yield from (f"<p>{_text(note)}</p>" for note in page.notes)
    yield "</header>"
    if page.tiles:
        yield '<dl class="tiles">'
        for label, value, note in tile_texts(page, look._replace(ascii=False)):
            pieces = " · ".join(f"<span>{escape(piece)}</span>" for piece in note.split(" · "))
            more = f'<dd class="note">{pieces}</dd>' if note else ""
            yield f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd>{more}</div>"
        yield "</dl>"
    yield f'<main class="{"panels" if len(page.panels) > 1 else "alone"}">'
    for name, panel in page.panels.items():
        yield from _panel(name, panel.shown, look)
    yield "</main>"


def _panel(name: str, shown: Report, look: Look) -> Iterator[str]:
    rows = list(shown.rows)
    over_time = shown.chart is not None and shown.chart.kind == "columns"
    label = f' aria-labelledby="{escape(name)}"' if shown.title else ""
    yield f'<section class="panel{" wide" if over_time else ""}"{label}>'
    if shown.title:
        yield f'<h2 id="{escape(name)}">{_text(shown.title)}</h2>'
    if not rows:
        yield f"<p>{_text(shown.empty)}</p>"
    for part in parts(replace(shown, rows=rows)) if rows else ():
        if shown.block:
            yield f"<h3>{_text(part.title)}</h3>"
        yield from _part(part, look)
    for note in shown.footer:
        yield f'<p class="note">{_text(note)}</p>'
    if shown.explain:
        yield f'<p class="explain">{escape(clean_lines(chr(10).join(shown.explain)))}</p>'
    yield "</section>"


def _part(part: Report, look: Look) -> Iterator[str]:
    grid, drawing = figures_of(part, look._replace(width=0, ascii=False)), drawing_of(part)
    if drawing is None:
        yield from _table(grid)
        return
    said = _said(part, grid, drawing)
    if drawing.kind == "columns":
        yield '<div class="over-time">'
        yield from _chart(drawing, said)
        yield from _table(grid)
        yield "</div>"
    else:
        yield from _table(grid, _steps(drawing, said) if drawing.kind == "steps" else _bars(drawing, said))


def _table(grid: Grid, bars: Sequence[str] = ()) -> Iterator[str]:
    """The figures, with their bars at the end of each row; the last bar is that of the total."""
    at_end = '<td class="bar"></td>' if bars else ""
    yield '<div class="scroll"><table>'
    heads = (
        f'<th scope="col"{kind}>{escape(text)}</th>'
        for text, kind in zip(grid.head, _kinds(grid), strict=True)
    )
    yield f"<thead><tr>{''.join(heads)}{at_end}</tr></thead>"
    yield "<tbody>"
    for number, row in enumerate(grid.rows):
        yield _row(grid, row, f'<td class="bar">{bars[number]}</td>' if bars else "")
    yield "</tbody>"
    if grid.total is not None:
        last = f'<td class="bar">{bars[-1]}</td>' if bars else ""
        yield f"<tfoot>{_row(grid, grid.total, last)}</tfoot>"
    yield "</table></div>"


def _row(grid: Grid, row: Sequence[str], bar: str) -> str:
    """The first text names the row."""
    name = next((at for at, right in enumerate(grid.right) if not right), 0)
    cells = []
    for at, (text, kind) in enumerate(zip(row, _kinds(grid), strict=True)):
        said = escape(text) if grid.right[at] else f"<bdi>{escape(text)}</bdi>"
        cells.append(f'<th scope="row"{kind}>{said}</th>' if at == name else f"<td{kind}>{said}</td>")
    return f"<tr>{''.join(cells)}{bar}</tr>"


def _kinds(grid: Grid) -> list[str]:
    """The class attribute of each column: figures stand at the right, texts may go on in the next line, and where
    there is little room spare ones give way, then all minor ones."""
    found = []
    for lane in grid.lanes:
        kinds = {
            "figure": lane.right,
            "text": lane.is_text,
            "minor": lane.minor,
            "spare": lane.minor > 1,
        }
        names = [name for name, holds in kinds.items() if holds]
        found.append(f' class="{" ".join(names)}"' if names else "")
    return found


# --- charts ---------------------------------------------------------------------------------------------


def _said(part: Report, grid: Grid, drawing: Drawing) -> list[str]:
    """What each shape says in words: the name of the row and the figure, as they stand in the table."""
    at = [column for column in part.columns if not column.hidden and not column.folded].index(drawing.column)
    key = next((place for place, right in enumerate(grid.right) if not right), 0)
    rows = [*grid.rows, *([grid.total] if grid.total is not None else [])]
    return [f"{row[key]}: {row[at]}" for row in rows]


def _bars(drawing: Drawing, said: list[str]) -> list[str]:
    """A bar for each row, and none for the total."""
    track = (drawing.whole or 0.0) / drawing.most
    return [*(svg.bar(share, words, track) for share, words in zip(drawing.shares, said, strict=False)), ""]


def _steps(drawing: Drawing, said: list[str]) -> list[str]:
    """A bar for each movement, from where the level stood to where it went, and one for the total."""
    return [
        svg.span(step.start, step.end, step.way, words)
        for step, words in zip(drawing.steps(), said, strict=False)
    ]


def _chart(drawing: Drawing, said: list[str]) -> Iterator[str]:
    """Columns over time; under each its name and its figure in few digits, which the table has in full."""
    each = said[: len(drawing.values)]
    digits, unit = drawing.digits()
    what = ", ".join(filter(None, (drawing.column.label, unit)))
    yield f'<figure style="--steps: {len(each)}">'
    yield svg.columns(drawing.shares, what, "; ".join(each), each)
    yield '<div class="steps" aria-hidden="true">'
    for name, text in zip(drawing.short_names(), digits, strict=True):
        yield f"<span>{escape(name)}<b>{escape(text)}</b></span>"
    yield f"</div><figcaption>{escape(what)}</figcaption></figure>"


# --- one record -----------------------------------------------------------------------------------------


def _record(record: Record, look: Look) -> Iterator[str]:
    """The fields of a record, and its lists under each other."""
    yield '<main class="alone"><section class="panel">'
    for number, block in enumerate(blocks(record, look._replace(width=0, ascii=False))):
        if isinstance(block, Grid):
            yield from _table(block)
        elif isinstance(block, Fields):
            rows = (
                f'<tr><th scope="row">{escape(label)}</th><td><bdi>{escape(value)}</bdi></td></tr>'
                for label, value in block.pairs
            )
            yield f'<div class="scroll"><table class="fields"><tbody>{"".join(rows)}</tbody></table></div>'
        elif block.style == "title":
            head = "h2" if number else "h1"
            yield f"<{head}>{escape(block.text)}</{head}>"
        else:
            yield f"<p>{escape(block.text)}</p>"
    yield "</section></main>"
