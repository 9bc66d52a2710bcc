"""How a result is laid out for people: blocks of words, fields and grids, before anything is drawn."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from crmcli.render.cells import cell, home_currency, people_text
from crmcli.render.clean import clean_lines
from crmcli.render.look import Look
from crmcli.render.measure import cells, pad, shorten
from crmcli.result import Column, Record, Report, Row, Table

GAP: Final = 2  # between columns
LEAST: Final = 8  # cells a shortened column keeps
LEAST_FOLDED: Final = 4  # cells a folded text keeps beside the reference that may not be cut
NARROW: Final = 60  # below this width a table turns into records

_RIGHT: Final = ("number", "percent", "money")
_CUTTABLE: Final = ("text", "list", "json")
_NEVER_CUT: Final = ("ref", "id", "uid")


class Words:
    """Lines of prose: a title, a note, an empty list's sentence."""

    def __init__(self, text: str, style: str = "") -> None:
        self.text = text
        self.style = style  # title, faint or nothing


class Fields:
    """One record: labels and values."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def lines(self) -> Iterator[tuple[str, str]]:
        """Labels of one width, and the text beside each; a value of several lines goes on beneath itself."""
        wide = max((cells(label) for label, _ in self.pairs), default=0) + 1
        for label, value in self.pairs:
            first, *more = value.split("\n")
            yield pad(f"{label}:", wide), first
            for line in more:
                yield " " * wide, line


class Grid:
    """A table whose cells are text and whose columns have a width."""

    def __init__(self, head: list[str], mark: str) -> None:
        self.head = head
        self.mark = mark
        self.rows: list[list[str]] = []
        self.total: list[str] | None = None
        self.right: list[bool] = []
        self.refs: list[bool] = []
        self.widths: list[int] = []
        self.floors: list[int] = []
        self.cut = False

    @property
    def width(self) -> int:
        """All columns and the gaps between them."""
        return sum(self.widths) + GAP * (len(self.widths) - 1)

    def fit(self, width: int) -> bool:
        """Narrow the widest columns that may be shortened; False where that is not enough."""
        if sum(self.floors) + GAP * (len(self.floors) - 1) > width:
            return False
        self.cut = self.width > width
        pairs = zip(self.widths, self.floors, strict=True)
        self.widths = [min(wide, max(floor, width)) for wide, floor in pairs]
        while self.width > width:
            pairs = zip(self.widths, self.floors, strict=True)
            room = [wide if wide > floor else 0 for wide, floor in pairs]
            self.widths[room.index(max(room))] -= 1
        return True

    def fitted(self, row: list[str]) -> list[str]:
        """The row with its long texts shortened."""
        if not self.cut:
            return row
        return [shorten(text, width, self.mark) for text, width in zip(row, self.widths, strict=True)]


Block = Words | Fields | Grid


def blocks(result: Table | Record, look: Look) -> Iterator[Block]:
    """The blocks of a result, in order; a blank line belongs between any two."""
    if isinstance(result, Record):
        yield from _record(result, look)
    else:
        yield from _table(result, look)


def _record(record: Record, look: Look) -> Iterator[Block]:
    if record.title:
        yield Words(cell(record.title, look.ascii), "title")
    table = Table(record.columns, [record.row])
    yield _fields(_Shown(table, look), record.row, look)
    for key, section in record.sections.items():
        if not section.title:
            yield Words(cell(key.replace("_", " ").capitalize(), look.ascii), "title")
        yield from _table(section, look)


def _table(table: Table, look: Look) -> Iterator[Block]:
    if table.title:
        yield Words(cell(table.title, look.ascii), "title")
    rows = list(table.rows)
    total = table.total if isinstance(table, Report) else None
    if rows and isinstance(table, Report) and table.block:
        yield from _parted(table, rows, look)
    elif rows:
        yield from _grid_or_records(table, rows, total, look)
    else:
        yield Words(cell(table.empty, look.ascii))
    if isinstance(table, Report):
        if table.notes:
            yield Words("\n".join(map(clean_lines, table.notes)))
        if table.explain:
            yield Words("\n".join(map(clean_lines, table.explain)), "faint")


def _parted(report: Report, rows: list[Row], look: Look) -> Iterator[Block]:
    """A table for each value of the block column, under that value."""
    at = next(index for index, column in enumerate(report.columns) if column.name == report.block)
    for value, run in groupby(rows, key=lambda row: row[at]):
        yield Words(cell(str(value), look.ascii), "title")
        part = Report(report.columns, (), head={**report.head, report.block: value})
        yield from _grid_or_records(part, list(run), report.totals.get(value), look)


def _grid_or_records(table: Table, rows: list[Row], total: Row | None, look: Look) -> Iterator[Block]:
    shown = _Shown(table, look)
    if not 0 < look.width < NARROW:
        grid = _grid(shown, rows, total, look)
        if look.width == 0 or grid.fit(look.width):
            yield grid
            return
    for row in rows:
        yield _fields(shown, row, look)
    if total is not None:
        yield Words("Total", "title")
        yield _fields(shown, total, look)


class _Shown:
    """The columns that people see, each with the columns folded into it."""

    def __init__(self, table: Table, look: Look) -> None:
        self.groups: list[list[tuple[int, Column]]] = []
        for index, column in enumerate(table.columns):
            if column.hidden:
                continue
            if column.folded and self.groups:
                self.groups[-1].append((index, column))
            else:
                self.groups.append([(index, column)])
        home = home_currency(table)
        self.says: dict[int, Callable[[Any, Row], str]] = {
            index: people_text(table.columns, column, home, look.zone)
            for group in self.groups
            for index, column in group
        }

    def text(self, group: list[tuple[int, Column]], row: Row) -> str:
        """What stands in the cell of a group, not yet clean."""
        if len(group) == 1:
            index = group[0][0]
            return self.says[index](row[index], row)
        texts = (self.says[index](row[index], row) for index, _ in group)
        return " ".join(text for text in texts if text)


def _fields(shown: _Shown, row: Row, look: Look) -> Fields:
    """What a record holds; people are spared its empty fields, which programs get as null."""
    pairs = [(group[0][1].label, clean_lines(shown.text(group, row))) for group in shown.groups]
    return Fields([(cell(label, look.ascii), text) for label, text in pairs if text])


def _grid(shown: _Shown, rows: list[Row], total: Row | None, look: Look) -> Grid:
    """All cells as text, column by column, with the width each needs and the least it can live with."""
    whole = rows if total is None else [*rows, total]
    columns: list[list[str]] = []
    grid = Grid([cell(group[0][1].label, look.ascii) for group in shown.groups], "..." if look.ascii else "…")
    for group, label in zip(shown.groups, grid.head, strict=True):
        texts = [cell(shown.text(group, row), look.ascii) for row in whole]
        width = max(cells(label), max(map(cells, texts)))
        columns.append(texts)
        grid.widths.append(width)
        grid.floors.append(min(width, _floor(group, label, shown, whole)))
        grid.right.append(group[0][1].kind in _RIGHT)
        grid.refs.append(_is_ref(group[0][1]))
    grid.rows = [list(row) for row in zip(*columns, strict=True)]
    if total is not None:
        grid.total = grid.rows.pop()
        if not grid.total[0]:
            grid.total[0] = "Total"
            grid.widths[0] = max(grid.widths[0], len("Total"))
            grid.floors[0] = max(grid.floors[0], len("Total"))
    return grid


def _floor(group: list[tuple[int, Column]], label: str, shown: _Shown, rows: Sequence[Row]) -> int:
    """The least width that cuts no reference, amount or date."""
    (index, first), *folded = group
    if not all(_cuttable(column) for _, column in folded):
        return 1 << 30
    if _cuttable(first):
        return LEAST
    if not folded:
        return 1 << 30
    kept = max(cells(shown.says[index](row[index], row)) for row in rows)
    return max(kept + 1 + LEAST_FOLDED, cells(label))


def _cuttable(column: Column) -> bool:
    return column.kind in _CUTTABLE and column.name not in _NEVER_CUT


def _is_ref(column: Column) -> bool:
    return column.name == "ref"
