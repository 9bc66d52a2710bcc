"""How a result is laid out for people: blocks of words, fields and grids, before anything is drawn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from re import compile as pattern
from typing import Any, Final

from crmcli.render.bars import drawn
from crmcli.render.cells import cell, home_currency, people_text
from crmcli.render.charts import Drawing, drawing_of
from crmcli.render.clean import clean_lines
from crmcli.render.look import Look
from crmcli.render.measure import cells, pad, shorten, wrap
from crmcli.result import Column, Record, Report, Row, Table

GAP: Final = 2  # between columns
LEAST: Final = 8  # cells a shortened column keeps
LEAST_DEAR: Final = 9  # one that is cut last: Closed Won and Closed Lost stay apart
LEAST_WRAPPED: Final = 12
ROOM: Final = 12  # cells a text should have: minor columns go first
ROOM_WRAPPED: Final = 20
WHOLE: Final = 1 << 30  # the least width of what may not be cut
LEAST_FOLDED: Final = 4  # cells a folded text keeps beside the reference that may not be cut
NARROW: Final = 60  # below this width a table turns into records
DRAWN: Final = 80  # from this width on there is room for bars

_RIGHT: Final = ("number", "percent", "money")
_CUTTABLE: Final = ("text", "list", "json")
_NEVER_CUT: Final = ("ref", "id", "uid")
_STEPS: Final = ("", "first", "later", "last")  # of narrowing: nothing is cut yet, then the texts in turn
_JOINT: Final = " · "  # between a text and what is folded into its cell
_ZEROS: Final = pattern(r"\.0+$")
_HALF_A_REFERENCE: Final = pattern(r" ·( [A-Z]?\d*)?$")

_Group = list[tuple[int, Column]]


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


class Lane:
    """A column of a grid: what it needs, and what it can give up where there is too little room."""

    def __init__(self, group: "_Group", label: str, short: str, texts: list[str], kept: int) -> None:
        column = group[0][1]
        self.name = self.label = label
        self.short = short or label
        self.texts = texts
        self.right = column.kind in _RIGHT
        self.money = column.kind == "money"
        self.ref = _is_ref(column)
        self.wraps = column.wraps
        self.minor = column.minor
        self.empty = not any(texts)
        self.joint = len(group) > 1 and _cuttable(column)  # a reference stands behind its text
        self.needs = max(map(cells, texts))
        self.least = _least(group, label, kept)
        self.room = max(self.least, column.room or (ROOM_WRAPPED if column.wraps else ROOM))
        self.given_up = _STEPS.index(column.cut) if _cuttable(column) else 1
        self.width = max(cells(label), self.needs)

    @property
    def is_text(self) -> bool:
        """Whether its texts may be cut, or go on in the next line."""
        return self.least < WHOLE

    def shorten_label(self) -> None:
        self.label = self.short
        self.width = max(cells(self.label), self.needs)

    def drop_zeros(self) -> None:
        """Leave out the decimals of amounts that are all whole: nothing is lost."""
        amounts = [text for text in self.texts if text[-1:].isdecimal()]
        if self.money and all(_ZEROS.search(text) for text in amounts):
            self.texts = [_ZEROS.sub("", text) for text in self.texts]
            self.needs = max(map(cells, self.texts))
            self.width = max(cells(self.label), self.needs)

    def floor(self, step: int) -> int:
        """The least width at a step of narrowing: texts keep their room, then are cut, by and by all."""
        if step >= self.given_up:
            return min(self.width, self.least)
        return min(self.width, self.room) if self.given_up == 1 else self.width

    def lines(self, text: str, mark: str) -> list[str]:
        """A text of this column in its width."""
        if self.wraps and cells(text) > self.width:
            return wrap(text, self.width)
        short = shorten(text, self.width, mark)
        if self.joint and short != text:
            short = _HALF_A_REFERENCE.sub("", short.removesuffix(mark)) + mark
        return [short]


class Grid:
    """A table whose cells are text and whose columns have a width."""

    def __init__(self, lanes: list[Lane], mark: str, has_total: bool) -> None:
        self.lanes = lanes
        self.mark = mark
        self.has_total = has_total
        self.left_out: list[str] = []
        self.cut = False

    @property
    def head(self) -> list[str]:
        return [lane.label for lane in self.lanes]

    @property
    def right(self) -> list[bool]:
        return [lane.right for lane in self.lanes]

    @property
    def widths(self) -> list[int]:
        return [lane.width for lane in self.lanes]

    @property
    def rows(self) -> list[list[str]]:
        rows = [list(row) for row in zip(*(lane.texts for lane in self.lanes), strict=True)]
        return rows[:-1] if self.has_total else rows

    @property
    def total(self) -> list[str] | None:
        return [lane.texts[-1] for lane in self.lanes] if self.has_total else None

    @property
    def width(self) -> int:
        """All columns and the gaps between them."""
        return sum(self.widths) + GAP * (len(self.lanes) - 1)

    def fit(self, width: int) -> bool:
        """Make it narrower, at the least expense; False where that is not enough."""
        if self.width <= width:
            return True
        for lane in self.lanes:
            lane.shorten_label()
        while self.width > width and (minor := self._dispensable(self._least(0) > width)):
            self.lanes.remove(minor)
            if not minor.empty and minor.name:
                self.left_out.append(minor.name)
        step = next((step for step in range(len(_STEPS)) if self._least(step) <= width), None)
        if step is None:
            return False
        self.cut = self.width > width
        floors = [lane.floor(step) for lane in self.lanes]
        before = [lane.floor(max(step - 1, 0)) for lane in self.lanes] if step else self.widths
        for lane, wide, floor in zip(self.lanes, before, floors, strict=True):
            lane.width = min(wide, max(floor, width))
        while self.width > width:
            room = [
                lane.width if lane.width > floor else 0
                for lane, floor in zip(self.lanes, floors, strict=True)
            ]
            self.lanes[room.index(max(room))].width -= 1
        return True

    def _least(self, step: int) -> int:
        return sum(lane.floor(step) for lane in self.lanes) + GAP * (len(self.lanes) - 1)

    def _dispensable(self, minor: bool) -> Lane | None:
        """The column to leave out next: one that is empty, then the most minor, the last of equals."""
        found = [lane for lane in self.lanes[1:] if lane.empty or (minor and lane.minor)]
        return max(reversed(found), key=lambda lane: (lane.empty, lane.minor), default=None)

    def fitted(self, row: list[str]) -> list[str]:
        """The row on one line, with its long texts shortened."""
        return next(self.lines(row)) if self.cut else row

    def lines(self, row: list[str]) -> Iterator[list[str]]:
        """The row with its long texts shortened, on as many lines as its wrapped ones take."""
        if not self.cut:
            yield row
            return
        parts = [lane.lines(text, self.mark) for lane, text in zip(self.lanes, row, strict=True)]
        for line in range(max(map(len, parts))):
            yield [part[line] if line < len(part) else "" for part in parts]


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
        yield from _parted(replace(table, rows=rows), look)
    elif rows:
        yield from _grid_or_records(table, rows, total, look)
    else:
        yield Words(cell(table.empty, look.ascii))
    if isinstance(table, Report):
        if table.footer:
            yield Words("\n".join(map(clean_lines, table.footer)))
        if table.explain:
            yield Words("\n".join(map(clean_lines, table.explain)), "faint")


def _parted(report: Report, look: Look) -> Iterator[Block]:
    """A table for each value of the block column, under that value."""
    for part in parts(report):
        yield Words(cell(part.title, look.ascii), "title")
        yield from _grid_or_records(part, list(part.rows), part.total, look)


def parts(report: Report) -> list[Report]:
    """A report by itself, or, where it has blocks, the rows of each with their own total, called like the block."""
    if not report.block:
        return [report]
    at = next(index for index, column in enumerate(report.columns) if column.name == report.block)
    return [
        replace(
            report,
            rows=list(run),
            title=report.block_title.format(value),
            head={**report.head, report.block: value},
            total=report.totals.get(value),
            block="",
        )
        for value, run in groupby(report.rows, key=lambda row: row[at])
    ]


def figures_of(report: Report, look: Look) -> Grid:
    """The rows of a report as text, in the widths they need, without its chart and decimals that say nothing."""
    grid = _grid(_Shown(replace(report, chart=None), look), list(report.rows), report.total, look)
    for lane in grid.lanes:
        lane.drop_zeros()
    return grid


def _grid_or_records(table: Table, rows: list[Row], total: Row | None, look: Look) -> Iterator[Block]:
    shown = _Shown(table, look)
    if not 0 < look.width < NARROW:
        grid = _grid(shown, rows, total, look)
        if look.width == 0 or grid.fit(look.width):
            yield grid
            if grid.left_out:
                yield Words(f"Left out for width: {', '.join(grid.left_out)}.", "faint")
            return
    for row in rows:
        yield _fields(shown, row, look)
    if total is not None:
        yield Words("Total", "title")
        yield _fields(shown, total, look)


class _Shown:
    """The columns that people see, each with the columns folded into it."""

    def __init__(self, table: Table, look: Look) -> None:
        self.groups: list[_Group] = []
        self.table = table
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

    def text(self, group: _Group, row: Row) -> str:
        """What stands in the cell of a group, not yet clean: a link's name stands right behind it."""
        whole = joint = ""
        for index, column in group:
            if text := self.says[index](row[index], row):
                whole += joint + text if whole else text
                joint = " " if column.kind == "link" else _JOINT
        return whole


def _fields(shown: _Shown, row: Row, look: Look) -> Fields:
    """What a record holds; people are spared its empty fields, which programs get as null."""
    pairs = [(group[0][1].label, clean_lines(shown.text(group, row))) for group in shown.groups]
    return Fields([(cell(label, look.ascii), text) for label, text in pairs if text])


def _grid(shown: _Shown, rows: list[Row], total: Row | None, look: Look) -> Grid:
    """All cells as text, column by column, with the width each needs and the least it can live with."""
    whole = rows if total is None else [*rows, total]
    lanes: list[Lane] = []
    for group in shown.groups:
        index, column = group[0]
        texts = [cell(shown.text(group, row), look.ascii) for row in whole]
        if not lanes and total is not None and not texts[-1]:
            texts[-1] = "Total"
        kept = 0
        if len(group) > 1 and not _cuttable(column):
            kept = max(cells(shown.says[index](row[index], row)) for row in whole)
        label, short = cell(column.label, look.ascii), cell(column.short, look.ascii)
        lanes.append(Lane(group, label, short, texts, kept))
    report = shown.table
    drawing = drawing_of(replace(report, rows=rows)) if isinstance(report, Report) else None
    if drawing is not None and not 0 < look.width < DRAWN:
        lanes.append(_bars(drawing, total is not None, look))
    return Grid(lanes, "..." if look.ascii else "…", total is not None)


def _bars(drawing: Drawing, has_total: bool, look: Look) -> Lane:
    """The column of bars, which is the first to go where there is too little room."""
    texts = drawn(drawing, look.ascii)
    column = Column("", "", cut="never", minor=1 << 10)
    return Lane([(-1, column)], "", "", texts if has_total else texts[:-1], 0)


def _least(group: _Group, label: str, kept: int) -> int:
    """The least width that cuts no reference, amount or date; `kept` is that of the reference in front."""
    (_, first), *folded = group
    if _cuttable(first):
        return LEAST_WRAPPED if first.wraps else LEAST_DEAR if first.cut == "last" else LEAST
    if not folded or not all(_cuttable(column) for _, column in folded):
        return WHOLE
    return max(kept + 1 + LEAST_FOLDED, cells(label))


def _cuttable(column: Column) -> bool:
    return column.kind in _CUTTABLE and column.name not in _NEVER_CUT and column.cut != "never"


def _is_ref(column: Column) -> bool:
    return column.name == "ref"
